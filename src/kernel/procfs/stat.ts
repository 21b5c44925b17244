/** `/proc/<pid>/stat` and `/proc/<pid>/status`. Source: proc(5), fs/proc/array.c. */
import { readLatin1, type ReadResult } from './read.ts';

/** USER_HZ: the same on every architecture that we run on, whatever HZ the kernel was built with. */
const TICKS_PER_SECOND = 100n;
/** Start times in procfs are rounded down to this. */
export const TICK_NS = 1_000_000_000n / TICKS_PER_SECOND;
/** include/linux/sched.h */
const PF_KTHREAD = 0x0020_0000;
const MAX_STAT_BYTES = 4096;
const MAX_STATUS_BYTES = 16_384;

export type ProcessStat = {
  readonly pid: number;
  /** Raw bytes; at most 15 for processes, longer for some kernel threads. */
  readonly comm: Uint8Array;
  readonly state: string;
  readonly ppid: number;
  readonly sessionPid: number;
  readonly kernelThread: boolean;
  /** That have not been waited for; the first one among them. */
  readonly threads: number;
  /** Boot time, ns, in whole ticks. */
  readonly startNs: bigint;
  /** Addresses of code, stack and arguments, which change with every exec (unless addresses are not randomised); '' when not for us. */
  readonly layout: string;
};

/** undefined when it is not the text of a stat file. */
export const parseStat = (text: string): ProcessStat | undefined => {
  // comm is the caller's choice and may hold spaces, newlines and parentheses: the last one ends it.
  const open = text.indexOf(' (');
  const close = text.lastIndexOf(') ');
  if (open < 0 || close < open) return undefined;
  const fields = text.slice(close + 2).split(' ');
  const number = (index: number): number => Number(fields[index - 3]);
  const ticks = fields[22 - 3];
  if (ticks === undefined || !/^\d+$/.test(ticks)) return undefined;
  const layout = [26, 28, 48].map((index) => fields[index - 3] ?? '0');
  return {
    pid: Number(text.slice(0, open)),
    comm: Uint8Array.from(Buffer.from(text.slice(open + 2, close), 'latin1')),
    state: fields[0]!,
    ppid: number(4),
    sessionPid: number(6),
    kernelThread: (number(9) & PF_KTHREAD) !== 0,
    threads: number(20),
    startNs: BigInt(ticks) * TICK_NS,
    // Without ptrace rights the kernel shows 0 or 1.
    layout: layout.every((address) => address.trim().length < 2) ? '' : layout.join(),
  };
};

export const readStat = (root: string, pid: number): Promise<ReadResult<ProcessStat>> => readStatIn(`${root}/proc/${pid}`);

/** `folder`: that of the process in procfs. */
export const readStatIn = async (folder: string): Promise<ReadResult<ProcessStat>> => {
  const text = await readLatin1(`${folder}/stat`, MAX_STAT_BYTES);
  if (!text.ok) return text;
  const stat = parseStat(text.value);
  return stat === undefined ? { ok: false, reason: 'failed' } : { ok: true, value: stat };
};

export type ProcessStatus = {
  readonly uid: number;
  readonly euid: number;
  /** Pid in each pid namespace, from the reader's to the innermost; one when not nested or not told. */
  readonly namespacePids: readonly number[];
};

export const parseStatus = (text: string): ProcessStatus | undefined => {
  const numbersOf = (name: string): readonly number[] | undefined =>
    new RegExp(`^${name}:\\s*([\\d\\t ]+)$`, 'm').exec(text)?.[1]?.trim().split(/\s+/).map(Number); // prettier-ignore
  const uids = numbersOf('Uid');
  const pids = numbersOf('NStgid') ?? numbersOf('Tgid');
  if (uids === undefined || uids.length !== 4 || pids === undefined) return undefined;
  return { uid: uids[0]!, euid: uids[1]!, namespacePids: pids };
};

export const readStatus = async (root: string, pid: number): Promise<ReadResult<ProcessStatus>> => {
  const text = await readLatin1(`${root}/proc/${pid}/status`, MAX_STATUS_BYTES);
  if (!text.ok) return text;
  const status = parseStatus(text.value);
  return status === undefined ? { ok: false, reason: 'failed' } : { ok: true, value: status };
};
