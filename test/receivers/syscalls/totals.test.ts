import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Batch } from '../../../src/core/batch.ts';
import { createHub } from '../../../src/kernel/hub.ts';
import { eventKind } from '../../../src/kernel/layouts.gen.ts';
import { attributesOf, unixNsOf } from '../../../src/otlp/log-text.ts';
import { subscribeCallEvents } from '../../../src/receivers/shared/call-events.ts';
import { callsOf } from '../../../src/receivers/shared/call-names.ts';
import { totalsOf as readerOf } from '../../../src/receivers/syscalls/totals.ts';
import { recordingLogger } from '../../service/fakes.ts';
import { totalKey, totalsOf, totalValue, type TotalInput } from './maps.ts';
import { frameOf } from './support.ts';

const S = 1000;
const { read, write } = eventKind;

beforeEach(
  () =>
    void vi.useFakeTimers({
      now: 100 * S,
      toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance', 'Date'],
    }),
);
afterEach(() => void vi.useRealTimers());

/** A kernel side whose sums the test fills; the gate lets everything through. */
const setUp = () => {
  const logger = recordingLogger();
  const hub = createHub({ gate: { admit: () => undefined }, logger });
  const quiet = new Set<() => void>();
  const ended = new Set<number>();
  const world = { sums: [] as readonly TotalInput[], taken: [] as number[], refuses: false, through: Promise.resolve() };
  const kernel = {
    hub,
    processes: { hasEnded: (pid: number) => ended.has(pid) },
    callMaps: {
      read() {
        if (world.refuses) throw new Error('EPERM');
        return totalsOf(world.sums);
      },
      take(_map: string, key: Uint8Array) {
        const found = world.sums.find((sum) => totalKey(sum).equals(key));
        if (found === undefined) return undefined;
        world.sums = world.sums.filter((sum) => sum !== found);
        world.taken.push(found.inode);
        return totalValue(found);
      },
    },
    caughtUp: () => world.through,
    onQuiet(listener: () => void) {
      quiet.add(listener);
      return () => quiet.delete(listener);
    },
  };
  const records: string[] = [];
  const show = (batch: Batch): void => {
    for (let row = 0; row < batch.rows; row++) {
      const { 'ringtail.io.calls': calls, 'ringtail.io.transferred': bytes, 'ringtail.window_ns': windowNs, ...rest } = Object.fromEntries(attributesOf(batch, row));
      records.push(`${rest['process.pid']} ${batch.kind.eventName.split('.').at(-1)} ${rest['file.path']} ${calls}/${bytes} in ${Number(windowNs) / 1e9}`);
    } // prettier-ignore
  };
  subscribeCallEvents(hub, { receiver: 'syscalls', calls: callsOf(['io']), machine: 'x86_64', withTotals: true, next: show });
  const totals = readerOf(kernel as never, logger);
  return {
    totals,
    world,
    hub,
    ended,
    logger,
    kernel,
    told: () => records.splice(0),
    rest: () => quiet.forEach((listener) => listener()),
  };
};

