import { readLatin1 } from './read.ts';

/** A path in each of a dozen hierarchies. */
const MAX_CGROUP_BYTES = 65_536;
/** What the kernel puts behind the path of one that was removed. */
const REMOVED = ' (deleted)';

/** Of the text of /proc/<pid>/cgroup: the path in the hierarchy of this number, 0 = v2. Of one that was removed the path that it had. */
export const findCgroupPath = (text: string, hierarchy: number): string | undefined => {
  for (const line of text.split('\n')) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (match === null || Number(match[1]) !== hierarchy) continue;
    const path = match[3]!;
    return hierarchy === 0 && path.endsWith(REMOVED) ? path.slice(0, -REMOVED.length) : path;
  }
  return undefined;
};

/** Where a process is in one hierarchy, one character a byte (Latin-1); undefined when that cannot be had. */
export const readCgroupPath = async (root: string, pid: number, hierarchy: number): Promise<string | undefined> => {
  const text = await readLatin1(`${root}/proc/${pid}/cgroup`, MAX_CGROUP_BYTES);
  return text.ok ? findCgroupPath(text.value, hierarchy) : undefined;
};
