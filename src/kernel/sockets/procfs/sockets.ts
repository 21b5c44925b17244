/** All open sockets of a host as procfs tells them, with those who hold them. */
import type { OpenSocket } from '../open-socket.ts';
import { createBreath } from './breath.ts';
import { readHolders } from './holders.ts';
import { listProcesses, readNamespaces } from './namespaces.ts';
import { readNamespaceTables, socketTables, type SocketTable } from './tables.ts';

export type ReadSocketsOptions = {
  /** Prefix of /proc. */
  readonly root: string;
  /** Only sockets that these processes hold, and only these as holders; all when it is not given. */
  readonly pids?: readonly number[];
  /** All when it is not given. */
  readonly tables?: readonly SocketTable[];
  /** Told of processes whose descriptors are not for us to see: their sockets have no holders. */
  readonly onDenied?: (processes: number) => void;
};

/**
 * Every network namespace that a process is in. An ordinary user sees the sockets of all, and the holders among its own processes. Never throws: what
 * cannot be read is not there.
 */
export const readSockets = async (options: ReadSocketsOptions): Promise<readonly OpenSocket[]> => {
  const { root, tables = socketTables, onDenied = () => {} } = options;
  const breath = createBreath();
  const pids = options.pids ?? listProcesses(root) ?? [];
  const sockets: OpenSocket[] = [];
  // Tables first: a socket that closes meanwhile has no holder then, while one that opens is not missed by half.
  const namespaces = await readNamespaces(root, pids, breath);
  const found = [];
  for (const namespace of namespaces) found.push((await readNamespaceTables(namespace, tables, breath)).sockets);
  const { byInode, denied } = await readHolders({ root, pids, breath });
  if (denied > 0) onDenied(denied);
  for (const ofNamespace of found) {
    for (const socket of ofNamespace) {
      const holders = byInode.get(socket.inode) ?? [];
      if (holders.length > 0 || options.pids === undefined) sockets.push({ ...socket, holders });
      if (breath.isDue()) await breath.take();
    }
  }
  return sockets;
};