describe('sums of reads and writes', () => {
  it('are told once a window, as far as they grew', async () => {
    const { totals, world, told } = setUp();
    const leave = totals.join(5 * S);
    world.sums = [
      { pid: 1, inode: 1, kind: read, calls: 3, transferred: 30, path: '/a' },
      { pid: 1, inode: 1, kind: write, calls: 1, transferred: 5, path: '/a', call: 'write' },
      { pid: 2, inode: 1, kind: read, calls: 1, transferred: 0, path: '/a' },
    ];
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(told()).toEqual(['1 read /a 3/30 in 5', '2 read /a 1/0 in 5', '1 write /a 1/5 in 5']);
    world.sums = [{ ...world.sums[0]!, calls: 10, transferred: 37 }, ...world.sums.slice(1)];
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(told()).toEqual(['1 read /a 7/7 in 5']);
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(told()).toEqual([]);
    leave();
    world.sums = [{ ...world.sums[0]!, calls: 20 }];
    await vi.advanceTimersByTimeAsync(60 * S);
    expect(told()).toEqual([]);
    expect(world.taken).toEqual([]);
  });

  it('have the names and descriptors that all of their calls have', async () => {
    const { totals, world, hub } = setUp();
    const all: (readonly [string, unknown])[][] = [];
    subscribeCallEvents(hub, {
      receiver: 'syscalls', calls: callsOf(['io']), machine: 'x86_64', withTotals: true,
      next(batch) {
        for (let row = 0; row < batch.rows; row++) all.push(attributesOf(batch, row).filter(([name]) => /syscall|fd$|window/.test(name)) as never);
      },
    }); // prettier-ignore
    totals.join(5 * S);
    world.sums = [
      { pid: 1, inode: 1, kind: read, calls: 3 },
      { pid: 1, inode: 2, kind: read, calls: 3, fd: -1, call: 'none' },
    ];
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(all).toEqual([
      [
        ['ringtail.syscall.name', 'read'],
        ['ringtail.fd', 3],
        ['ringtail.window_ns', 5_000_000_000],
      ],
      [['ringtail.window_ns', 5_000_000_000]],
    ]);
  });

  it('of a process that has ended are told soon, whatever the window, and taken out', async () => {
    const { totals, world, told, ended } = setUp();
    totals.join(60 * S);
    world.sums = [
      { pid: 1, inode: 1, kind: read, calls: 3 },
      { pid: 2, inode: 2, kind: read, calls: 4 },
    ];
    await vi.advanceTimersByTimeAsync(10 * S);
    expect(told()).toEqual([]);
    ended.add(2);
    await vi.advanceTimersByTimeAsync(10 * S);
    expect(told()).toEqual(['2 read /f 4/4 in 20']);
    expect(world.taken).toEqual([2]);
    await vi.advanceTimersByTimeAsync(40 * S);
    expect(told()).toEqual(['1 read /f 3/3 in 60']);
  });

  it('that rest make room when there are many', async () => {
    const { totals, world, told } = setUp();
    totals.join(5 * S);
    const many = Array.from({ length: 5000 }, (_, inode) => ({ pid: 1, inode, kind: read, calls: 1 }));
    world.sums = many;
    await vi.advanceTimersByTimeAsync(5 * S);
    // frame by frame, and others between
    expect(told()).toHaveLength(1024);
    for (let turn = 0; turn < 4; turn++) await vi.advanceTimersByTimeAsync(1);
    expect(told()).toHaveLength(5000 - 1024);
    world.sums = [{ ...many[0]!, calls: 2 }, ...many.slice(1)];
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(told()).toHaveLength(1);
    expect(world.sums).toHaveLength(1);
    expect(world.taken).toHaveLength(4999);
    // one that comes back begins at nothing
    world.sums = [...world.sums, { ...many[7]!, calls: 2 }];
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(told()).toEqual(['1 read /f 2/2 in 5']);
  });

  it('are told by one reader for all, at the shortest window', async () => {
    const { totals, kernel, world, told, logger } = setUp();
    expect(readerOf(kernel as never, logger)).toBe(totals);
    const first = totals.join(60 * S);
    const second = totals.join(5 * S);
    first();
    world.sums = [{ pid: 1, inode: 1, kind: read, calls: 3 }];
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(told()).toEqual(['1 read /f 3/3 in 5']);
    // a reload: the next one goes on
    const third = totals.join(5 * S);
    second();
    world.sums = [{ pid: 1, inode: 1, kind: read, calls: 4 }];
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(told()).toEqual(['1 read /f 1/1 in 5']);
    third();
  });

  it('are all told at the end, and when adding up ends', async () => {
    const { totals, world, told, rest } = setUp();
    const leave = totals.join(60 * S);
    world.sums = [{ pid: 1, inode: 1, kind: read, calls: 3 }];
    await vi.advanceTimersByTimeAsync(2 * S);
    rest();
    expect(told()).toEqual(['1 read /f 3/3 in 2']);
    leave();
    world.sums = [{ pid: 1, inode: 1, kind: read, calls: 8 }];
    totals.drain();
    await world.through;
    expect(told()).toEqual(['1 read /f 8/8 in 0']);
    expect(world.sums).toEqual([]);
  });

  it('wait where nobody can take more, and begin anew with other programs', async () => {
    const { totals, world, told, hub } = setUp();
    totals.join(5 * S);
    world.sums = [{ pid: 1, inode: 1, kind: read, calls: 5 }];
    const free = Promise.withResolvers<void>();
    const end = hub.holdWhile(() => free.promise);
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(told()).toEqual([]);
    end();
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(told()).toEqual(['1 read /f 5/5 in 10']);
    world.sums = [{ pid: 1, inode: 1, kind: read, calls: 2 }];
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(told()).toEqual(['1 read /f 2/2 in 5']);
  });

  it('have the clock of the frames of the kernel', async () => {
    const { totals, world, hub } = setUp();
    totals.join(5 * S);
    const frame = frameOf([{ kind: eventKind.read, call: 'read', columns: { ret: 1 } }]);
    hub.deliver(frame, () => {});
    const times: bigint[] = [];
    subscribeCallEvents(hub, { receiver: 's', calls: callsOf(['io']), machine: 'x86_64', withTotals: true, next: (batch) => void times.push(unixNsOf(batch, 0)) }); // prettier-ignore
    world.sums = [{ pid: 1, inode: 1, kind: read, calls: 5, lastNs: 77n }];
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(times).toEqual([frame.wallOffsetNs + 77n]);
  });

  it('that cannot be read are told of, and read again later', async () => {
    const { totals, world, told, logger } = setUp();
    totals.join(5 * S);
    world.refuses = true;
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(logger.lines).toEqual([{ level: 'warn', message: 'sums of reads and writes could not be read', fields: { error: 'EPERM' } }]);
    world.refuses = false;
    world.sums = [{ pid: 1, inode: 1, kind: read, calls: 5 }];
    await vi.advanceTimersByTimeAsync(5 * S);
    expect(told()).toEqual(['1 read /f 5/5 in 10']);
  });
});
