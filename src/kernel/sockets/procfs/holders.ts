import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { parseStat } from '../../procfs/stat.ts';
import type { SocketHolder } from '../open-socket.ts';
import type { Breath } from './breath.ts';

const SOCKET = 'socket:[';

/** The inode that a descriptor's link names; undefined when it is no socket. */
export const socketInode = (link: string): number | undefined => {
  if (!link.startsWith(SOCKET)) return undefined;
  const inode = Number(link.slice(SOCKET.length, -1));
  return Number.isSafeInteger(inode) ? inode : undefined;
};

export type Holders = {
  /** By inode, the one that began first in front. */
  readonly byInode: ReadonlyMap<number, readonly SocketHolder[]>;
  /** Processes whose descriptors are not for us to see. */
  readonly denied: number;
};

const isDenied = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM');

const list = (path: string): readonly string[] => {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isDenied(error)) throw error;
    return [];
  }
};

/** Where the descriptors of a process are: with its main thread, or with another when that one is dead. */
const tableOf = (folder: string): readonly [folder: string, names: readonly string[]] => {
  const names = list(`${folder}/fd`);
  if (names.length > 0) return [`${folder}/fd`, names];
  for (const tid of list(`${folder}/task`)) {
    const ofThread = list(`${folder}/task/${tid}/fd`);
    if (ofThread.length > 0) return [`${folder}/task/${tid}/fd`, ofThread];
  }
  return [`${folder}/fd`, names];
};

const byStart = (a: SocketHolder, b: SocketHolder): number => {
  if (a.startNs === b.startNs) return a.pid - b.pid || a.fd - b.fd;
  if (a.startNs === undefined || b.startNs === undefined) return a.startNs === undefined ? 1 : -1;
  return a.startNs < b.startNs ? -1 : 1;
};

/**
 * Who has descriptors of sockets. A process that goes meanwhile holds nothing; its number never stands for another. Threads that do not share the
 * descriptors of their process are not seen. `isWanted`: of which inodes; all when it is not given.
 */
export const readHolders = async (options: {
  readonly root: string;
  readonly pids: readonly number[];
  readonly breath: Breath;
  readonly isWanted?: (inode: number) => boolean;
}): Promise<Holders> => {
  const { root, pids, breath, isWanted = () => true } = options;
  const byInode = new Map<number, SocketHolder[]>();
  let denied = 0;

  const readProcess = async (pid: number): Promise<void> => {
    const folder = `${root}/proc/${pid}`;
    // As long as this is open its stat file is that process's, whoever has the number by then; see procfs/held.ts.
    const held = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const [table, names] = tableOf(folder);
      const found: (readonly [inode: number, fd: number])[] = [];
      for (const name of names) {
        try {
          const inode = socketInode(readlinkSync(`${table}/${name}`));
          if (inode !== undefined && isWanted(inode)) found.push([inode, Number(name)]);
        } catch {
          // descriptors come and go
        }
        if (breath.isDue()) await breath.take();
      }
      if (found.length === 0) return;
      const startNs = parseStat(readFileSync(`/proc/self/fd/${held}/stat`, 'latin1'))?.startNs;
      for (const [inode, fd] of found) {
        const holder = { pid, startNs, fd };
        const others = byInode.get(inode);
        if (others === undefined) byInode.set(inode, [holder]);
        else others.push(holder);
      }
    } finally {
      closeSync(held);
    }
  };

  for (const pid of pids) {
    try {
      await readProcess(pid);
    } catch (error) {
      if (isDenied(error)) denied++; // else it is gone
    }
    if (breath.isDue()) await breath.take();
  }
  for (const holders of byInode.values()) if (holders.length > 1) holders.sort(byStart);
  return { byInode, denied };
};
