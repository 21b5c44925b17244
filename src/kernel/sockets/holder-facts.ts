/** Who the processes are that hold a socket: by procfs, and only as long as the number is still theirs. */
import { mapBounded } from '../../core/bounded.ts';
import { readCgroups, readCommandLine } from '../procfs/process.ts';
import { readExecutable } from '../procfs/executable.ts';
import { readStat, readStatus, TICK_NS } from '../procfs/stat.ts';

export type HolderFacts = {
  readonly pid: number;
  /** Name of the main thread, raw bytes as Latin-1 are not lost; empty: it is gone. */
  readonly name: string;
  readonly isGone: boolean;
  readonly startNs: bigint | undefined;
  /** Effective. */
  readonly uid: number | undefined;
  readonly executable: string | undefined;
  readonly args: readonly string[] | undefined;
  /** In the v2 hierarchy, else of the deepest v1 hierarchy. */
  readonly cgroup: string | undefined;
};

/** As much of the arguments as a line of a terminal may show. */
const ARGS_BYTES = 512;
const CONCURRENT_READS = 8;

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

const deepest = (paths: Iterable<string>): string | undefined => {
  let best: string | undefined;
  for (const path of paths) if (best === undefined || path.length > best.length) best = path;
  return best;
};

const readFacts = async (root: string, pid: number, startNs: bigint | undefined): Promise<HolderFacts> => {
  const gone: HolderFacts = {
    pid,
    name: '',
    isGone: true,
    startNs,
    uid: undefined,
    executable: undefined,
    args: undefined,
    cgroup: undefined,
  };
  const [status, executable, commandLine, cgroups] = await Promise.all([
    readStatus(root, pid),
    readExecutable(root, pid),
    readCommandLine(root, pid, ARGS_BYTES),
    readCgroups(root, pid),
  ]);
  // Last: what was read before belongs to whom the number belongs now.
  const stat = await readStat(root, pid);
  if (!stat.ok || (startNs !== undefined && startNs / TICK_NS !== stat.value.startNs / TICK_NS)) return gone;
  return {
    pid,
    name: text(stat.value.comm),
    isGone: false,
    startNs: startNs ?? stat.value.startNs,
    uid: status.ok ? status.value.euid : undefined,
    executable: executable.ok && executable.value.path.length > 0 ? text(executable.value.path) : undefined,
    args: commandLine.ok ? commandLine.value.args.map(text) : undefined,
    cgroup: cgroups.ok
      ? cgroups.value.unified !== undefined && cgroups.value.unified !== '/'
        ? cgroups.value.unified
        : (deepest(cgroups.value.v1.values()) ?? cgroups.value.unified)
      : undefined,
  };
};

/** By pid. `holders`: the first of a pid counts. */
export const readHolderFacts = async (
  root: string,
  holders: Iterable<{ readonly pid: number; readonly startNs?: bigint | undefined }>,
): Promise<ReadonlyMap<number, HolderFacts>> => {
  const starts = new Map<number, bigint | undefined>();
  for (const { pid, startNs } of holders) if (!starts.has(pid)) starts.set(pid, startNs);
  const facts = await mapBounded([...starts], CONCURRENT_READS, ([pid, startNs]) => readFacts(root, pid, startNs));
  return new Map(facts.map((one) => [one.pid, one]));
};
