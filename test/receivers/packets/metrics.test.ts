import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { packetFamily, packetTransport } from '../../../src/kernel/layouts.gen.ts';
import { linesOf, setUp } from './support.ts';

const S = 1000;

beforeEach(() => void vi.useFakeTimers({ now: 100 * S }));
afterEach(() => void vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
/** Packets by interface, of all series and lines that are cumulative. */
const packetsOf = (lines: readonly string[]) => lines.filter((line) => line.startsWith('count')).map((line) => line.replace(/ \S+$/, ''));

describe('metrics of packets', () => {
  it('are counted while somebody listens, and read at the interval', async () => {
    const { open, state, rename, claims } = setUp();
    const { batches, close } = open({ interfaces: ['eth0'], mode: 'tcx' });
    await pass(0);
    expect(claims).toEqual([{ needs: { interfaces: ['eth0'], exclude: [], mode: 'tcx' }, ended: false }]);
    rename(2, 'eth0');
    state.counts = [
      { index: 2, family: packetFamily.ipv4, transport: packetTransport.tcp, packets: 3, bytes: 180 },
      { index: 2, family: packetFamily.ipv6, transport: packetTransport.udp, packets: 2, bytes: 2000 },
      { index: 2, family: packetFamily.ipv4, transport: packetTransport.icmp, packets: 1, bytes: 98 },
      { index: 2, family: packetFamily.ipv6, transport: packetTransport.protoOther, packets: 4, bytes: 400 },
      { index: 2, family: packetFamily.other, transport: packetTransport.protoOther, packets: 5, bytes: 300 },
    ];
    state.rest = { packets: 7, bytes: 420 };
    await pass(10 * S);
    expect(batches.map(({ receiver, resource }) => [receiver, resource])).toEqual([['packets/x', undefined]]);
    expect(batches.flatMap(({ metrics }) => metrics)).toMatchObject([
      { name: 'ringtail.packet.count', unit: '{packet}', type: 'sum', monotonic: true, temporality: 'cumulative' },
      { name: 'ringtail.packet.io', unit: 'By', type: 'sum', monotonic: true, temporality: 'cumulative' },
    ]);
    expect(batches[0]!.metrics[0]!.points[0]!.attributes).toEqual([
      ['network.interface.name', 'eth0'],
      ['network.type', 'ipv4'],
      ['network.transport', 'tcp'],
    ]);
    expect(batches[0]!.metrics[0]!.points[2]!.attributes).toContainEqual(['ringtail.network.protocol', 'icmp']);
    expect(batches.flatMap(linesOf)).toEqual([
      'count{name=eth0,type=ipv4,transport=tcp} 3 100..110',
      'count{name=eth0,type=ipv6,transport=udp} 2 100..110',
      'count{name=eth0,type=ipv4,protocol=icmp} 1 100..110',
      'count{name=eth0,type=ipv6} 4 100..110',
      'count{name=eth0,type=other} 5 100..110',
      'count{overflow=true} 7 100..110',
      'io{name=eth0,type=ipv4,transport=tcp} 180 100..110',
      'io{name=eth0,type=ipv6,transport=udp} 2000 100..110',
      'io{name=eth0,type=ipv4,protocol=icmp} 98 100..110',
      'io{name=eth0,type=ipv6} 400 100..110',
      'io{name=eth0,type=other} 300 100..110',
      'io{overflow=true} 420 100..110',
    ]);
    close();
    expect(claims.map(({ ended }) => ended)).toEqual([true]);
    await pass(60 * S);
    expect(batches).toHaveLength(1);
  });

  it('are of the interfaces that the receiver names, whoever else has others counted', async () => {
    const { open, state, rename } = setUp();
    const one = open({ interfaces: ['eth*'], exclude: ['eth1'] });
    const all = open({}, 'packets/all');
    await pass(0);
    for (const [index, name] of [[1, 'lo'], [2, 'eth0'], [3, 'eth1']] as const) rename(index, name); // prettier-ignore
    state.counts = [1, 2, 3].map((index) => ({ index, packets: index }));
    await pass(10 * S);
    expect(packetsOf(one.last())).toEqual(['count{name=eth0,type=ipv4,transport=udp} 2']);
    expect(packetsOf(all.last())).toHaveLength(3);
  });

  it('stay with the old name when an interface is renamed, to the packet', async () => {
    const { open, state, rename } = setUp();
    const { last } = open();
    await pass(0);
    rename(2, 'eth0');
    state.counts = [{ index: 2, packets: 5 }];
    await pass(10 * S);
    state.counts[0]!.packets = 8;
    rename(2, 'wan0');
    await pass(0);
    state.counts[0]!.packets = 10;
    await pass(10 * S);
    expect(packetsOf(last())).toEqual(['count{name=eth0,type=ipv4,transport=udp} 8', 'count{name=wan0,type=ipv4,transport=udp} 2']);
    // twice between two readings, and back
    rename(2, 'wan1');
    rename(2, 'eth0');
    await pass(0);
    state.counts[0]!.packets = 11;
    await pass(10 * S);
    expect(packetsOf(last())).toEqual(['count{name=eth0,type=ipv4,transport=udp} 9', 'count{name=wan0,type=ipv4,transport=udp} 2']);
  });

  it('go on where an interface is made anew under another index, and begin where an index is used again', async () => {
    const { open, state, rename } = setUp();
    const { last } = open();
    await pass(0);
    rename(2, 'veth0');
    state.counts = [{ index: 2, packets: 5 }];
    await pass(10 * S);
    state.counts = [{ index: 2, packets: 6 }];
    state.gone.add(2);
    rename(3, 'veth0');
    state.counts.push({ index: 3, packets: 4 });
    await pass(10 * S);
    expect(state.taken).toEqual([2]);
    expect(packetsOf(last())).toEqual(['count{name=veth0,type=ipv4,transport=udp} 10']);
    rename(2, 'tap0');
    await pass(0);
    state.counts.push({ index: 2, packets: 1 });
    await pass(10 * S);
    expect(packetsOf(last())).toEqual(['count{name=veth0,type=ipv4,transport=udp} 10', 'count{name=tap0,type=ipv4,transport=udp} 1']);
  });

  it('end with the interface, after the expiry', async () => {
    const { open, state, rename } = setUp();
    const { batches, last } = open({ metrics: { expiry: '30s' } });
    await pass(0);
    rename(1, 'lo');
    rename(2, 'veth0');
    state.counts = [{ index: 1, packets: 1 }, { index: 2, packets: 5 }]; // prettier-ignore
    await pass(10 * S);
    state.gone.add(2);
    await pass(20 * S);
    expect(state.counts.map(({ index }) => index)).toEqual([1]);
    expect(packetsOf(last())).toHaveLength(2);
    await pass(30 * S);
    expect(packetsOf(last())).toEqual(['count{name=lo,type=ipv4,transport=udp} 1']);
    const before = batches.length;
    // it comes back, and is a series that begins behind the other one
    rename(4, 'veth0');
    state.counts.push({ index: 4, packets: 2 });
    await pass(10 * S);
    expect(batches).toHaveLength(before + 1);
    const back = last().find((line) => line.startsWith('count{name=veth0'))!;
    expect(back).toMatch(/ 2 (1[3-9]\d)\.\.170$/);
  });

  it.each(['cumulative', 'delta'] as const)(
    'go on as %s over a reload, and begin for interfaces that it names anew',
    async (temporality) => {
      const { open, state, rename } = setUp();
      const metrics = { temporality };
      const other = open({}, 'packets/other');
      const first = open({ interfaces: ['eth0'], metrics });
      await pass(0);
      rename(2, 'eth0');
      rename(3, 'eth1');
      state.counts = [{ index: 2, packets: 5 }, { index: 3, packets: 50 }]; // prettier-ignore
      await pass(10 * S);
      expect(packetsOf(other.last())).toHaveLength(2);
      const second = open({ interfaces: ['eth0', 'eth1'], metrics });
      first.close();
      await pass(0);
      state.counts = [{ index: 2, packets: 7 }, { index: 3, packets: 53 }]; // prettier-ignore
      await pass(10 * S);
      const told = temporality === 'delta' ? ['2 110..120', '3 110..120'] : ['7 100..120', '3 110..120'];
      expect(second.last().filter((line) => line.startsWith('count'))).toEqual(
        ['eth0', 'eth1'].map((name, i) => `count{name=${name},type=ipv4,transport=udp} ${told[i]}`),
      );
      // one that is named no more ends, and begins when it is named again
      const third = open({ interfaces: ['eth1'], metrics });
      second.close();
      state.counts = [{ index: 2, packets: 9 }, { index: 3, packets: 54 }]; // prettier-ignore
      await pass(10 * S);
      expect(third.last().filter((line) => line.startsWith('count{name=eth0'))).toEqual([]);
      const fourth = open({ interfaces: ['eth*'], metrics });
      third.close();
      await pass(0);
      state.counts = [{ index: 2, packets: 10 }, { index: 3, packets: 55 }]; // prettier-ignore
      await pass(10 * S);
      expect(fourth.last().find((line) => line.startsWith('count{name=eth0'))).toBe('count{name=eth0,type=ipv4,transport=udp} 1 130..140');
    },
  );

  it('do not go back when the programs are loaded anew', async () => {
    const { open, state, rename } = setUp();
    const { last } = open();
    await pass(0);
    rename(2, 'eth0');
    state.counts = [{ index: 2, packets: 5 }];
    await pass(10 * S);
    state.generation = 2;
    state.counts = [{ index: 2, packets: 6 }];
    await pass(10 * S);
    expect(packetsOf(last())).toEqual(['count{name=eth0,type=ipv4,transport=udp} 11']);
    state.counts = undefined;
    await pass(10 * S);
    state.generation = 3;
    state.counts = [{ index: 2, packets: 1 }];
    await pass(10 * S);
    expect(packetsOf(last())).toEqual(['count{name=eth0,type=ipv4,transport=udp} 12']);
  });

  it('do not have what others had counted before', async () => {
    const { open, state, rename } = setUp();
    rename(2, 'eth0');
    state.counts = [{ index: 2, packets: 1000 }];
    const { last } = open();
    await pass(0);
    state.counts = [{ index: 2, packets: 1003 }];
    await pass(10 * S);
    expect(last()).toEqual(['count{name=eth0,type=ipv4,transport=udp} 3 100..110', 'io{name=eth0,type=ipv4,transport=udp} 300 100..110']);
  });

  it('have as many series as is allowed, and all the packets; those of an interface without a name too', async () => {
    const { open, state, rename } = setUp();
    const { last } = open({ metrics: { max_series: 2 } });
    await pass(0);
    for (let index = 1; index <= 9; index++) rename(index, `veth${index}`);
    state.counts = Array.from({ length: 10 }, (_, index) => ({ index: index + 1, packets: index + 1 }));
    state.rest = { packets: 45, bytes: 0 };
    await pass(10 * S);
    const lines = packetsOf(last());
    expect(lines).toHaveLength(3);
    expect(lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)).toBe(100);
  });

  it('are told once more when the kernel side has come to rest, and of a failure', async () => {
    const { open, state, rename, rest, logger } = setUp();
    const { batches } = open();
    await pass(S);
    rename(2, 'eth0');
    state.counts = new Error('EPERM');
    await pass(10 * S);
    expect(logger.lines).toEqual([
      { level: 'warn', message: 'what the kernel has counted of packets could not be read', fields: { error: 'EPERM' } },
    ]);
    state.counts = [{ index: 2, packets: 3 }];
    await rest();
    await pass(60 * S);
    expect(batches.flatMap(linesOf)[0]).toBe('count{name=eth0,type=ipv4,transport=udp} 3 100..111');
  });
});
