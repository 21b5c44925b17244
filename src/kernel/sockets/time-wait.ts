/** Connections in TIME_WAIT by the counters of network namespaces: where no iterator tells them, and to know where one is worth its time. */
import { mapBounded } from '../../core/bounded.ts';
import { createBreath } from './procfs/breath.ts';
import { listProcesses, readNamespaces, type NetworkNamespace } from './procfs/namespaces.ts';
import { readSockstat } from './procfs/sockstat.ts';

const CONCURRENT_READS = 4;

const pidOf = (folder: string): number => Number(/\/proc\/(\d+)/.exec(folder)![1]);

/** Namespaces are looked for this often by who asks again and again: it takes a look at every process. */
const NAMESPACES_MS = 3_000;

export type TimeWaitCount = {
  /** Number of the network namespace's inode; 0: not for us to know. */
  readonly netns: number;
  /** Of IPv4 and IPv6. */
  readonly count: number;
};

/** The same again and again: by network namespace, those that have none left out. */
export const createTimeWaitCounter = (
  root: string,
  nowMs: () => number = () => performance.now(),
): (() => Promise<readonly TimeWaitCount[]>) => {
  let namespaces: readonly NetworkNamespace[] = [];
  let readMs = -Infinity;
  const countOf = async ({ folders, isStill }: NetworkNamespace): Promise<number> => {
    for (const folder of folders) {
      const timeWait = isStill(folder) ? (await readSockstat(root, pidOf(folder)))?.timeWait : undefined;
      if (timeWait !== undefined) return timeWait;
    }
    return 0;
  };
  return async () => {
    if (nowMs() - readMs > NAMESPACES_MS) {
      namespaces = await readNamespaces(root, listProcesses(root) ?? [], createBreath());
      readMs = nowMs();
    }
    const counts = await mapBounded(namespaces, CONCURRENT_READS, async (one) => ({ netns: one.netns, count: await countOf(one) }));
    return counts.filter(({ count }) => count > 0);
  };
};

/** Of IPv4 and IPv6, in all network namespaces that a process is in; undefined when procfs tells it of none. */
export const countTimeWait = async (root: string): Promise<number | undefined> => {
  const namespaces = await readNamespaces(root, listProcesses(root) ?? [], createBreath());
  const counts: number[] = [];
  for (const { folders } of namespaces) {
    for (const folder of folders) {
      const timeWait = (await readSockstat(root, pidOf(folder)))?.timeWait;
      if (timeWait === undefined) continue;
      counts.push(timeWait);
      break;
    }
  }
  return counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count, 0);
};

/** Whether the network namespace of a process, by its folder in procfs, has any: an iterator walks the table of the whole host for each namespace. */
export const hasTimeWait =
  (root: string) =>
  async (folder: string): Promise<boolean> =>
    (await readSockstat(root, pidOf(folder)))?.timeWait !== 0;
