import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKernelFrameBuilder } from '../../src/kernel/frame-builder.ts';
import type { KernelFrame } from '../../src/kernel/frames.ts';
import { eventKind } from '../../src/kernel/layouts.gen.ts';
import { createProcessTable, type ProcessTable } from '../../src/kernel/lifecycle/process-table.ts';

type Live = { pid: number; startNs: bigint; execId: number; path: string };
type Program = { readonly pid: number; readonly startNs: bigint; readonly execId: number; readonly path: string };
const keyOf = ({ pid, startNs, execId }: { pid: number; startNs: bigint; execId: number }) => `${pid}/${startNs}/${execId}`;

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('fork' as const), who: fc.nat(), pid: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('exec' as const), who: fc.nat(), path: fc.constantFrom('/a', '/b', '/c/d', '/e') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('exit' as const), who: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('frame' as const), lateMs: fc.integer({ min: 0, max: 40 }) }) },
);

/** Plays steps as a kernel would, hands the frames over, and checks after each what every program that ever ran resolves to. */
const play = (
  steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
  table: ProcessTable,
  advance: (ms: number) => void,
) => {
  const everything = new Map<string, Program>();
  let clockNs = 1_000n;
  const alive: Live[] = [{ pid: 1, startNs: 1n, execId: 0xffff_fffe, path: '/init' }];
  const ran = (program: Live): void => void everything.set(keyOf(program), { ...program });
  let builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
  builder.addRow(eventKind.task, { bootNs: clockNs, actor: builder.addActor(alive[0]!), columns: { path: '/init' } });
  ran(alive[0]!);
  const check = (frame: KernelFrame): { known: number } => {
    table.absorb(frame);
    const { actors } = frame;
    table.resolve(frame).forEach((slot, actor) => {
      const startNs = (BigInt(actors.startNsHi[actor]!) << 32n) | BigInt(actors.startNsLo[actor]!);
      const program = everything.get(keyOf({ pid: actors.pid[actor]!, startNs, execId: actors.execId[actor]! }))!;
      if (slot !== 0) expect(table.executablePath(slot)).toBe(program.path);
    });
    const all = createKernelFrameBuilder({ wallOffsetNs: 0n });
    const programs = [...everything.values()];
    for (const program of programs) all.addActor(program);
    const slots = table.resolve(all.build());
    let known = 0;
    programs.forEach((program, actor) => {
      if (slots[actor] === 0) return;
      known++;
      expect(table.executablePath(slots[actor]!)).toBe(program.path);
    });
    return { known };
  };
  for (const action of steps) {
    clockNs += 10n;
    if (action.do === 'frame') {
      check(builder.build());
      advance(action.lateMs);
      builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
      continue;
    }
    const who = alive[action.who % alive.length]!;
    if (action.do === 'fork') {
      if (alive.some(({ pid }) => pid === action.pid)) continue;
      const child = { ...who, pid: action.pid, startNs: clockNs };
      const columns = { childPid: child.pid, childTid: child.pid, childStartNs: child.startNs, childExecId: child.execId };
      builder.addRow(eventKind.fork, { bootNs: clockNs, actor: builder.addActor(who), columns });
      alive.push(child);
      ran(child);
    } else if (action.do === 'exec') {
      who.execId = (who.execId + 1) >>> 0;
      who.path = action.path;
      builder.addRow(eventKind.exec, { bootNs: clockNs, actor: builder.addActor(who), columns: { path: action.path } });
      ran(who);
    } else if (alive.length > 1) {
      builder.addRow(eventKind.exit, { bootNs: clockNs, actor: builder.addActor(who) });
      alive.splice(alive.indexOf(who), 1);
    }
  }
  const { known } = check(builder.build());
  return { alive, everything, known };
};

describe('process table against a model', () => {
  it('with room for all it knows exactly every program that ran', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const table = createProcessTable({ capacity: 500, deadTtlMs: 1e9, nowMs: () => 1_000 });
        const { alive, everything, known } = play(steps, table, () => {});
        const programs = [...everything.values()];
        const all = createKernelFrameBuilder({ wallOffsetNs: 0n });
        for (const program of programs) all.addActor(program);
        const asked = all.build();
        const slots = table.resolve(asked);
        programs.forEach((program, actor) => {
          const beside = (by: number) => everything.get(keyOf({ ...program, execId: (program.execId + by) >>> 0 }));
          expect(table.isPast(asked, actor)).toBe(beside(1) !== undefined);
          expect(table.callerPath(slots[actor]!)).toBe(beside(-1)?.path);
        });
        const stats = table.stats();
        expect(known).toBe(everything.size);
        expect([stats.alive, stats.dead]).toEqual([alive.length, everything.size - alive.length]);
        expect(stats.unknownMakers + stats.evictedAlive + stats.evictedDead).toBe(0);
        expect(stats.executables).toBe(new Set(Array.from(everything.values(), ({ path }) => path)).size);
      }),
      { numRuns: 150 },
    );
  });

  it('when it is too small or the dead have gone it forgets, but names no other program, and holds its bounds', () => {
    const shape = fc.record({
      capacity: fc.integer({ min: 1, max: 12 }),
      deadCapacity: fc.integer({ min: 0, max: 12 }),
      deadTtlMs: fc.integer({ min: 0, max: 100 }),
      maxExecutableBytes: fc.constantFrom(1, 1200, 1e6),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(shape, fc.array(step, { maxLength: 150 }), (options, steps) => {
        let nowMs = 1_000;
        const table = createProcessTable({ ...options, nowMs: () => nowMs });
        const { everything, known } = play(steps, table, (ms) => (nowMs += ms));
        const stats = table.stats();
        expect(table.size).toBeLessThanOrEqual(options.capacity);
        expect(known).toBe(table.size);
        expect(stats.alive + stats.dead).toBe(table.size);
        expect(stats.executables).toBeLessThanOrEqual(Math.min(table.size, 5));
        expect(table.size).toBeLessThanOrEqual(everything.size);
        // Giving up everything gives every executable back.
        nowMs += 1_000;
        const last = createKernelFrameBuilder({ wallOffsetNs: 0n });
        for (const program of everything.values()) last.addRow(eventKind.exit, { bootNs: 1n, actor: last.addActor(program) });
        table.absorb(last.build());
        nowMs += 1_000;
        table.absorb(createKernelFrameBuilder({ wallOffsetNs: 0n }).build());
        expect(table.stats()).toMatchObject({ alive: 0, dead: 0, executables: 0, executableBytes: 0 });
      }),
      { numRuns: 300 },
    );
  });
});
