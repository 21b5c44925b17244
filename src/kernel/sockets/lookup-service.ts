/** The look-up of one running Ringtail: its own maps, and procfs of the host. */
import { readFileSync } from 'node:fs';
import type { Counters } from '../../core/counters.ts';
import { parseUptimeNs } from '../procfs/boot-clock.ts';
import { readProgram } from '../procfs/program.ts';
import { createSocketLookup, type SocketLookup, type SocketLookupOptions } from './lookup.ts';
import { readSockets } from './procfs/sockets.ts';
import { socketTables } from './procfs/tables.ts';

/** Of whom a question may be about; those of unix sockets and of interfaces are longer than all others together. */
const inetTables = socketTables.filter((table) => table !== 'unix' && table !== 'packet');

/** Boot time, rounded down to 10 ms; 0 when it cannot be read: then nothing is known for any moment. */
const bootNs = (root: string): bigint => {
  try {
    return parseUptimeNs(readFileSync(`${root}/proc/uptime`, 'latin1')) ?? 0n;
  } catch {
    return 0n;
  }
};

export const createLookupService = (options: {
  /** Prefix of /proc. */
  readonly root: string;
  readonly counters: Counters;
  readonly readMaps: SocketLookupOptions['readMaps'];
}): SocketLookup => {
  const { root, counters, readMaps } = options;
  return createSocketLookup({
    readMaps,
    counters,
    readProcfs({ pids, protocol }) {
      const tables = protocol === undefined ? inetTables : inetTables.filter((table) => table.startsWith(protocol));
      return readSockets({ root, tables, ...(pids === undefined ? {} : { pids }) });
    },
    readExecutable: async (pid, startNs) => {
      const program = await readProgram(root, { pid, startNs });
      return program.ok && program.executable.path.length > 0 ? Buffer.from(program.executable.path).toString('utf8') : undefined;
    },
    nowNs: () => bootNs(root),
  });
};
