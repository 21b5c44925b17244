import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sessionState } from '../../../src/kernel/layouts.gen.ts';
import { linesOf, pass, S, setUp, valuesOf } from './metrics-support.ts';

const { tcpEstablished, tcpTimeWait, tcpSynSent } = sessionState;
const ECONNREFUSED = 111;

beforeEach(() => void vi.useFakeTimers({ now: 100 * S }));
afterEach(() => void vi.useRealTimers());

describe('metrics of sessions', () => {
  it('are added up by the kernel while somebody listens, without a record', async () => {
    const { open, claims, now, walks } = setUp();
    const { batches, close } = open({ protocols: ['tcp', 'udp'] });
    expect(claims.map(({ needs }) => needs)).toMatchObject([
      { events: new Set(), states: new Set(), counted: true, protocols: new Set(['tcp', 'udp']), families: new Set(['ipv4', 'ipv6']) },
    ]);
    now.isLoaded = false;
    await pass(10);
    expect(batches).toEqual([]);
    now.isLoaded = true;
    now.ended = [
      { opened: 5, sent: 1000, received: 40, ended: [[0, 500_000], [5, 100_000_001]] },
      { state: tcpSynSent, error: ECONNREFUSED, failed: 2 },
      { error: 104, ended: [[13, 8_000_000_000_000]] },
      { transport: 'udp', family: 6, role: 'server', opened: 1 },
      { transport: 'udp', cgroup: 0, netns: 0, role: 'unknown', received: 9 },
      // nobody asked for it
      { transport: 'icmp', family: 4, opened: 1, sent: 64 },
    ]; // prettier-ignore
    now.live = [
      { state: tcpEstablished, open: 3, sent: 500, received: 2 },
      { role: 'server', state: tcpEstablished, open: 1 },
      { transport: 'udp', family: 6, role: 'server', open: 1, sent: 12, received: 7 },
      { cgroup: 0, role: 'unknown', state: tcpTimeWait, open: 4 },
    ];
    await pass(10);
    expect(walks.slice(-4)).toEqual(['on_clear_live', 'on_live_sessions', 'on_live_flows', 'on_time_wait']);
    expect(batches.map(({ receiver, resource }) => [receiver, resource])).toEqual([['sockets/x', undefined]]);
    expect(batches[0]!.metrics).toMatchObject([
      { name: 'ringtail.session.count', unit: '{session}', type: 'sum', monotonic: false, temporality: 'cumulative' },
      { name: 'ringtail.session.opened', unit: '{session}', type: 'sum', monotonic: true, temporality: 'cumulative' },
      { name: 'ringtail.session.failed', unit: '{session}', type: 'sum', monotonic: true, temporality: 'cumulative' },
      { name: 'ringtail.session.duration', unit: 's', type: 'histogram', temporality: 'cumulative' },
      { name: 'ringtail.network.io', unit: 'By', type: 'sum', monotonic: true, temporality: 'cumulative' },
    ]);
    const [tcp, udp6] = ['network.transport=tcp,network.type=ipv4', 'network.transport=udp,network.type=ipv6'];
    const place = 'cgroup.id=7,netns.cookie=1';
    expect(linesOf(batches[0]!)).toEqual([
      `session.count{${tcp},connection.state=established,session.role=client,${place}} 3 100..120`,
      `session.count{${tcp},connection.state=established,session.role=server,${place}} 1 100..120`,
      `session.count{${udp6},session.role=server,${place}} 1 100..120`,
      `session.count{${tcp},connection.state=time_wait,netns.cookie=1} 4 100..120`,
      `session.opened{${tcp},connection.state=established,session.role=client,${place}} 5 100..120`,
      `session.opened{${udp6},session.role=server,${place}} 1 100..120`,
      `session.failed{${tcp},connection.state=syn_sent,session.role=client,error.type=ECONNREFUSED,${place}} 2 100..120`,
      `session.duration{${tcp},session.role=client,${place}} 2 0.100500001s le0.001:1,le0.5:1 100..120`,
      `session.duration{${tcp},session.role=client,error.type=ECONNRESET,${place}} 1 8000s le∞:1 100..120`,
      `network.io{io.direction=transmit,${tcp},${place}} 1500 100..120`,
      `network.io{io.direction=receive,${tcp},${place}} 42 100..120`,
      'network.io{io.direction=receive,network.transport=udp,network.type=ipv4} 9 100..120',
      `network.io{io.direction=transmit,${udp6},${place}} 12 100..120`,
      `network.io{io.direction=receive,${udp6},${place}} 7 100..120`,
    ]);
    close();
    expect(claims[0]!.ended).toBe(true);
    await pass(60);
    expect(batches).toHaveLength(1);
  });

  it('are those of the families and protocols that were asked for, and raw and ICMP are protocols', async () => {
    const { open, now } = setUp();
    now.isLoaded = false;
    const { batches } = open({ families: ['ipv6'], protocols: ['icmp', 'raw', 'tcp'] });
    await pass(1);
    now.isLoaded = true;
    now.ended = [{ opened: 1 }, { transport: 'icmp', family: 6, opened: 2 }, { transport: 'raw', family: 6, opened: 3 }];
    await pass(10);
    expect(linesOf(batches[0]!)).toEqual([
      'session.opened{network.protocol=icmp,network.type=ipv6,session.role=client,cgroup.id=7,netns.cookie=1} 2 100..110',
      'session.opened{network.protocol=raw,network.type=ipv6,session.role=client,cgroup.id=7,netns.cookie=1} 3 100..110',
    ]);
  });

  it('are those of the cgroups of a receiver where another one asks for others', async () => {
    const { open, now } = setUp();
    now.live = [{ cgroup: 0, state: tcpTimeWait, open: 4 }];
    const { batches } = open({ cgroup: '/sys/fs/cgroup/a' }, (id) => id === 7n);
    await pass(1);
    now.ended = [{ opened: 5 }, { cgroup: 8, opened: 2 }]; // prettier-ignore
    now.rest = { opened: 1 };
    await pass(9);
    expect(valuesOf(batches[0]!, 'session')).toEqual(['5', '1']);
  });

  it('have TIME_WAIT from procfs where there is no iterator, and nothing of what is open', async () => {
    const { open, now } = setUp();
    now.canWalk = false;
    now.timeWait = 12;
    now.live = [{ state: tcpEstablished, open: 1, sent: 5 }];
    const [whole, part] = [open(), open({ families: ['ipv4'] }, undefined, 'sockets/y')];
    await pass(1);
    now.ended = [{ opened: 1, sent: 5 }];
    await pass(9);
    expect(linesOf(whole.batches[0]!).filter((line) => line.startsWith('session.count'))).toEqual([
      'session.count{network.transport=tcp,connection.state=time_wait} 12 100..110',
    ]);
    expect(part.batches.map((batch) => valuesOf(batch, 'session.count'))).toEqual([[]]);
    expect(valuesOf(whole.batches[0]!, 'network.io')).toEqual(['5']);
  });

  it('begin with what is there when they are asked for', async () => {
    const { open, now } = setUp();
    now.ended = [{ opened: 5, sent: 100 }];
    now.live = [{ state: tcpEstablished, open: 2, sent: 1000 }];
    const { batches } = open();
    await pass(5);
    now.live = [{ state: tcpEstablished, open: 2, sent: 1010 }];
    await pass(5);
    now.ended = [{ opened: 6, sent: 1200 }];
    now.live = [];
    await pass(10);
    expect(batches.map((batch) => valuesOf(batch, 'network.io'))).toEqual([['10'], ['100']]);
    expect(batches.map((batch) => valuesOf(batch, 'session.opened'))).toEqual([[], ['1']]);
  });

  it('never go back: what ends between the two readings is in the next one', async () => {
    const { open, now } = setUp();
    const { batches } = open();
    await pass(5);
    now.live = [{ state: tcpEstablished, open: 1, sent: 900 }];
    await pass(5);
    now.beforeWalk = () => {
      now.ended = [{ sent: 1000 }];
      now.live = [];
    };
    await pass(20);
    expect(batches.map((batch) => valuesOf(batch, 'network.io'))).toEqual([['900'], ['900'], ['1000']]);
  });

  it('tell once that nothing is open any more', async () => {
    const { open, now } = setUp();
    const { batches } = open();
    now.live = [{ state: tcpEstablished, open: 1 }];
    await pass(10);
    now.live = [];
    await pass(20);
    expect(batches.map((batch) => valuesOf(batch, 'session.count'))).toEqual([['1'], ['0']]);
  });

  it('keep the total exact when the maps are full', async () => {
    const { open, now } = setUp();
    const { batches } = open();
    await pass(5);
    now.ended = [{ opened: 1, sent: 1 }];
    now.rest = { opened: 4, failed: 1, sent: 10, received: 5, ended: [[1, 2_000_000]] };
    now.restLive = { open: 2, sent: 100, received: 0 };
    await pass(5);
    expect(linesOf(batches[0]!).filter((line) => line.includes('overflow'))).toEqual([
      'session.count{metric.overflow=true} 2 100..110',
      'session.opened{metric.overflow=true} 4 100..110',
      'session.failed{metric.overflow=true} 1 100..110',
      'session.duration{metric.overflow=true} 1 0.002s le0.005:1 100..110',
      'network.io{metric.overflow=true} 115 100..110',
    ]);
  });

  it('have as many series as they may, those that move most, and the others in one', async () => {
    const { open, now } = setUp();
    const { batches } = open({ metrics: { max_series: 1 } });
    await pass(5);
    now.ended = [{ cgroup: 1, opened: 2 }, { cgroup: 2, opened: 5 }, { cgroup: 3, opened: 1 }]; // prettier-ignore
    now.rest = { opened: 10 };
    await pass(5);
    expect(linesOf(batches[0]!).map((line) => line.replace(/\{.*(?=cgroup|metric)/, '{'))).toEqual([
      'session.opened{cgroup.id=2,netns.cookie=1} 5 100..110',
      'session.opened{metric.overflow=true} 13 100..110',
    ]);
  });

  it('of a cgroup that is gone end when nothing moved for the expiry, and the kernel forgets them', async () => {
    const { open, now, gone, taken } = setUp();
    const { batches } = open({ metrics: { expiry: '20s' } });
    await pass(5);
    now.ended = [{ cgroup: 1, opened: 2, sent: 10 }, { cgroup: 2, opened: 5 }]; // prettier-ignore
    await pass(5);
    gone.add(1);
    await pass(50);
    expect(batches.map((batch) => valuesOf(batch, 'session.opened'))).toEqual([['2', '5'], ['2', '5'], ['2', '5'], ['5'], ['5'], ['5']]); // prettier-ignore
    expect(taken).toEqual([{ cgroup: 1, opened: 2, sent: 10 }]);
    now.ended = [...now.ended, { cgroup: 1, opened: 1 }];
    await pass(10);
    expect(linesOf(batches.at(-1)!).filter((line) => line.includes('id=1'))).toEqual([
      expect.stringMatching(/^session\.opened.* 1 1[3-6]0\.\.170$/),
    ]);
  });

  it('go on where the receiver was that is replaced, with its start time', async () => {
    const { open, now } = setUp();
    const first = open();
    await pass(1);
    now.ended = [{ opened: 2, sent: 50 }];
    await pass(9);
    const second = open({ metrics: { collection_interval: '5s' } });
    first.close();
    now.ended = [{ opened: 3, sent: 60 }];
    await pass(5);
    expect(linesOf(second.batches[0]!).map((line) => line.replace(/\{.*\}/, ''))).toEqual([
      'session.opened 3 100..115',
      'network.io 60 100..115',
    ]);
    second.close();
    // nobody counted meanwhile
    const third = open();
    await pass(1);
    now.ended = [{ opened: 4, sent: 60 }];
    await pass(9);
    expect(linesOf(third.batches[0]!).map((line) => line.replace(/\{.*\}/, ''))).toEqual(['session.opened 1 115..125']);
  });

  it('go on when the programs are loaded anew and count from nothing', async () => {
    const { open, now } = setUp();
    const { batches } = open();
    await pass(1);
    now.ended = [{ opened: 9, sent: 50 }, { role: 'server', opened: 1 }]; // prettier-ignore
    now.live = [{ state: tcpEstablished, open: 1, sent: 7 }];
    await pass(9);
    now.generation++;
    now.ended = [{ opened: 2, sent: 5 }];
    now.live = [{ state: tcpEstablished, open: 1, sent: 1 }];
    await pass(10);
    expect(batches.map((batch) => valuesOf(batch, 'session.opened'))).toEqual([['9', '1'], ['11', '1']]); // prettier-ignore
    expect(batches.map((batch) => valuesOf(batch, 'network.io'))).toEqual([['57'], ['63']]);
  });

  it('are deltas that follow each other without a gap, where these are wanted', async () => {
    const { open, now } = setUp();
    const delta = { metrics: { temporality: 'delta' } };
    const first = open(delta);
    await pass(1);
    now.ended = [{ opened: 2, ended: [[0, 1_000_000]] }];
    now.live = [{ state: tcpEstablished, open: 1, sent: 5 }];
    await pass(9);
    expect(first.batches[0]!.metrics).toMatchObject([{ temporality: 'cumulative' }, { temporality: 'delta' }, { temporality: 'delta' }, { temporality: 'delta' }]); // prettier-ignore
    const second = open(delta);
    first.close();
    now.ended = [{ opened: 5, ended: [[0, 1_000_000], [2, 9_000_000]] }]; // prettier-ignore
    await pass(20);
    const bare = [...first.batches, ...second.batches].map((batch) => linesOf(batch).map((line) => line.replace(/\{.*\}/, '')));
    expect(bare).toEqual([
      ['session.count 1 100..110', 'session.opened 2 100..110', 'session.duration 1 0.001s le0.001:1 100..110', 'network.io 5 100..110'],
      ['session.count 1 100..120', 'session.opened 3 110..120', 'session.duration 1 0.009s le0.01:1 110..120'],
      ['session.count 1 100..130'],
    ]);
  });

  it('are read a last time when the kernel side has come to rest, and not behind that', async () => {
    const { open, now, rest } = setUp();
    const { batches } = open();
    await pass(1);
    now.ended = [{ opened: 1 }];
    await rest();
    await pass(60);
    expect(batches.map((batch) => valuesOf(batch, 'session.opened'))).toEqual([['1']]);
  });

  it('are nothing where the kernel counts nothing, and a failure is told', async () => {
    const { open, maps, logger, now } = setUp();
    now.isLoaded = false;
    const { batches } = open();
    await pass(10);
    expect(logger.lines).toEqual([]);
    vi.spyOn(maps, 'readSums').mockRejectedValue(new Error('EPERM'));
    await pass(10);
    expect(batches).toEqual([]);
    expect(logger.lines).toEqual([
      { level: 'warn', message: 'what the kernel has added up of sessions could not be read', fields: { error: 'EPERM' } },
    ]);
  });
});
