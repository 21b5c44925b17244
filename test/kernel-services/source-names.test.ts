/** What the kernel services say of the names of their attributes is what processors rely on to change attributes without looking at each. */
import { statSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import type { AttributeSource } from '../../src/core/batch.ts';
import { createKernelFrameBuilder } from '../../src/kernel/frame-builder.ts';
import { eventKind, pathFlag } from '../../src/kernel/layouts.gen.ts';
import { createLookups } from '../processors/harness.ts';
import { createFakeProc } from './fake-proc.ts';

const proc = createFakeProc();
afterEach(() => proc.dispose());

it('no source has an attribute whose name it does not tell', async () => {
  proc.write('proc/mounts', 'cg /cg cgroup2 rw 0 0\n');
  const cgroupId = BigInt(statSync(proc.mkdir('cg/user.slice')).ino);
  const kernel = createLookups({
    cgroups: { root: proc.root },
    users: { lookupUsers: async (uids) => uids.map((uid) => `user-${uid}`) },
  });
  for (const what of ['process', 'cgroup', 'user'] as const) kernel.gate.require(what);
  await kernel.gate.start();
  const builder = createKernelFrameBuilder({ wallOffsetNs: 1_760_000_000_000_000_000n });
  const actorOf = (index: number) => ({
    pid: 10 + index,
    startNs: BigInt(index + 1),
    ppid: 10,
    parentStartNs: 1n,
    parentExecId: 1,
    cgroupId,
  });
  const addExec = (index: number, execId: number, pathFlags: number): void => {
    const actor = builder.addActor({ ...actorOf(index), execId, uid: 0, euid: 0, loginUid: 1000 });
    builder.addRow(eventKind.exec, { bootNs: BigInt(index + execId), actor, columns: { path: '/memfd:x', pathFlags } });
  };
  [0, pathFlag.deleted, pathFlag.pseudo, pathFlag.truncated, pathFlag.fault].forEach((flags, index) => addExec(index, 1, flags));
  addExec(0, 2, 0); // called by what it ran before
  builder.addActor({ pid: 99, startNs: 1n });
  const frame = builder.build();
  await kernel.gate.admit(frame);

  const { processes, cgroups, users } = kernel;
  const columns: readonly (readonly [AttributeSource, Uint32Array])[] = [
    [processes.source, processes.resolve(frame)],
    [processes.ancestorSource(2), processes.resolveParents(frame)],
    [processes.callerSource, processes.resolve(frame)],
    [cgroups.source, cgroups.resolve(frame).paths],
    [users.ownerSource, users.resolve(frame).owners],
    [users.loginSource, users.resolve(frame).logins],
  ];
  const found = columns.map(([source, ids]) => [...ids].flatMap((id) => source.entries(id)).map(([name]) => name));
  found.forEach((names, index) => expect(names.filter((name) => !columns[index]![0].names!.has(name))).toEqual([]));
  // each name that is told was seen, so that nothing was overlooked
  const seen = new Set(found.flat());
  expect(columns.flatMap(([{ names }]) => [...names!]).filter((name) => !seen.has(name))).toEqual([]);
});
