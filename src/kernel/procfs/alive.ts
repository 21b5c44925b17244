/** Who is alive, by cgroup, as procfs tells it. */
import { mapBounded } from '../../core/bounded.ts';
import { cgroupNumber } from '../cgroups/number.ts';
import { inodeAt } from '../cgroups/tree.ts';
import { readCgroupPath } from './cgroup-path.ts';
import { findHierarchies } from './mounts.ts';
import { readStat } from './stat.ts';

const CONCURRENT_READS = 8;
const NOT_KNOWN = 0;

/** Processes that have a thread that runs, by the number of their cgroup as records have it; 0: of the others. `root`: prefix of /proc and of the mounts. */
export const countAlive = async (root: string, pids: readonly number[]): Promise<ReadonlyMap<number, number>> => {
  const { unified, legacy } = await findHierarchies(root);
  const numbers = new Map<string, Promise<number>>();

  const numberIn = (hierarchy: number, place: string, path: string): Promise<number> => {
    const key = `${hierarchy} ${path}`;
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const number = inodeAt(`${root}${place}`, path).then((inode) => (inode === undefined ? NOT_KNOWN : cgroupNumber(hierarchy, inode)));
    numbers.set(key, number);
    return number;
  };

  /** Of who is in the root of v2 the v1 hierarchy tells more. */
  const cgroupOf = async (pid: number): Promise<number> => {
    const path = unified === undefined ? undefined : await readCgroupPath(root, pid, 0);
    if (path !== undefined && path !== '/') return await numberIn(0, unified!, path);
    const legacyPath = legacy === undefined ? undefined : await readCgroupPath(root, pid, legacy.number);
    if (legacyPath !== undefined) return await numberIn(legacy!.number, legacy!.place, legacyPath);
    return path === undefined ? NOT_KNOWN : await numberIn(0, unified!, path);
  };

  const alive = await mapBounded(pids, CONCURRENT_READS, async (pid) => {
    const stat = await readStat(root, pid);
    // the first thread may have left before the others
    if (!stat.ok || stat.value.state === 'X' || (stat.value.state === 'Z' && stat.value.threads <= 1)) return undefined;
    return await cgroupOf(pid);
  });
  const counts = new Map<number, number>();
  for (const cgroup of alive) if (cgroup !== undefined) counts.set(cgroup, (counts.get(cgroup) ?? 0) + 1);
  return counts;
};
