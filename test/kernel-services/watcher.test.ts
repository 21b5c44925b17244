import { statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LENGTH_MASK } from '../../src/core/batch.ts';
import type { KernelFrame } from '../../src/kernel/frames.ts';
import { eventKind, execFlag, headFlag } from '../../src/kernel/layouts.gen.ts';
import { createProcessTable } from '../../src/kernel/lifecycle/process-table.ts';
import { createProcfsWatcher, type ProcfsWatcher } from '../../src/kernel/procfs/watcher.ts';
import { createFakeProc, type FakeProc } from './fake-proc.ts';

const kindName = new Map<number, string>(Object.entries(eventKind).map(([name, kind]) => [kind, name]));
const SHELL = { pid: 10, comm: 'sh', startTicks: 50, layout: 3, exe: '/bin/sh', args: ['sh'] };

let proc: FakeProc;
let frames: KernelFrame[];
let watcher: ProcfsWatcher;
beforeEach(() => {
  proc = createFakeProc();
  frames = [];
  watcher = createProcfsWatcher({ root: proc.root, nowMs: () => 5_000_000, onFrame: (frame) => frames.push(frame) });
});
afterEach(() => proc.dispose());

const textOf = ({ strings }: KernelFrame, id: number): string =>
  Buffer.from(strings.bytes).toString('latin1', strings.offsets[id]!, strings.offsets[id]! + (strings.lengths[id]! & LENGTH_MASK));

/** Looks once and tells what came: `exec 10/1 /bin/sh` is kind, pid, exec id, path. */
const scan = async (): Promise<readonly string[]> => {
  frames = [];
  expect(await watcher.scan()).toBe(true);
  return frames.flatMap((frame) =>
    frame.batches.flatMap(({ kind, rows, actor, columns }) =>
      Array.from({ length: rows }, (_, row) => {
        const path = columns['path'] === undefined ? '' : ` ${textOf(frame, columns['path'][row]!)}`;
        return `${kindName.get(kind)} ${frame.actors.pid[actor[row]!]}/${frame.actors.execId[actor[row]!]}${path}`;
      }),
    ),
  );
};

