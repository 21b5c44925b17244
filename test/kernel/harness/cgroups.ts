/** Cgroups that scenarios make, and what is to be told of a process in one. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupNumber } from '../../../src/kernel/cgroups/number.ts';
import { readCgroupPath } from '../../../src/kernel/procfs/cgroup-path.ts';
import { findHierarchies, type LegacyHierarchy } from '../../../src/kernel/procfs/mounts.ts';
import { waitFor } from './pipeline.ts';
import type { Context } from './scenario.ts';

export type CgroupAttributes = { readonly 'process.linux.cgroup': string; readonly 'ringtail.cgroup.id': number };

const attributesOf = (hierarchy: number, place: string, path: string): CgroupAttributes => ({
  'process.linux.cgroup': path,
  'ringtail.cgroup.id': cgroupNumber(hierarchy, statSync(`${place}${path}`).ino),
});

/** Of a process that is there, as procfs has it. */
export const cgroupOf = async (pid: number): Promise<CgroupAttributes> => {
  const { unified, legacy } = await findHierarchies('');
  const inV2 = unified === undefined ? undefined : await readCgroupPath('', pid, 0);
  const inV1 = legacy === undefined ? undefined : await readCgroupPath('', pid, legacy.number);
  const isV1 = inV1 !== undefined && (inV2 === undefined || inV2 === '/' || (legacy!.isFirst && inV1 !== '/'));
  return isV1 ? attributesOf(legacy!.number, legacy!.place, inV1) : attributesOf(0, unified!, inV2!);
};

/** The number of a cgroup by its folder. */
export const numberOf = (folder: string | Buffer, hierarchy = 0): number => cgroupNumber(hierarchy, statSync(folder).ino);

/** Where v2 is mounted; ends the scenario where it is not. */
export const needUnified = async ({ skip }: Pick<Context, 'skip'>): Promise<string> =>
  (await findHierarchies('')).unified ?? skip('cgroup v2 is not mounted');

/** A v1 hierarchy: the one of this machine, or one that is mounted for `work`. */
export const withLegacy = async ({ skip, folder }: Context, work: (legacy: LegacyHierarchy) => Promise<void>): Promise<void> => {
  const { legacy } = await findHierarchies('');
  if (legacy !== undefined) return await work(legacy);
  const place = join(folder, 'v1');
  mkdirSync(place);
  const mounted = ['memory', 'pids', 'freezer'].find(
    (controller) => spawnSync('mount', ['-t', 'cgroup', '-o', controller, 'none', place]).status === 0,
  );
  if (mounted === undefined) return skip('no v1 hierarchy can be mounted here');
  try {
    await work((await findHierarchies('')).legacy!);
  } finally {
    spawnSync('umount', [place]);
  }
};

/** Who was waited for may still be leaving: until it has. */
export const removeCgroup = (folder: string | Buffer): Promise<void> =>
  waitFor('a cgroup to be empty', () => {
    try {
      rmdirSync(folder);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
      throw error;
    }
  });

/** Makes them, and removes them in the opposite order. */
export const withCgroups = async (folders: readonly (string | Buffer)[], work: () => Promise<void>): Promise<void> => {
  const made: (string | Buffer)[] = [];
  try {
    for (const folder of folders) {
      mkdirSync(folder);
      made.push(folder);
    }
    await work();
  } finally {
    for (const folder of made.toReversed()) await removeCgroup(folder);
  }
};
