import { statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKernelFrameBuilder } from '../../../src/kernel/frame-builder.ts';
import { eventKind, sessionKnownBy } from '../../../src/kernel/layouts.gen.ts';
import type { KernelLookups } from '../../../src/kernel/service-types.ts';
import type { Processor } from '../../../src/core/component.ts';
import { resolveProcessConfig } from '../../../src/processors/resolve-process/config.ts';
import { resolveProcessProcessor } from '../../../src/processors/resolve-process/index.ts';
import { attributesOf as wholeRow } from '../../../src/otlp/log-text.ts';
import { sessionSchemas } from '../../../src/receivers/shared/session-schemas.ts';
import { createFakeProc, type FakeProc } from '../../kernel-services/fake-proc.ts';
import { attributesOf, batchesOf, createLookups, runThrough, settingsOf } from '../harness.ts';

let proc: FakeProc;
beforeEach(() => (proc = createFakeProc()));
afterEach(() => proc.dispose());

const create = (kernel: KernelLookups, config: object): Processor =>
  resolveProcessProcessor.create(settingsOf(kernel, 'resolve_process') as never, resolveProcessConfig.parse(config) as never);

const family = () => {
  proc.write('proc/mounts', 'cg /cg cgroup2 rw 0 0\n');
  const cgroupId = BigInt(statSync(proc.mkdir('cg/user.slice')).ino);
  const builder = createKernelFrameBuilder({ wallOffsetNs: 1_760_000_000_000_000_000n });
  const init = { pid: 1, startNs: 1_000n, execId: 1 };
  const shell = { pid: 10, startNs: 10_000n, execId: 2, ppid: 1, parentStartNs: 1_000n, parentExecId: 1 };
  const child = { pid: 11, startNs: 11_000n, execId: 3, ppid: 10, parentStartNs: 10_000n, parentExecId: 2, cgroupId };
  builder.addRow(eventKind.task, { bootNs: 1n, actor: builder.addActor(init), columns: { path: '/sbin/init' } });
  builder.addRow(eventKind.exec, { bootNs: 10n, actor: builder.addActor(shell), columns: { path: '/bin/sh' } });
  builder.addRow(eventKind.exec, { bootNs: 11n, actor: builder.addActor(child), columns: { path: '/bin/ls' } });
  builder.addActor({ pid: 99, startNs: 1n });
  return builder.build();
};

describe('resolve_process', () => {
  it('has no ancestors unless asked, at most 16, and nothing else to set', () => {
    expect(resolveProcessConfig.parse({})).toEqual({ ancestors: 0 });
    for (const config of [{ ancestors: 17 }, { ancestors: -1 }, { ancestors: 1.5 }, { other: 1 }]) {
      expect(resolveProcessConfig.safeParse(config).success).toBe(false);
    }
  });

  it('says what each actor runs, where and under whom, and leaves out what is not known', async () => {
    const kernel = createLookups({ cgroups: { root: proc.root } });
    const processor = create(kernel, { ancestors: 2 });
    await processor.start();
    const frame = family();
    await kernel.gate.start();
    await kernel.gate.admit(frame);
    const [tasks, execs] = runThrough(processor, batchesOf(frame).toReversed());
    expect(attributesOf(execs!, 2)).toEqual([
      ['process.executable.name', 'ls'],
      ['process.executable.path', '/bin/ls'],
      ['ringtail.attribution', 'ebpf'],
      ['process.linux.cgroup', '/user.slice'],
      ['ringtail.ancestors', ['/bin/sh', '/sbin/init']],
    ]);
    expect(attributesOf(tasks!, 0)).toEqual([
      ['process.executable.name', 'init'],
      ['process.executable.path', '/sbin/init'],
      ['ringtail.attribution', 'iterator'],
    ]);
    expect(attributesOf(execs!, 3)).toEqual([['ringtail.attribution', 'none']]);
  });

  it('leaves the attribution to a record that says it', async () => {
    const kernel = createLookups();
    const processor = create(kernel, {});
    await processor.start();
    const builder = createKernelFrameBuilder({ wallOffsetNs: 1_760_000_000_000_000_000n });
    const known = builder.addActor({ pid: 10, startNs: 10_000n, execId: 2 });
    builder.addRow(eventKind.exec, { bootNs: 10n, actor: known, columns: { path: '/bin/sh' } });
    for (const [actor, knownBy] of [
      [known, sessionKnownBy.byIterator],
      [builder.addActor({ pid: 99, startNs: 1n }), sessionKnownBy.byEvent],
    ] as const)
      builder.addRow(eventKind.sessionEnd, { bootNs: 11n, actor, columns: { knownBy } });
    const frame = builder.build();
    await kernel.gate.admit(frame);
    const rows = batchesOf(frame).map((batch, index) => ({ ...batch, kind: sessionSchemas.get(frame.batches[index]!.kind) ?? batch.kind }));
    const batch = runThrough(processor, rows).at(-1)!;
    expect(batch.mayRepeat).not.toBe(true);
    const told = (row: number) => wholeRow(batch, row).filter(([name]) => /executable|attribution/.test(name));
    expect(told(0)).toEqual([
      ['process.executable.name', 'sh'],
      ['process.executable.path', '/bin/sh'],
      ['ringtail.attribution', 'iterator'],
    ]);
    expect(told(1)).toEqual([['ringtail.attribution', 'ebpf']]);
  });

  it('stands for the creation time of the head only where it tells one', async () => {
    const kernel = createLookups();
    const processor = create(kernel, {});
    await processor.start();
    const frame = family();
    await kernel.gate.admit(frame);
    const [batch] = runThrough(processor, batchesOf(frame));
    const providing = batch!.actorAttributes.filter(({ source }) => source.createdUs !== undefined);
    expect(providing.map(({ ids }) => Array.from(ids, (id) => id !== 0))).toEqual([[true, true, true, false]]);
  });

  it('computes ids once a frame, for all batches, and says nothing again that another instance said', async () => {
    const kernel = createLookups();
    const [first, second] = [create(kernel, {}), create(kernel, {})];
    const frame = family();
    await kernel.gate.admit(frame);
    const batches = batchesOf(frame);
    const once = runThrough(first, batches);
    const twice = runThrough(second, once);
    expect(once[0]!.actorAttributes.map(({ ids }) => ids)).toEqual(once[1]!.actorAttributes.map(({ ids }) => ids));
    once[0]!.actorAttributes.forEach(({ ids }, n) => expect(once[1]!.actorAttributes[n]!.ids).toBe(ids));
    expect(twice[0]!.actorAttributes).toEqual(once[0]!.actorAttributes);
    expect(batches[0]!.actorAttributes).toEqual([]);
    await first.start();
    await first.stop(0);
  });

  it('adds no column for the unknown when all are known', async () => {
    const kernel = createLookups();
    const processor = create(kernel, {});
    await processor.start();
    const builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
    builder.addRow(eventKind.exec, { bootNs: 1n, actor: builder.addActor({ pid: 1 }), columns: { path: '/x' } });
    const frame = builder.build();
    await kernel.gate.admit(frame);
    expect(runThrough(processor, batchesOf(frame))[0]!.actorAttributes.length).toBe(2);
  });
});
