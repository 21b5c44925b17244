/** What who looks at the sessions of this host again and again is given: what is open, and who owns it. */
import { readFileSync, readlinkSync } from 'node:fs';
import type { ProcessTable } from '../lifecycle/process-table.ts';
import { parseUptimeNs } from '../procfs/boot-clock.ts';
import { parseStat, TICK_NS } from '../procfs/stat.ts';
import type { ShownSessions } from './shown.ts';
import { createTimeWaitCounter, type TimeWaitCount } from './time-wait.ts';

export type LiveSockets = {
  /** Undefined: nobody asked for sockets, or they cannot be told. Rejects with a NativeError. */
  show(): Promise<ShownSessions | undefined>;
  /** Connections in TIME_WAIT by network namespace. */
  timeWaits(): Promise<readonly TimeWaitCount[]>;
  /** Boot time now, ns, to about 10 ms; undefined: not known. */
  bootNs(): bigint | undefined;
  /** Path of what a process runs, or ran when it is dead; undefined: not known. `startNs` is boot time; procfs rounds it down. */
  executable(pid: number, startNs: bigint): string | undefined;
};

export type LiveSocketsOptions = {
  /** Prefix of /proc. */
  readonly root: string;
  readonly show: LiveSockets['show'];
  readonly processes: Pick<ProcessTable, 'slotOf' | 'executablePath'>;
};

const DELETED = ' (deleted)';

/** As it is now; undefined when the process is gone, or is none of programs. Fast: procfs does not wait for a disk. */
const readNow = (root: string, pid: number, startNs: bigint): string | undefined => {
  try {
    const folder = `${root}/proc/${pid}`;
    const path = readlinkSync(`${folder}/exe`);
    const stat = parseStat(readFileSync(`${folder}/stat`, 'latin1'));
    // behind the link: what was read belongs to whom the number belongs
    if (stat === undefined || stat.startNs / TICK_NS !== startNs / TICK_NS) return undefined;
    return path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path;
  } catch {
    return undefined;
  }
};

export const createLiveSockets = ({ root, show, processes }: LiveSocketsOptions): LiveSockets => ({
  show,
  timeWaits: createTimeWaitCounter(root),
  bootNs() {
    try {
      return parseUptimeNs(readFileSync(`${root}/proc/uptime`, 'latin1'));
    } catch {
      return undefined;
    }
  },
  executable: (pid, startNs) => processes.executablePath(processes.slotOf(pid, startNs)) ?? readNow(root, pid, startNs),
});
