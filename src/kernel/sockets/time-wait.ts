/** Connections in TIME_WAIT by the counters of network namespaces: where no iterator tells them, and to know where one is worth its time. */
import { createBreath } from './procfs/breath.ts';
import { listProcesses, readNamespaces } from './procfs/namespaces.ts';
import { readSockstat } from './procfs/sockstat.ts';

const pidOf = (folder: string): number => Number(/\/proc\/(\d+)/.exec(folder)![1]);

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
