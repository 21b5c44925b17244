import { readdir, readlink } from 'node:fs/promises';
import { readBounded } from './read.ts';

/** Hosts with many connections have long tables; what listens is looked for in this much of them. */
const MAX_TABLE_BYTES = 16 * 2 ** 20;
const MAX_COMMAND_BYTES = 4096;
/** State 0A of /proc/net/tcp. Source: include/net/tcp_states.h. */
const LISTEN = '0A';

export type Listener = {
  readonly pid: number;
  /** As it was started. */
  readonly args: readonly string[];
};

/** Inodes of the sockets that listen on a port, from the text of /proc/net/tcp or tcp6. */
export const listeningInodes = (table: string, port: number): readonly string[] => {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return table.split('\n').flatMap((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    return state === LISTEN && local?.endsWith(`:${hex}`) === true && inode !== undefined ? [inode] : [];
  });
};

const textOf = async (path: string, maxBytes: number): Promise<string> => {
  const result = await readBounded(path, maxBytes);
  return result.ok ? Buffer.from(result.value.bytes).toString('utf8') : '';
};

const holds = async (pid: string, sockets: ReadonlySet<string>): Promise<boolean> => {
  try {
    for (const fd of await readdir(`/proc/${pid}/fd`)) {
      // descriptors come and go
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      if (sockets.has(target)) return true;
    }
  } catch {
    // it ended, or is not for us
  }
  return false;
};

/** Who listens on a TCP port in our network namespace; undefined when nobody does, or when it is not for us to know. */
export const findListener = async (port: number): Promise<Listener | undefined> => {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => textOf(`/proc/self/net/${name}`, MAX_TABLE_BYTES)));
  const sockets = new Set(tables.flatMap((table) => listeningInodes(table, port)).map((inode) => `socket:[${inode}]`));
  if (sockets.size === 0) return undefined;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (!(await holds(pid, sockets))) continue;
    const args = (await textOf(`/proc/${pid}/cmdline`, MAX_COMMAND_BYTES)).split('\0').slice(0, -1);
    return { pid: Number(pid), args };
  }
  return undefined;
};
