import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MetricBatch, MetricPoint } from '../../../src/core/metric-batch.ts';
import type { MapEntries } from '../../../src/kernel/addon.ts';
import { mapLayout } from '../../../src/kernel/layouts.gen.ts';
import type { CallName, CallNeeds } from '../../../src/kernel/calls/needs.ts';
import { createCallMetrics } from '../../../src/receivers/syscalls/metrics.ts';
import { recordingLogger } from '../../service/fakes.ts';
import { readingOf } from '../../support/sums.ts';
import { callCountsOf, callNamesOf, type CountInput, overflowOf } from './maps.ts';

const S = 1000;
const NS = 1_000_000n;

beforeEach(() => void vi.useFakeTimers({ now: 100 * S }));
afterEach(() => void vi.useRealTimers());

/** A kernel side whose maps the test fills. */
const setUp = () => {
  const logger = recordingLogger();
  const claims: { readonly needs: CallNeeds; ended: boolean }[] = [];
  const quiet = new Set<() => void | Promise<void>>();
  const maps: { counts: MapEntries | undefined; overflow: MapEntries | undefined; names: MapEntries } = {
    counts: callCountsOf([]),
    overflow: overflowOf(),
    names: callNamesOf([]),
  };
  let inputs: readonly CountInput[] = [];
  /** Cgroups that were removed, and those whose entries were taken out. */
  const gone = new Set<number>();
  const taken: number[] = [];
  const kernel = {
    needCalls(needs: CallNeeds) {
      const claim = { needs, ended: false };
      claims.push(claim);
      return { change: () => {}, end: () => void (claim.ended = true) };
    },
    callMaps: {
      read: (map: string) => (map === 'call_names' ? maps.names : undefined),
      async readSums(map: string) {
        const entries = map === 'call_counts' ? maps.counts : maps.overflow;
        return entries && readingOf(entries, mapLayout.callCount.size);
      },
      async takeSums(_map: string, keys: Uint8Array) {
        const { size, cgroupId } = mapLayout.callCountKey;
        for (let at = 0; at < keys.length; at += size) taken.push(Buffer.from(keys).readUInt32LE(at + cgroupId));
        inputs = inputs.filter(({ cgroup = 0 }) => !taken.includes(cgroup));
        maps.counts = callCountsOf(inputs);
        return readingOf(callCountsOf(inputs.filter(({ cgroup = 0 }) => taken.includes(cgroup))), mapLayout.callCount.size);
      },
      take: () => undefined,
    },
    gate: { requires: () => true },
    caughtUp: async () => {},
    cgroups: {
      start: async () => true,
      size: 1,
      info: (id: bigint) => ({ id, path: '/', hierarchy: 0, goneAtMs: gone.has(Number(id)) ? 1 : undefined }),
    },
    onQuiet(listener: () => void | Promise<void>) {
      quiet.add(listener);
      return () => quiet.delete(listener);
    },
  };
  const open = (
    temporality: 'cumulative' | 'delta' = 'cumulative',
    calls: readonly CallName[] = ['openat', 'read', 'sendto'],
    more: object = {},
  ) => {
    const batches: MetricBatch[] = [];
    const metrics$ = createCallMetrics({
      receiver: 'syscalls/x',
      config: { metrics: { collection_interval: 10 * S, temporality, max_series: 2000, expiry: 300 * S, ...more } },
      calls: new Set(calls),
      kernel,
      logger,
    });
    const subscription = metrics$.subscribe((batch) => void batches.push(batch));
    return { batches, close: () => subscription.unsubscribe() };
  };
  return {
    open,
    claims,
    logger,
    maps,
    gone,
    taken,
    count(...next: readonly CountInput[]) {
      inputs = next;
      maps.counts = callCountsOf(next);
      maps.names = callNamesOf(next);
    },
    rest: () => Promise.all([...quiet].map((listener) => listener())),
  };
};

/** `name{attributes} value from..to`, in seconds. */
const linesOf = ({ metrics }: MetricBatch): readonly string[] =>
  metrics.flatMap(({ name, points }) =>
    (points as readonly MetricPoint[]).map(({ attributes, value, startUnixNs, timeUnixNs }) => {
      const seconds = (ns: bigint) => Number(ns / NS) / S;
      const of = attributes.map(([key, one]) => `${key.split('.').at(-2)}=${String(one)}`).join();
      return `${name.split('.').slice(1).join('.')}{${of}} ${value} ${seconds(startUnixNs)}..${seconds(timeUnixNs)}`;
    }),
  );

