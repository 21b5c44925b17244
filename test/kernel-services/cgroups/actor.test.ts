import { statSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createActorMaker } from '../../../src/kernel/procfs/actor.ts';
import { readProcess } from '../../../src/kernel/procfs/process.ts';
import { createFakeProc, type FakeProc } from '../fake-proc.ts';

let proc: FakeProc;
beforeEach(() => {
  proc = createFakeProc();
});
afterEach(() => proc.dispose());

const cgroupIdIn = async (cgroup: string): Promise<bigint | undefined> => {
  proc.set({ pid: 5, cgroup: '/' });
  proc.write('proc/5/cgroup', cgroup);
  const facts = await readProcess(proc.root, 5);
  if (!facts.ok) throw new Error('the process cannot be read');
  const { learnCgroup, actorOf } = createActorMaker(proc.root);
  const process = { facts: facts.value, execId: 0 };
  await learnCgroup(process);
  return actorOf(process, undefined).cgroupId;
};
const inode = (path: string): bigint => BigInt(statSync(proc.mkdir(path)).ino);

it('procfs tells the cgroup of v2, and of who is in its root that of v1', async () => {
  proc.write('proc/mounts', 'cg /v2 cgroup2 rw 0 0\ncg /cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n');
  proc.write('proc/cgroups', 'cpu\t9\t1\t1\ncpuacct\t9\t1\t1\nmemory\t0\t1\t1\n');
  const [below, root, v1] = [inode('v2/a'), inode('v2'), inode('cpu,cpuacct/b')];
  expect(await cgroupIdIn('9:cpu,cpuacct:/b\n0::/a\n')).toBe(below);
  expect(await cgroupIdIn('9:cpu,cpuacct:/b\n0::/\n')).toBe((9n << 45n) | v1);
  expect(await cgroupIdIn('9:cpu,cpuacct:/b\n')).toBe((9n << 45n) | v1);
  expect(await cgroupIdIn('3:memory:/b\n0::/\n')).toBe(root);
  expect(await cgroupIdIn('9:cpu,cpuacct:/gone\n0::/\n')).toBe(0n);
});

it('procfs tells v1 first where systemd has its tree in both', async () => {
  proc.write('proc/mounts', 'cg /v2 cgroup2 rw 0 0\ncg /memory cgroup rw,memory 0 0\n');
  proc.write('proc/cgroups', 'memory\t4\t1\t1\n');
  proc.mkdir('v2/init.scope');
  const [engine, container, top] = [inode('v2/system.slice/containerd.service'), inode('memory/docker/1'), inode('memory')];
  expect(await cgroupIdIn('4:memory:/docker/1\n0::/system.slice/containerd.service\n')).toBe((4n << 45n) | container);
  expect(await cgroupIdIn('4:memory:/\n0::/system.slice/containerd.service\n')).toBe(engine);
  expect(await cgroupIdIn('4:memory:/\n0::/\n')).toBe((4n << 45n) | top);
});

it('procfs without v1 tells the root of v2 as it is', async () => {
  proc.write('proc/mounts', 'cg /v2 cgroup2 rw 0 0\n');
  const root = inode('v2');
  expect(await cgroupIdIn('0::/\n')).toBe(root);
});
