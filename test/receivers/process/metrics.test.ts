import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { headFlag } from '../../../src/kernel/layouts.gen.ts';
import { linesOf, setUp } from './support.ts';

const S = 1000;

beforeEach(() => void vi.useFakeTimers({ now: 100 * S }));
afterEach(() => void vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('metrics of processes', () => {
  it('are counted while somebody listens, and read at the interval', async () => {
    const { open, state, claims } = setUp();
    const { batches, close } = open();
    await pass(0);
    expect(claims).toEqual([{ ended: false }]);
    state.names.set(1000, 'anna');
    state.counts = [
      { cgroup: 7, netns: 1, uid: 1000, execs: 3, exits: 2 },
      { cgroup: 8, netns: 1, uid: 0, execs: 1 },
    ];
    state.rest = { execs: 5, exits: 6 };
    state.alive = new Map([[7, 4], [8, 1], [0, 2]]); // prettier-ignore
    await pass(10 * S);
    expect(batches.map(({ receiver, resource }) => [receiver, resource])).toEqual([['process/x', undefined]]);
    expect(batches.flatMap(({ metrics }) => metrics)).toMatchObject([
      { name: 'ringtail.process.exec.count', unit: '{exec}', type: 'sum', monotonic: true, temporality: 'cumulative' },
      { name: 'ringtail.process.exit.count', unit: '{exit}', type: 'sum', monotonic: true, temporality: 'cumulative' },
      { name: 'ringtail.process.count', unit: '{process}', type: 'sum', monotonic: false, temporality: 'cumulative' },
    ]);
    expect(batches.flatMap(linesOf)).toEqual([
      'exec.count{owner=anna,user.id=1000,cgroup.id=7,netns.cookie=1} 3 100..110',
      'exec.count{user.id=0,cgroup.id=8,netns.cookie=1} 1 100..110',
      'exec.count{metric.overflow=true} 5 100..110',
      'exit.count{owner=anna,user.id=1000,cgroup.id=7,netns.cookie=1} 2 100..110',
      'exit.count{metric.overflow=true} 6 100..110',
      'count{cgroup.id=7} 4 100..110',
      'count{cgroup.id=8} 1 100..110',
      'count{} 2 100..110',
    ]);
    close();
    expect(claims).toEqual([{ ended: true }]);
    await pass(60 * S);
    expect(batches).toHaveLength(1);
  });

  it('give no name of the host to a user of a container, and ask for a name that is not known again', async () => {
    const { open, state, asked } = setUp();
    const { batches } = open();
    await pass(0);
    state.counts = [{ uid: 33, flags: headFlag.nestedPidNs, execs: 1 }, { uid: 34, execs: 1 }]; // prettier-ignore
    await pass(10 * S);
    state.names.set(34, 'late').set(33, 'www-data');
    state.counts = [...state.counts, { uid: 34, cgroup: 9, execs: 2 }];
    await pass(10 * S);
    // who was told without a name goes on without
    expect(batches.map(linesOf)).toEqual([
      ['exec.count{user.id=33} 1 100..110', 'exec.count{user.id=34} 1 100..110'],
      [
        'exec.count{user.id=33} 1 100..120',
        'exec.count{user.id=34} 1 100..120',
        'exec.count{owner=late,user.id=34,cgroup.id=9} 2 100..120',
      ],
    ]);
    expect(asked).toEqual([{ uid: 34 }, { uid: 34 }]);
  });

  it('do not wait for a user base that hangs', async () => {
    const { open, state } = setUp();
    state.names.get = () => new Promise(() => {}) as never;
    const { batches } = open();
    await pass(0);
    state.counts = [{ uid: 34, execs: 1 }];
    await pass(12 * S);
    expect(batches.flatMap(linesOf)).toEqual([expect.stringMatching(/^exec\.count\{user\.id=34\} 1 /)]);
  });

  it.each(['cumulative', 'delta'] as const)('go on as %s where the instance before was', async (temporality) => {
    const { open, state } = setUp();
    const first = open({ temporality });
    await pass(0);
    state.counts = [{ uid: 1, execs: 3 }];
    state.alive = new Map([[5, 2]]);
    await pass(10 * S);
    const second = open({ temporality });
    first.close();
    state.counts = [{ uid: 1, execs: 7 }];
    await pass(10 * S);
    expect(first.batches.flatMap(linesOf)).toEqual(['exec.count{user.id=1} 3 100..110', 'count{cgroup.id=5} 2 100..110']);
    const told = temporality === 'delta' ? '4 110..120' : '7 100..120';
    expect(second.batches.flatMap(linesOf)).toEqual([`exec.count{user.id=1} ${told}`, 'count{cgroup.id=5} 2 100..120']);
  });

  it('have as many series as is allowed, and all the units', async () => {
    const { open, state } = setUp();
    const { batches } = open({ max_series: 2 });
    await pass(0);
    state.counts = Array.from({ length: 10 }, (_, uid) => ({ uid, execs: uid + 1 }));
    await pass(10 * S);
    const lines = batches.flatMap(linesOf);
    expect(lines).toHaveLength(3);
    expect(lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)).toBe(55);
  });

  it('are told once more when the kernel side has come to rest', async () => {
    const { open, state, rest } = setUp();
    const { batches } = open();
    await pass(S);
    state.counts = [{ uid: 1, exits: 3 }];
    await rest();
    await pass(60 * S);
    expect(batches.flatMap(linesOf)).toEqual(['exit.count{user.id=1} 3 100..101']);
  });

  it('tell only who is alive where nothing can be counted, and of a failure', async () => {
    const { open, state, logger } = setUp();
    state.counts = undefined;
    const { batches } = open();
    await pass(0);
    state.alive = new Map([[5, 2]]);
    await pass(10 * S);
    expect(batches.flatMap(linesOf)).toEqual(['count{cgroup.id=5} 2 100..110']);
    expect(logger.lines).toEqual([]);
    state.counts = new Error('EPERM');
    await pass(10 * S);
    expect(batches).toHaveLength(1);
    expect(logger.lines).toEqual([
      { level: 'warn', message: 'what the kernel has counted of processes could not be read', fields: { error: 'EPERM' } },
    ]);
  });
});
