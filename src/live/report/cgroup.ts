/** Which cgroup a report is about. */
import { statSync } from 'node:fs';
import type { CgroupInfo } from '../../kernel/cgroup-types.ts';
import { cgroupNumber } from '../../kernel/cgroups/number.ts';
import { nearest } from '../../core/nearest.ts';
import { printable } from '../../core/printable.ts';
import { QueryError } from '../route.ts';
import type { Names } from '../shared/names.ts';

const lastOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

const nearestOf = (wanted: string, paths: readonly string[]): string | undefined => {
  const name = lastOf(wanted);
  const near = nearest(name, paths.map(lastOf));
  return nearest(wanted, paths) ?? paths.find((path) => lastOf(path) === name || lastOf(path) === near);
};

/** Whether a path is the folder of this cgroup. */
const isFolderOf = (folder: string, { id, hierarchy, path }: CgroupInfo): boolean => {
  if (path === '/' || !folder.endsWith(path)) return false;
  const inode = statSync(folder, { bigint: true, throwIfNoEntry: false })?.ino;
  return inode !== undefined && cgroupNumber(hierarchy, Number(inode)) === Number(id);
};

/** The path from the root of its hierarchy; empty: of all. Throws a QueryError when there is no such cgroup. */
export const findCgroup = (wanted: string, living: readonly CgroupInfo[]): string => {
  const path = wanted.replace(/(?<=.)\/+$/, '');
  if (path === '' || path === '/') return '';
  const found = living.find((one) => one.path === path) ?? living.find((one) => isFolderOf(path, one));
  if (found !== undefined) return found.path;
  const meant = nearestOf(path, living.map((one) => one.path)); // prettier-ignore
  throw new QueryError(
    `there is no cgroup ${JSON.stringify(printable(path))}${meant === undefined ? '' : `; did you mean "${printable(meant)}"?`}; write its path as in /proc/PID/cgroup, or its folder`,
  );
};

/** Whether sessions of a cgroup count: those of `path` and of all below it. */
export const cgroupTest = (path: string, { cgroupPath }: Pick<Names, 'cgroupPath'>): ((id: bigint) => boolean) => {
  if (path === '') return () => true;
  return (id) => {
    const own = cgroupPath(id);
    return own === path || own?.startsWith(`${path}/`) === true;
  };
};