describe('metrics of system calls', () => {
  it('are counted while somebody listens, and read at the interval', async () => {
    const { open, claims, count } = setUp();
    const { batches, close } = open();
    expect(claims.map(({ needs }) => needs)).toEqual([
      {
        events: new Set(),
        failures: new Set(),
        limit: undefined,
        aggregateWindowMs: undefined,
        counted: new Set(['openat', 'read', 'sendto']),
        ruleSets: [],
      },
    ]);
    count(
      { inode: 1, call: 'openat', name: 'cat', calls: 5 },
      { inode: 1, call: 'openat', error: 2, name: 'cat', calls: 1 },
      { inode: 1, call: 'read', name: 'cat', calls: 3, bytes: 4096 },
      // the same name, another file
      { inode: 2, call: 'read', name: 'cat', calls: 2, bytes: 4 },
      // a kernel thread
      { inode: 0, call: 'read', name: '', calls: 1 },
      // no reads or writes, whatever they move
      { inode: 1, call: 'sendto', name: 'cat', calls: 1, bytes: 100 },
      // nobody asked for it here
      { inode: 1, call: 'close', name: 'cat', calls: 7 },
    );
    await vi.advanceTimersByTimeAsync(9 * S);
    expect(batches).toEqual([]);
    await vi.advanceTimersByTimeAsync(S);
    expect(batches.map(({ receiver, resource }) => [receiver, resource])).toEqual([['syscalls/x', undefined]]);
    expect(batches[0]!.metrics).toMatchObject([
      { name: 'ringtail.syscall.count', unit: '{call}', type: 'sum', monotonic: true, temporality: 'cumulative' },
      { name: 'ringtail.file.io', unit: 'By', type: 'sum', monotonic: true, temporality: 'cumulative' },
    ]);
    expect(linesOf(batches[0]!)).toEqual([
      'syscall.count{syscall=openat,executable=cat} 5 100..110',
      'syscall.count{syscall=openat,executable=cat,error=ENOENT} 1 100..110',
      'syscall.count{syscall=read,executable=cat} 5 100..110',
      'syscall.count{syscall=read} 1 100..110',
      'syscall.count{syscall=sendto,executable=cat} 1 100..110',
      'file.io{syscall=read,executable=cat} 4100 100..110',
    ]);
    close();
    expect(claims[0]!.ended).toBe(true);
    await vi.advanceTimersByTimeAsync(60 * S);
    expect(batches).toHaveLength(1);
  });

  it('are told by cgroup and network namespace', async () => {
    const { open, count } = setUp();
    const { batches } = open();
    count(
      { inode: 1, call: 'read', name: 'cat', calls: 3, bytes: 30, cgroup: 5 },
      { inode: 1, call: 'read', name: 'cat', calls: 4, bytes: 40, cgroup: 6 },
      { inode: 2, call: 'sendto', name: 'nc', calls: 2, cgroup: 5, netns: 9 },
    );
    await vi.advanceTimersByTimeAsync(10 * S);
    expect(linesOf(batches[0]!)).toEqual([
      'syscall.count{syscall=read,executable=cat,cgroup=5} 3 100..110',
      'syscall.count{syscall=read,executable=cat,cgroup=6} 4 100..110',
      'syscall.count{syscall=sendto,executable=nc,cgroup=5,netns=9} 2 100..110',
      'file.io{syscall=read,executable=cat,cgroup=5} 30 100..110',
      'file.io{syscall=read,executable=cat,cgroup=6} 40 100..110',
    ]);
  });

  it('have as many series as they may, and the others in one', async () => {
    const { open, count } = setUp();
    const { batches } = open('cumulative', ['read'], { max_series: 1 });
    count({ inode: 1, call: 'read', name: 'cat', calls: 3, bytes: 30 }, { inode: 2, call: 'read', name: 'dd', calls: 9, bytes: 1 });
    await vi.advanceTimersByTimeAsync(10 * S);
    expect(linesOf(batches[0]!)).toEqual([
      'syscall.count{syscall=read,executable=dd} 9 100..110',
      'syscall.count{metric=true} 3 100..110',
      'file.io{syscall=read,executable=cat} 30 100..110',
      'file.io{metric=true} 1 100..110',
    ]);
  });

  it('of a cgroup that is gone end, and the kernel forgets them', async () => {
    const { open, count, gone, taken } = setUp();
    const { batches } = open('cumulative', ['read'], { expiry: 20 * S });
    count({ inode: 1, call: 'read', name: 'cat', calls: 3, cgroup: 5 }, { inode: 1, call: 'read', name: 'cat', calls: 1, cgroup: 6 });
    await vi.advanceTimersByTimeAsync(10 * S);
    gone.add(5);
    await vi.advanceTimersByTimeAsync(50 * S);
    expect(batches.map((batch) => linesOf(batch).length)).toEqual([2, 2, 2, 1, 1, 1]);
    expect(taken).toEqual([5]);
  });

  it('keep the total exact when the map is full', async () => {
    const { open, count, maps } = setUp();
    const { batches } = open();
    count({ inode: 1, call: 'read', name: 'cat', calls: 3, bytes: 30 });
    maps.overflow = overflowOf({ read: { calls: 5, bytes: 50 }, sendto: { calls: 2, bytes: 999 }, close: { calls: 100 } });
    await vi.advanceTimersByTimeAsync(10 * S);
    expect(linesOf(batches[0]!)).toEqual([
      'syscall.count{syscall=read,executable=cat} 3 100..110',
      'syscall.count{metric=true} 7 100..110',
      'file.io{syscall=read,executable=cat} 30 100..110',
      'file.io{metric=true} 50 100..110',
    ]);
  });

  it('tell as deltas what changed since they were told', async () => {
    const { open, count } = setUp();
    const { batches } = open('delta');
    count({ inode: 1, call: 'read', name: 'cat', calls: 3, bytes: 30 });
    await vi.advanceTimersByTimeAsync(10 * S);
    await vi.advanceTimersByTimeAsync(10 * S);
    count({ inode: 1, call: 'read', name: 'cat', calls: 5, bytes: 30 }, { inode: 2, call: 'read', name: 'dd', calls: 1, bytes: 1 });
    await vi.advanceTimersByTimeAsync(10 * S);
    expect(batches.map(linesOf)).toEqual([
      ['syscall.count{syscall=read,executable=cat} 3 100..110', 'file.io{syscall=read,executable=cat} 30 100..110'],
      [
        'syscall.count{syscall=read,executable=cat} 2 120..130',
        'syscall.count{syscall=read,executable=dd} 1 120..130',
        'file.io{syscall=read,executable=dd} 1 120..130',
      ],
    ]);
  });

  it.each(['cumulative', 'delta'] as const)('go on as %s where the instance before was', async (temporality) => {
    const { open, count } = setUp();
    const first = open(temporality);
    count({ inode: 1, call: 'read', name: 'cat', calls: 3 });
    await vi.advanceTimersByTimeAsync(10 * S);
    count({ inode: 1, call: 'read', name: 'cat', calls: 4 });
    await vi.advanceTimersByTimeAsync(5 * S);
    // a reload: the new one is there before the old one goes
    const second = open(temporality);
    first.close();
    count({ inode: 1, call: 'read', name: 'cat', calls: 6 });
    await vi.advanceTimersByTimeAsync(10 * S);
    const told = temporality === 'delta' ? '3 110..125' : '6 100..125';
    expect(first.batches.flatMap(linesOf)).toEqual(['syscall.count{syscall=read,executable=cat} 3 100..110']);
    expect(second.batches.flatMap(linesOf)).toEqual([`syscall.count{syscall=read,executable=cat} ${told}`]);
  });

  it('begin anew when nobody listened for a while, though the kernel kept its numbers', async () => {
    const { open, count } = setUp();
    const first = open();
    count({ inode: 1, call: 'read', name: 'cat', calls: 3 });
    first.close();
    await vi.advanceTimersByTimeAsync(60 * S);
    const second = open();
    count({ inode: 1, call: 'read', name: 'cat', calls: 5 });
    await vi.advanceTimersByTimeAsync(10 * S);
    expect(second.batches.flatMap(linesOf)).toEqual(['syscall.count{syscall=read,executable=cat} 2 160..170']);
  });

  it('of a call that is asked for later begin later', async () => {
    const { open, count } = setUp();
    const first = open('cumulative', ['read']);
    await vi.advanceTimersByTimeAsync(5 * S);
    const second = open('cumulative', ['read', 'openat']);
    first.close();
    count({ inode: 1, call: 'read', name: 'cat', calls: 3 }, { inode: 1, call: 'openat', name: 'cat', calls: 2 });
    await vi.advanceTimersByTimeAsync(10 * S);
    expect(second.batches.flatMap(linesOf)).toEqual([
      'syscall.count{syscall=read,executable=cat} 3 100..115',
      'syscall.count{syscall=openat,executable=cat} 2 105..115',
    ]);
  });

  it('are told once more when the kernel side has come to rest, and not behind that', async () => {
    const { open, count, rest } = setUp();
    const { batches } = open();
    count({ inode: 1, call: 'read', name: 'cat', calls: 3 });
    await vi.advanceTimersByTimeAsync(S);
    await rest();
    await vi.advanceTimersByTimeAsync(60 * S);
    expect(batches.flatMap(linesOf)).toEqual(['syscall.count{syscall=read,executable=cat} 3 100..101']);
  });

  it('are nothing where the kernel counts nothing, and a failure is told', async () => {
    const { open, maps, logger } = setUp();
    const { batches } = open();
    maps.counts = undefined;
    await vi.advanceTimersByTimeAsync(10 * S);
    expect(logger.lines).toEqual([]);
    Object.defineProperty(maps, 'counts', {
      get() {
        throw new Error('EPERM');
      },
    });
    await vi.advanceTimersByTimeAsync(10 * S);
    expect(batches).toEqual([]);
    expect(logger.lines).toEqual([{ level: 'warn', message: 'what the kernel has counted could not be read', fields: { error: 'EPERM' } }]);
  });
});
