import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCounters, type Counters } from '../../src/core/counters.ts';
import type { ActorInput, FrameBuilder } from '../../src/core/frame-builder.ts';
import type { Cgroups } from '../../src/kernel/cgroup-types.ts';
import { createCgroups } from '../../src/kernel/cgroups/service.ts';
import { createContainers } from '../../src/kernel/containers/containers.ts';
import { createKernelFrameBuilder } from '../../src/kernel/frame-builder.ts';
import type { KernelFrame } from '../../src/kernel/frames.ts';
import { createGate, type Gate } from '../../src/kernel/gate.ts';
import type { GateNeed } from '../../src/kernel/questions.ts';
import { eventKind } from '../../src/kernel/layouts.gen.ts';
import { createProcessTable, type ProcessTable } from '../../src/kernel/lifecycle/process-table.ts';
import type { ProgramAnswer, ProgramQuestion } from '../../src/kernel/procfs/program.ts';
import { parseStat } from '../../src/kernel/procfs/stat.ts';
import { createUsers, type LookupUsers, type Users } from '../../src/kernel/users.ts';

const shell = { pid: 100, startNs: 5_000n, execId: 3, comm: 'sh' } satisfies ActorInput;
const stat = parseStat(`100 (sh) S ${'0 '.repeat(18)}0 ${'0 '.repeat(30)}`)!;
const found = (path: string): ProgramAnswer => ({ ok: true, executable: { path: Buffer.from(path), pathFlags: 0 }, stat });
const never = new Promise<never>(() => {});

const frameOf = (fill: (builder: FrameBuilder) => void): KernelFrame => {
  const builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
  fill(builder);
  return builder.build();
};
const actors = (...all: readonly ActorInput[]): KernelFrame => frameOf((builder) => all.forEach((actor) => builder.addActor(actor)));

let counters: Counters;
let processTable: ProcessTable;
let users: Users;
let cgroups: Cgroups;
let asked: ProgramQuestion[];
let nowMs: number;
let lookupUsers: LookupUsers;

const gateFor = (needs: readonly GateNeed[], readProgram: (question: ProgramQuestion) => Promise<ProgramAnswer>): Gate => {
  const ask = (question: ProgramQuestion): Promise<ProgramAnswer> => {
    asked.push(question);
    return readProgram(question);
  };
  const containers = createContainers({ root: '/nonexistent', cgroups, counters });
  const gate = createGate({ processTable, users, cgroups, containers, readProgram: ask, counters, nowMs: () => nowMs });
  for (const need of needs) gate.require(need);
  return gate;
};
const sample = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
  counters.samples().find((each) => each.name === name && JSON.stringify(each.labels) === JSON.stringify(labels))!.value;
const pathOf = (actor: ActorInput): string | undefined => processTable.executablePath(processTable.resolve(actors(actor))[0]!);

