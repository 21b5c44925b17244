/** Cgroups, folders and interfaces that a run makes and removes; what a killed run left is removed by the next. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { RuntimeError } from '../../src/core/errors.ts';

const run = promisify(execFile);

const PREFIX = 'ringtail-demo-';
const REMOVE_TRIES = 100;
const REMOVE_MS = 30;

/** Field 22 of stat, behind the name, which may hold anything. */
const startOf = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
};

/** Tells who made it: a pid alone may be another's by now. */
const ownName = `${PREFIX}${process.pid}-${startOf(process.pid) ?? 0}`;

const isLeftOver = (name: string): boolean => {
  const [, pid, start] = /^ringtail-demo-(\d+)-(\d+)$/.exec(name) ?? [];
  return pid !== undefined && startOf(Number(pid)) !== start;
};

/** Where the v2 hierarchy is mounted; undefined: nowhere. */
export const v2Mount = (mounts = readFileSync('/proc/mounts', 'utf8')): string | undefined =>
  mounts
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, , type]) => type === 'cgroup2')?.[1];

export type DemoCgroup = {
  readonly folder: string;
  readonly id: number;
  /** Of one that looks like a container. */
  readonly containerId?: string;
};

const removeCgroup = async (folder: string): Promise<void> => {
  for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) await removeCgroup(join(folder, entry.name));
  for (let left = REMOVE_TRIES; ; left--) {
    try {
      return rmdirSync(folder);
    } catch (error) {
      // who was in it may still be leaving
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || left === 0) throw error;
      await wait(REMOVE_MS);
    }
  }
};

const foldersIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
      .filter(isLeftOver)
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
};

/** Removes what runs left that are no more; tells what. */
export const removeLeftovers = async (): Promise<readonly string[]> => {
  const mount = v2Mount();
  const cgroups = mount === undefined ? [] : foldersIn(mount);
  const folders = foldersIn(tmpdir());
  const removed: string[] = [];
  for (const folder of cgroups)
    await removeCgroup(folder).then(
      () => removed.push(folder),
      () => {},
    );
  for (const folder of folders) {
    try {
      rmSync(folder, { recursive: true, force: true });
      removed.push(folder);
    } catch {
      // another user's
    }
  }
  return removed;
};

export const makeFolder = (): string => {
  const folder = join(tmpdir(), ownName);
  mkdirSync(folder, { mode: 0o700 });
  return folder;
};

/** `demo-a`, `demo-a/demo-b`, `demo-c`, `demo-c/demo-d`, ... */
export const cgroupNames = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => {
    const name = (at: number) => `demo-${String.fromCharCode('a'.charCodeAt(0) + at)}`;
    return index % 2 === 0 ? name(index) : `${name(index - 1)}/${name(index)}`;
  });

export type Places = {
  readonly folder: string;
  readonly cgroups: readonly DemoCgroup[];
  /** Moves a process with all of its threads. */
  enter(cgroup: DemoCgroup, pid: number): void;
  remove(): Promise<void>;
};

/** Makes the temporary folder, and cgroups where `mount` is given. */
export const makePlaces = ({
  mount,
  cgroups,
  containers,
}: {
  readonly mount: string | undefined;
  readonly cgroups: number;
  readonly containers: number;
}): Places => {
  const folder = makeFolder();
  const made: DemoCgroup[] = [];
  const root = mount === undefined ? undefined : join(mount, ownName);
  const remove = async (): Promise<void> => {
    rmSync(folder, { recursive: true, force: true });
    if (root !== undefined && statSync(root, { throwIfNoEntry: false }) !== undefined) await removeCgroup(root);
  };
  if (root !== undefined) {
    const make = (name: string, containerId?: string) => {
      const path = join(root, name);
      mkdirSync(path, { recursive: true });
      made.push({ folder: path, id: statSync(path).ino, ...(containerId === undefined ? {} : { containerId }) });
    };
    for (const name of cgroupNames(cgroups)) make(name);
    for (let i = 0; i < containers; i++) {
      const id = randomBytes(32).toString('hex');
      make(`docker/${id}`, id);
    }
  }
  return { folder, cgroups: made, enter: (cgroup, pid) => writeFileSync(join(cgroup.folder, 'cgroup.procs'), String(pid)), remove };
};

/** Of one network namespace: addresses of the host's end of its veth pair. */
export type Link = { readonly name: string; readonly ipv4: string; readonly ipv6: string | undefined; remove(): Promise<void> };

/** For benchmarks between networks (RFC 2544): no network of anybody's. Each namespace gets 4 addresses of it. */
const NETWORK = '198.18';
const NETWORK6 = 'fd72:7464:6d6f';
const NETWORKS = 64 * 256;

const ip = async (args: readonly string[], lines?: readonly string[]): Promise<string> => {
  const child = run('ip', [...args]);
  if (lines !== undefined) child.child.stdin!.end(`${lines.join('\n')}\n`);
  try {
    return (await child).stdout;
  } catch (error) {
    throw new RuntimeError(`ip ${args.join(' ')} failed: ${(error as { stderr?: string }).stderr?.trim() ?? String(error)}`, {
      advice: 'leave network namespaces out with --netns 0',
    });
  }
};

/** Joins the network namespace of the process to ours by a veth pair, which is gone with it. */
export const linkTo = async (pid: number, { ipv6 }: { readonly ipv6: boolean }): Promise<Link> => {
  const taken = await ip(['-o', '-4', 'addr', 'show']);
  let at = pid % NETWORKS;
  const addressOf = (last: number) => `${NETWORK}.${at >> 6}.${(at & 63) * 4 + last}`;
  while (taken.includes(` ${addressOf(1)}/`)) at = (at + 1) % NETWORKS;
  const address6Of = (last: number) => `${NETWORK6}:${at.toString(16)}::${last}`;
  const name = `demo${pid}`;
  await ip(['link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)]);
  const linesFor = (device: string, last: number): readonly string[] => [
    `addr add ${addressOf(last)}/30 dev ${device}`,
    ...(ipv6 ? [`addr add ${address6Of(last)}/64 dev ${device} nodad`] : []),
    `link set ${device} up`,
  ];
  const remove = async () => void (await ip(['link', 'del', name]).catch(() => {}));
  try {
    await ip(['-batch', '-'], linesFor(name, 1));
    await run('nsenter', ['--target', String(pid), '--net', '--', 'ip', 'link', 'set', 'lo', 'up']);
    const inside = run('nsenter', ['--target', String(pid), '--net', '--', 'ip', '-batch', '-']);
    inside.child.stdin!.end(`${linesFor('eth0', 2).join('\n')}\n`);
    await inside;
  } catch (error) {
    await remove();
    throw error;
  }
  return { name, ipv4: addressOf(1), ipv6: ipv6 ? address6Of(1) : undefined, remove };
};

/** Whether the tools that network namespaces need are there. */
export const hasTools = async (): Promise<boolean> => {
  const answers = await Promise.allSettled([run('ip', ['-V']), run('unshare', ['--version']), run('nsenter', ['--version'])]);
  return answers.every(({ status }) => status === 'fulfilled');
};
