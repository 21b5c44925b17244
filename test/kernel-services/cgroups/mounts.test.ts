import { describe, expect, it, onTestFinished } from 'vitest';
import { chooseHierarchies, findCgroupMounts, findHierarchies, findHierarchyNumbers } from '../../../src/kernel/procfs/mounts.ts';
import { createFakeProc } from '../fake-proc.ts';

const controllers = (...hierarchies: readonly (readonly [name: string, hierarchy: number])[]): string =>
  `#subsys_name\thierarchy\tnum_cgroups\tenabled\n${hierarchies.map(([name, number]) => `${name}\t${number}\t7\t1\n`).join('')}`;

const cases: readonly {
  readonly host: string;
  readonly mounts: string;
  readonly controllers: string;
  readonly unified: string | undefined;
  readonly legacy?: readonly [number: number, controller: string, place: string];
}[] = [
  {
    host: 'systemd since 2019, v2 only',
    mounts: `proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0
cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate,memory_recursiveprot 0 0
pstore /sys/fs/pstore pstore rw,nosuid,nodev,noexec,relatime 0 0
`,
    controllers: controllers(['cpuset', 0], ['cpu', 0], ['memory', 0], ['pids', 0]),
    unified: '/sys/fs/cgroup',
  },
  {
    host: 'systemd before, hybrid: controllers in pairs',
    mounts: `tmpfs /sys/fs/cgroup tmpfs ro,nosuid,nodev,noexec,mode=755 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,nosuid,nodev,noexec,relatime,xattr,name=systemd 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,nodev,noexec,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/pids cgroup rw,nosuid,nodev,noexec,relatime,pids 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,nosuid,nodev,noexec,relatime,memory 0 0
`,
    controllers: controllers(['cpuset', 11], ['cpu', 4], ['cpuacct', 4], ['memory', 9], ['pids', 6]),
    unified: '/sys/fs/cgroup/unified',
    legacy: [9, 'memory', '/sys/fs/cgroup/memory'],
  },
  {
    host: 'v1 only, without memory: cgroup_disable=memory',
    mounts: `cgroup /sys/fs/cgroup/systemd cgroup rw,xattr,release_agent=/lib/systemd/systemd-cgroups-agent,name=systemd 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpuacct,cpu 0 0
cgroup /sys/fs/cgroup/blkio cgroup rw,relatime,blkio 0 0
`,
    controllers: controllers(['cpu', 2], ['cpuacct', 2], ['blkio', 3], ['memory', 0]),
    unified: undefined,
    legacy: [2, 'cpu', '/sys/fs/cgroup/cpu,cpuacct'],
  },
  {
    host: 'all controllers in one v1 hierarchy, at an odd place',
    mounts: 'none /odd\\040place cgroup rw,relatime,cpuset,cpu,memory,pids 0 0\nnone /unified\\134x cgroup2 rw 0 0\n',
    controllers: controllers(['cpuset', 1], ['cpu', 1], ['memory', 1], ['pids', 1]),
    unified: '/unified\\x',
    legacy: [1, 'memory', '/odd place'],
  },
  {
    host: 'a v1 mount of a controller that has moved to v2 since',
    mounts: 'none /sys/fs/cgroup/memory cgroup rw,memory 0 0\nnone /sys/fs/cgroup/freezer cgroup rw,freezer 0 0\n',
    controllers: controllers(['memory', 0], ['freezer', 12]),
    unified: undefined,
    legacy: [12, 'freezer', '/sys/fs/cgroup/freezer'],
  },
  {
    host: 'a number that finds no room beside that of a cgroup',
    mounts: 'none /a cgroup rw,memory 0 0\nnone /b cgroup rw,pids 0 0\n',
    controllers: controllers(['memory', 256], ['pids', 255]),
    unified: undefined,
    legacy: [255, 'pids', '/b'],
  },
  {
    host: 'only the named hierarchy of an init system',
    mounts: 'cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\ncgroup /sys/fs/cgroup/elogind cgroup rw,name=elogind 0 0\n',
    controllers: controllers(['memory', 0]),
    unified: undefined,
  },
  {
    host: 'a container that has two mounts of v2, the first one counts',
    mounts: 'cgroup /sys/fs/cgroup cgroup2 ro 0 0\ncgroup /host/sys/fs/cgroup cgroup2 rw 0 0\nnot a line\n',
    controllers: '',
    unified: '/sys/fs/cgroup',
  },
  { host: 'none', mounts: 'cgroup2 /x tmpfs rw 0 0\ncgroup\n\n', controllers: '', unified: undefined },
];

describe('mounts of cgroups', () => {
  it.each(cases)('of $host', ({ mounts, controllers: text, unified, legacy }) => {
    const [number, controller, place] = legacy ?? [];
    expect(chooseHierarchies(findCgroupMounts(mounts), findHierarchyNumbers(text), false)).toEqual({
      unified,
      legacy: legacy === undefined ? undefined : { number, controller, place, isFirst: false },
    });
  });

  it('v1 counts first where systemd has its tree in v2 beside it, and not without v1', async () => {
    const proc = createFakeProc();
    onTestFinished(() => proc.dispose());
    const { mounts, controllers: text } = cases.find(({ host }) => host.includes('hybrid'))!;
    proc.write('proc/mounts', mounts);
    proc.write('proc/cgroups', text);
    const isFirst = async () => (await findHierarchies(proc.root)).legacy?.isFirst;
    expect(await isFirst()).toBe(false);
    proc.mkdir('sys/fs/cgroup/unified/init.scope');
    expect(await isFirst()).toBe(true);
    proc.write('proc/cgroups', '');
    expect(await isFirst()).toBeUndefined();
  });
});
