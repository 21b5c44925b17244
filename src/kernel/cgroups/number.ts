/** Numbers of cgroups as records have them: see CGROUP_HIERARCHY_SHIFT in bpf/events.h. Whole below 2^53, so a double holds them. */

const HIERARCHY = 2 ** 45;

/** `inode`: of its folder; `hierarchy`: 0 = v2. */
export const cgroupNumber = (hierarchy: number, inode: number): number => hierarchy * HIERARCHY + inode;
export const hierarchyOf = (number: number): number => Math.floor(number / HIERARCHY);
