/** Cgroups that a test makes in the v2 hierarchy, laid out as runtimes lay them out; gone when it ends. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

export type Cgroup = {
  /** From the root of the hierarchy. */
  readonly path: string;
  readonly folder: string;
  /** As records have it. */
  readonly id: number;
};

/** Where the v2 hierarchy is mounted, alone or beside v1. */
export const v2Mount = (): string => {
  const line = readFileSync('/proc/mounts', 'utf8').split('\n').find((one) => one.split(' ')[2] === 'cgroup2'); // prettier-ignore
  if (line === undefined) throw new Error('no cgroup2 in /proc/mounts');
  return line.split(' ')[1]!;
};

/** As engines name their containers. */
export const newContainerId = (): string => randomBytes(32).toString('hex');

const REMOVE_MS = 20;
const REMOVE_TRIES = 250;

/** Whoever was in it may still be leaving. */
const remove = async (folder: string): Promise<void> => {
  for (let i = 0; existsSync(folder); i++) {
    try {
      return rmdirSync(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || i === REMOVE_TRIES) throw error;
      await wait(REMOVE_MS);
    }
  }
};

const above = (path: string): readonly string[] => (path === '/' ? [] : [path, ...above(dirname(path))]);

/** What is missing now of `path` and above it in these hierarchies is removed when the test ends, unless somebody else's is below it. */
const removeLater = (roots: readonly string[], path: string): readonly string[] => {
  const missing = roots.flatMap((root) => above(path).map((at) => join(root, at))).filter((folder) => !existsSync(folder)); // prettier-ignore
  onTestFinished(async () => {
    for (const folder of missing) {
      await remove(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EBUSY') throw error;
      });
    }
  });
  return missing;
};

/** Of what a runtime is about to make in any hierarchy nothing is left when the test ends. */
export const leaveNothing = (path: string): void => {
  const lines = readFileSync('/proc/mounts', 'utf8').split('\n').map((line) => line.split(' ')); // prettier-ignore
  removeLater(lines.filter(([, , type]) => type === 'cgroup' || type === 'cgroup2').map(([, place]) => place!), path); // prettier-ignore
};

/** Makes it and what is missing above; what this made is removed when the test ends. */
export const makeCgroup = (path: string): Cgroup => {
  const root = v2Mount();
  for (const folder of removeLater([root], path).toReversed()) mkdirSync(folder);
  const folder = join(root, path);
  return { path, folder, id: statSync(folder).ino };
};

/** Moves a process into it, with all of its threads. */
export const enterCgroup = ({ folder }: Cgroup, pid: number): void => writeFileSync(join(folder, 'cgroup.procs'), String(pid));