beforeEach(() => {
  vi.useFakeTimers();
  nowMs = 10_000;
  asked = [];
  counters = createCounters();
  lookupUsers = async (uids) => uids.map((uid) => `user-${uid}`);
  processTable = createProcessTable({ nowMs: () => nowMs });
  users = createUsers({ nowMs: () => nowMs, lookupUsers: (uids) => lookupUsers(uids) });
  cgroups = createCgroups({ root: '/nonexistent', nowMs: () => nowMs });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the gate', () => {
  it('does nothing that nobody asked for', () => {
    const gate = gateFor([], async () => found('/bin/sh'));
    expect(gate.admit(actors(shell))).toBeUndefined();
    expect([asked.length, processTable.size]).toEqual([0, 0]);
  });

  it('lets a frame through at once when all is known', () => {
    const gate = gateFor(['process'], () => never);
    const frame = frameOf((builder) =>
      builder.addRow(eventKind.exec, { bootNs: 1n, actor: builder.addActor(shell), columns: { path: '/bin/sh' } }),
    );
    expect(gate.admit(frame)).toBeUndefined();
    expect(pathOf(shell)).toBe('/bin/sh');
    expect(sample('ringtail_attribution', { source: 'ebpf', result: 'named' })).toBe(1);
    expect([sample('ringtail_cache_hits', { cache: 'process' }), sample('ringtail_cache_misses', { cache: 'process' })]).toEqual([1, 0]);
    expect(sample('ringtail_cache_entries', { cache: 'process' })).toBe(1);
  });

  it('asks procfs for who is not known, and goes on as soon as it knows', async () => {
    const gate = gateFor(['process'], async () => found('/bin/sh'));
    const frame = actors(shell, { ...shell, pid: 101, tid: 102 });
    await gate.admit(frame);
    expect(asked).toEqual([
      { pid: 100, startNs: 5_000n, comm: new Uint8Array(Buffer.from('sh')) },
      { pid: 101, startNs: 5_000n },
    ]);
    expect(pathOf(shell)).toBe('/bin/sh');
    expect(sample('ringtail_attribution', { source: 'procfs', result: 'named' })).toBe(2);
    expect(sample('ringtail_gate_timeouts')).toBe(0);
    expect(gate.admit(frame)).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits for 20 ms and no longer; what comes later is there for the next frame', async () => {
    const { promise, resolve } = Promise.withResolvers<ProgramAnswer>();
    const gate = gateFor(['process'], () => promise);
    let isThrough = false;
    const waiting = gate.admit(actors(shell))!.then(() => (isThrough = true));
    await vi.advanceTimersByTimeAsync(19);
    expect(isThrough).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await waiting;
    expect([sample('ringtail_gate_timeouts'), sample('ringtail_attribution', { source: 'none', result: 'unnamed' })]).toEqual([1, 1]);
    expect(gate.admit(actors(shell))).toBeUndefined();
    resolve(found('/bin/sh'));
    await vi.advanceTimersByTimeAsync(0);
    expect(pathOf(shell)).toBe('/bin/sh');
  });

  it.each([
    ['denied', 1_000],
    ['failed', 1_000],
    ['gone', 60_000],
    ['other', 60_000],
  ] as const)('asks again for one that was %s after %i ms', async (reason, waitMs) => {
    const gate = gateFor(['process'], async () => ({ ok: false, reason }));
    await gate.admit(actors(shell));
    nowMs += waitMs - 1;
    expect(gate.admit(actors(shell))).toBeUndefined();
    nowMs += 1;
    await gate.admit(actors(shell));
    expect(asked.length).toBe(2);
  });

  it('survives a reader that rejects', async () => {
    const gate = gateFor(['process'], () => Promise.reject(new Error('broken')));
    await gate.admit(actors(shell));
    expect(pathOf(shell)).toBeUndefined();
  });

  it('never asks procfs for a program that its process has left, also when it learns so while it asks', async () => {
    const later = frameOf((builder) =>
      builder.addRow(eventKind.exec, { bootNs: 1n, actor: builder.addActor({ ...shell, execId: 4 }), columns: { path: '/bin/next' } }),
    );
    const { promise, resolve } = Promise.withResolvers<ProgramAnswer>();
    const gate = gateFor(['process'], () => promise);
    const waiting = gate.admit(actors(shell));
    processTable.absorb(later);
    resolve(found('/bin/next'));
    await waiting;
    expect(pathOf(shell)).toBeUndefined();
    nowMs += 100_000;
    expect(gate.admit(actors(shell))).toBeUndefined();
    expect(asked.length).toBe(1);
  });

  it('bounds a storm of unknowns', async () => {
    const gate = gateFor(['process'], () => never);
    const storm = actors(...Array.from({ length: 5_000 }, (_, n) => ({ pid: n + 1, startNs: 1n })));
    const waiting = gate.admit(storm);
    await vi.advanceTimersByTimeAsync(20);
    await waiting;
    expect(asked.length).toBe(256);
    expect(gate.admit(storm)).toBeUndefined();
    expect(asked.length).toBe(256);
    expect(sample('ringtail_gate_overflows')).toBe(2_048 - 256 + (2_048 - 256));
  });

  it('enters the children of a maker that was found', async () => {
    const gate = gateFor(['process'], async ({ pid }) => (pid === shell.pid ? found('/bin/sh') : { ok: false, reason: 'gone' }));
    const child = { pid: 200, startNs: 9_000n, execId: 3 };
    const frame = frameOf((builder) => {
      const columns = { childPid: 200, childTid: 200, childStartNs: 9_000n, childExecId: 3 };
      builder.addRow(eventKind.fork, { bootNs: 1n, actor: builder.addActor(shell), columns });
      builder.addRow(eventKind.exit, { bootNs: 2n, actor: builder.addActor(child) });
    });
    await gate.admit(frame);
    expect(pathOf(child)).toBe('/bin/sh');
    expect(processTable.stats()).toMatchObject({ alive: 1, dead: 1 });
  });

  it('does not look at a frame again that went away while it waited', async () => {
    const gate = gateFor(['process'], async () => found('/bin/sh'));
    const frame = actors(shell);
    const waiting = gate.admit(frame);
    const resolve = vi.spyOn(processTable, 'resolve');
    gate.abandon();
    await waiting;
    expect(resolve).not.toHaveBeenCalled();
    await gate.admit(actors({ ...shell, pid: 101 }));
    expect(resolve).toHaveBeenCalled();
  });

  it('asks for users, once for all that are missing', async () => {
    const batches: (readonly number[])[] = [];
    lookupUsers = async (uids) => (batches.push(uids), uids.map((uid) => `user-${uid}`));
    const gate = gateFor(['user'], () => never);
    const frame = actors({ pid: 1, uid: 5 }, { pid: 2, uid: 6, loginUid: 7 }, { pid: 3, uid: 5 });
    await gate.admit(frame);
    expect(batches).toEqual([[5, 6, 7]]);
    expect(users.ownerSource.entries(users.resolve(frame).owners[1]!)).toEqual([['process.owner', 'user-6']]);
    expect(gate.admit(frame)).toBeUndefined();
    expect([asked.length, sample('ringtail_cache_misses', { cache: 'user' })]).toEqual([0, 3]);
  });

  it('does not wait for a user base that hangs, and does not pile up questions to it', async () => {
    let calls = 0;
    lookupUsers = () => (calls++, never);
    const gate = gateFor(['user'], () => never);
    for (let second = 0; second < 3; second++) {
      const waiting = gate.admit(actors({ pid: 1, uid: 5 }));
      await vi.advanceTimersByTimeAsync(20);
      await waiting;
      nowMs += 1_000;
    }
    expect([calls, sample('ringtail_gate_timeouts')]).toEqual([1, 3]);
  });

  it('asks for the users of this host beforehand only when somebody needs them', async () => {
    const start = vi.spyOn(users, 'start').mockResolvedValue();
    await gateFor(['process', 'cgroup'], () => never).start();
    expect(start).not.toHaveBeenCalled();
    await gateFor(['user'], () => never).start();
    expect(start).toHaveBeenCalledOnce();
  });

  it('asks for cgroups, and fills that cache beforehand only when somebody needs it', async () => {
    const start = vi.spyOn(cgroups, 'start');
    const fetch = vi.spyOn(cgroups, 'fetch').mockResolvedValue();
    await gateFor(['process'], () => never).start();
    expect(start).not.toHaveBeenCalled();
    start.mockResolvedValue(true);
    const gate = gateFor(['cgroup'], () => never);
    await gate.start();
    expect(start).toHaveBeenCalledOnce();
    await gate.admit(actors({ pid: 1, cgroupId: 77n }, { pid: 2, cgroupId: 0n }));
    expect(fetch).toHaveBeenCalledWith([{ id: 77n, pid: 1 }]);
    expect(gate.admit(actors({ pid: 1, cgroupId: 77n }))).toBeUndefined();
  });

  it('takes cgroups in before it asks for them, and goes on doing so when nobody asks any more', async () => {
    vi.spyOn(cgroups, 'start').mockResolvedValue(true);
    const fetch = vi.spyOn(cgroups, 'fetch');
    const made = (cgroupId: bigint, path: string): KernelFrame =>
      frameOf((builder) => {
        const actor = builder.addActor({ pid: 1, cgroupId });
        builder.addRow(eventKind.cgroupMade, { bootNs: 1n, actor, columns: { cgroupId, level: 1, path } });
      });
    const gate = gateFor([], () => never);
    gate.admit(made(10n, '/nobody'));
    expect([cgroups.path(10n), gate.requires('cgroup')]).toEqual([undefined, false]);
    const end = gate.require('cgroup');
    await gate.start();
    expect(gate.admit(made(11n, '/asked'))).toBeUndefined();
    end();
    expect(gate.requires('cgroup')).toBe(false);
    gate.admit(made(12n, '/later'));
    expect([cgroups.path(11n), cgroups.path(12n), fetch.mock.calls.length]).toEqual(['/asked', '/later', 0]);
  });

  it('fills again what is out of date', async () => {
    const start = vi.spyOn(cgroups, 'start').mockResolvedValue(true);
    const gate = gateFor(['cgroup'], () => never);
    await gate.start();
    await gate.start();
    expect(start).toHaveBeenCalledTimes(1);
    gate.forget('cgroup');
    await gate.start();
    expect(start).toHaveBeenCalledTimes(2);
  });
});