describe('procfs watcher', () => {
  it('hands over what already runs as tasks, then only what changed', async () => {
    proc.set({ pid: 1, layout: 2, exe: '/sbin/init', ppid: 0 });
    proc.set(SHELL);
    expect(await scan()).toEqual(['task 1/0 /sbin/init', 'task 10/0 /bin/sh']);
    expect(frames[0]).toMatchObject({ attribution: 'procfs', wallOffsetNs: 3_999_500_000_000n, sequence: 0 });
    expect(await scan()).toEqual([]);
    expect(frames).toEqual([]);
  });

  it('tells a new program from a mere fork', async () => {
    proc.set(SHELL);
    await scan();
    proc.set({ ...SHELL, pid: 11, ppid: 10, startTicks: 60 });
    proc.set({ pid: 12, ppid: 10, layout: 4, exe: '/bin/ls', comm: 'ls', args: ['ls', '-l'], startTicks: 61 });
    expect(await scan()).toEqual(['exec 12/0 /bin/ls', 'task 11/0 /bin/sh']);
    const exec = frames[0]!.batches[0]!;
    expect([exec.bootNsLo[0], exec.columns['argc']![0], exec.columns['execFlags']![0]]).toEqual([610_000_000, 2, 0]);
    expect([0, 1].map((n) => textOf(frames[0]!, exec.columns['args']![0]! + n))).toEqual(['ls', '-l']);
    expect(textOf(frames[0]!, exec.columns['cwd']![0]!)).toBe('/work');
  });

  it('where layouts are not for us, goes by name and arguments', async () => {
    const hidden = { ...SHELL, layout: 0 };
    proc.set(hidden);
    await scan();
    proc.set({ ...hidden, pid: 11, ppid: 10, startTicks: 60 });
    proc.set({ ...hidden, pid: 12, ppid: 10, startTicks: 60, args: ['sh', '-c'] });
    expect(await scan()).toEqual(['exec 12/0 /bin/sh', 'task 11/0 /bin/sh']);
  });

  it.each([
    ['the layout changed', { layout: 9 }, ['exec 10/1 /bin/sh']],
    ['the executable changed', { comm: 'ls', exe: '/bin/ls' }, ['exec 10/1 /bin/ls']],
    ['it wrote a title', { comm: 'title', args: ['a title'] }, []],
    ['the layout is not for us any more', { layout: 0 }, []],
    ['it got another parent', { ppid: 1 }, []],
  ])('when %s', async (_, change, expected) => {
    proc.set(SHELL);
    await scan();
    proc.set({ ...SHELL, ...change });
    expect(await scan()).toEqual(expected);
    expect(await scan()).toEqual([]);
  });

  it('tells exits without inventing how they went', async () => {
    proc.set(SHELL);
    await scan();
    proc.remove(10);
    expect(await scan()).toEqual(['exit 10/0']);
    const exit = frames[0]!.batches[0]!;
    expect([exit.columns, exit.bootNsLo[0]! + exit.bootNsHi[0]! * 2 ** 32]).toEqual([{}, 1_000_500_000_000]);
  });

  it('sees that a pid is used anew', async () => {
    proc.set(SHELL);
    await scan();
    proc.set({ ...SHELL, startTicks: 70, layout: 8, exe: '/bin/b' });
    expect(await scan()).toEqual(['exec 10/0 /bin/b', 'exit 10/0']);
    expect([...frames[0]!.actors.startNsLo].toSorted()).toEqual([500_000_000, 700_000_000]);
  });

  it('keeps what it knows of the dying, and says nothing of the program of one that it never saw alive', async () => {
    proc.set(SHELL);
    await scan();
    proc.set({ ...SHELL, state: 'Z', layout: 0, args: [] });
    proc.set({ pid: 11, state: 'Z', startTicks: 60, layout: 0, ppid: 10 });
    expect(await scan()).toEqual(['task 11/0 ']);
    proc.remove(10);
    expect(await scan()).toEqual(['exit 10/0']);
  });

  it('says who it was', async () => {
    proc.write('proc/mounts', 'c /cg cgroup2 rw 0 0\n');
    proc.mkdir('cg/a');
    proc.set({ ...SHELL, ppid: 9, uids: [1, 2], loginUid: 3, namespacePids: [10, 4], cgroup: '/a' });
    proc.set({ pid: 9, startTicks: 40, kernelThread: true, cgroup: '/removed' });
    await scan();
    const { actors } = frames[0]!;
    const actor = [...actors.pid].indexOf(10);
    const told = ['ppid', 'uid', 'euid', 'loginUid', 'vpid', 'flags', 'parentStartNsLo'] as const;
    expect(told.map((name) => actors[name][actor])).toEqual([9, 1, 2, 3, 4, headFlag.nestedPidNs, 400_000_000]);
    expect(actors.cgroupIdLo[actor]).toBeGreaterThan(0);
    expect([actors.flags[1 - actor], actors.cgroupIdLo[1 - actor]]).toEqual([headFlag.kernelThread, 0]);
  });

  it('counts who is alive by cgroup, and leaves out who is to be left out', async () => {
    proc.write('proc/mounts', 'c /cg cgroup2 rw 0 0\nm /memory cgroup rw,memory 0 0\n');
    proc.write('proc/cgroups', '#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t3\t2\t1\n');
    const [inV2, inV1] = [proc.mkdir('cg/a'), proc.mkdir('memory/b')].map((folder) => statSync(folder).ino);
    proc.set({ ...SHELL, cgroup: '/a' });
    proc.set({ ...SHELL, pid: 11, cgroup: '/a', threads: 7 });
    proc.set({ ...SHELL, pid: 12, cgroup: '/a', state: 'Z' });
    proc.set({ ...SHELL, pid: 13, cgroup: '/a', state: 'Z', threads: 2 });
    proc.set({ ...SHELL, pid: 14, cgroup: '/removed' });
    proc.set({ ...SHELL, pid: 15 });
    proc.write('proc/15/cgroup', '3:memory:/b\n0::/\n');
    proc.set({ ...SHELL, pid: 16, cgroup: '/a', comm: 'left out' });
    proc.set({ ...SHELL, pid: 17, cgroup: '/a' });
    watcher = createProcfsWatcher({
      root: proc.root,
      selfPid: 17,
      leavesOut: ({ facts }) => facts.stat.pid === 16,
      onFrame: () => {},
    });
    await watcher.scan();
    expect(await watcher.alive()).toEqual(new Map([[inV2, 3], [0, 1], [3 * 2 ** 45 + inV1!, 1]])); // prettier-ignore
  });

  it('says when the arguments were cut', async () => {
    watcher = createProcfsWatcher({ root: proc.root, maxCmdlineBytes: 4, onFrame: (frame) => frames.push(frame) });
    await scan();
    proc.set({ ...SHELL, args: ['sh', '-c', 'x'] });
    proc.set({ ...SHELL, pid: 11, args: [] });
    await scan();
    proc.set({ ...SHELL, pid: 12, layout: 5, args: ['sh', '-c', 'x'] });
    await scan();
    const { columns } = frames[0]!.batches[0]!;
    expect(columns['execFlags']![0]).toBe(execFlag.argcUnknown | execFlag.argsTruncated);
  });

  it('feeds the process table, which names it by procfs', async () => {
    const table = createProcessTable();
    watcher = createProcfsWatcher({ root: proc.root, onFrame: (frame) => (table.absorb(frame), frames.push(frame)) });
    proc.set(SHELL);
    await scan();
    proc.set({ ...SHELL, layout: 4, comm: 'ls', exe: '/bin/ls' });
    await scan();
    const slot = table.resolve(frames[0]!)[0]!;
    expect([table.executablePath(slot), table.callerPath(slot), table.attribution(slot)]).toEqual(['/bin/ls', '/bin/sh', 'procfs']);
    proc.remove(10);
    await scan();
    expect(table.stats()).toMatchObject({ alive: 0, dead: 2 });
  });

  it('looks at the interval until it is stopped, and says when there is nothing to look at', async () => {
    watcher = createProcfsWatcher({ root: proc.root, intervalMs: 1, onFrame: (frame) => frames.push(frame) });
    await watcher.start();
    expect(frames).toEqual([]);
    proc.set(SHELL);
    await vi.waitFor(() => expect(frames.length).toBe(1));
    await watcher.stop();
    proc.dispose();
    expect(await watcher.scan()).toBe(false);
    expect(watcher.skipped).toBe(0);
  });

  it('goes on after a frame that could not be taken, and tells', async () => {
    const errors: unknown[] = [];
    const onFrame = (): void => {
      throw new Error('full');
    };
    watcher = createProcfsWatcher({ root: proc.root, intervalMs: 1, onFrame, onError: (error) => errors.push(error) });
    await watcher.start();
    proc.set(SHELL);
    await vi.waitFor(() => expect(errors.length).toBe(1));
    proc.remove(10);
    await vi.waitFor(() => expect(errors.length).toBe(2));
    await watcher.stop();
  });

  it('does not look while what it gave before is not worked off', async () => {
    let asked = 0;
    let behind = true;
    const isBehind = () => (asked++, behind);
    watcher = createProcfsWatcher({ root: proc.root, intervalMs: 1, isBehind, onFrame: (frame) => frames.push(frame) });
    await watcher.start();
    proc.set(SHELL);
    await vi.waitFor(() => expect(asked).toBeGreaterThan(2));
    expect(frames).toEqual([]);
    behind = false;
    await vi.waitFor(() => expect(frames.length).toBe(1));
    await watcher.stop();
  });
});
