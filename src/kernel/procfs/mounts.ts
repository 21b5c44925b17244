import { stat } from 'node:fs/promises';
import { readBounded, readLatin1 } from './read.ts';

/** Hosts with many containers have thousands of mounts. */
const MAX_MOUNTS_BYTES = 4 * 2 ** 20;
/** A line for each controller. */
const MAX_CONTROLLERS_BYTES = 65_536;

/** Space, tab, newline and backslash stand as octal numbers in mount tables. Source: proc(5), mangle() of fs/seq_file.c. */
export const unescapeMountField = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));

/** Where hierarchies of cgroups are mounted. `v1`: by controller, the first mount of each. */
export type CgroupMounts = { readonly unified: string | undefined; readonly v1: ReadonlyMap<string, string> };

/** Of the text of a mount table. The options of a v1 mount name its controllers, among others that are none. */
export const findCgroupMounts = (mounts: string): CgroupMounts => {
  const v1 = new Map<string, string>();
  let unified: string | undefined;
  for (const line of mounts.split('\n')) {
    const [, target, type, options] = line.split(' ');
    if (target === undefined || options === undefined) continue;
    if (type === 'cgroup2') unified ??= unescapeMountField(target);
    if (type !== 'cgroup') continue;
    for (const option of options.split(',')) if (!v1.has(option)) v1.set(option, unescapeMountField(target));
  }
  return { unified, v1 };
};

/** Numbers of the v1 hierarchies by controller, of the text of /proc/cgroups; controllers of the v2 hierarchy have none. */
export const findHierarchyNumbers = (controllers: string): ReadonlyMap<string, number> => {
  const numbers = new Map<string, number>();
  for (const line of controllers.split('\n')) {
    const match = /^(\w+)\s+([1-9]\d*)\s/.exec(line);
    if (match !== null) numbers.set(match[1]!, Number(match[2]));
  }
  return numbers;
};

const readCgroupMounts = async (root: string): Promise<CgroupMounts> => {
  const result = await readBounded(`${root}/proc/mounts`, MAX_MOUNTS_BYTES);
  return findCgroupMounts(result.ok ? Buffer.from(result.value.bytes).toString('utf8') : '');
};

/**
 * Where the v2 hierarchy is mounted: /sys/fs/cgroup, /sys/fs/cgroup/unified on hybrid hosts, or elsewhere; undefined when it is not.
 * The place is not prefixed with `root`.
 */
export const cgroup2Mount = async (root: string): Promise<string | undefined> => (await readCgroupMounts(root)).unified;

/** A v1 hierarchy: its number, one of its controllers, and where it is mounted. */
export type LegacyHierarchy = {
  readonly number: number;
  readonly controller: string;
  readonly place: string;
  /**
   * It counts before v2: systemd has its tree in both, and engines that make containers in v1 by themselves leave these in their own unit in v2
   * (`0::/system.slice/containerd.service` beside `4:memory:/docker/<id>`).
   */
  readonly isFirst: boolean;
};
export type Hierarchies = { readonly unified: string | undefined; readonly legacy: LegacyHierarchy | undefined };

/** Which v1 hierarchy tells most: container runtimes make groups in all that are mounted, people and init systems in some. */
export const legacyControllers = ['memory', 'pids', 'cpu', 'cpuset', 'devices', 'freezer', 'blkio', 'cpuacct', 'net_cls', 'perf_event', 'hugetlb'] as const; // prettier-ignore
/** CGROUP_HIERARCHY_SHIFT of bpf/events.h leaves no room for more. */
const LARGEST_NUMBER = 255;

/**
 * The hierarchies that records are about: v2, and of v1 the one that tells most. `isMirrored`: an init system has its tree in v2 too. Places are not
 * prefixed with `root`.
 */
export const chooseHierarchies = (mounts: CgroupMounts, numbers: ReadonlyMap<string, number>, isMirrored: boolean): Hierarchies => {
  for (const controller of legacyControllers) {
    const [place, number] = [mounts.v1.get(controller), numbers.get(controller)];
    if (place !== undefined && number !== undefined && number <= LARGEST_NUMBER)
      return { unified: mounts.unified, legacy: { number, controller, place, isFirst: isMirrored } };
  }
  return { unified: mounts.unified, legacy: undefined };
};

/** The scope of systemd itself, which is in every hierarchy that it uses. */
const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

export const findHierarchies = async (root: string): Promise<Hierarchies> => {
  const [mounts, controllers] = await Promise.all([readCgroupMounts(root), readLatin1(`${root}/proc/cgroups`, MAX_CONTROLLERS_BYTES)]);
  const isMirrored = mounts.unified !== undefined && (await isFolder(`${root}${mounts.unified}/init.scope`));
  return chooseHierarchies(mounts, findHierarchyNumbers(controllers.ok ? controllers.value : ''), isMirrored);
};
