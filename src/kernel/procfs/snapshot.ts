/** One look at all processes, compared with the look before. */
import { readdir } from 'node:fs/promises';
import { mapBounded } from '../../core/bounded.ts';
import { isSameProgram, readProcess, type ProcessFacts } from './process.ts';
import { readStat, type ProcessStat } from './stat.ts';

/** Reads under way at once; they run on the few threads of the pool, more only queue up. */
const CONCURRENT_READS = 8;

/** A process as it was seen last. `execId` counts the programs that we saw it run, from 0. */
export type SeenProcess = { readonly facts: ProcessFacts; readonly execId: number };

export type Changes = {
  /** First seen now. `forked`: nothing says that it started a program of its own. */
  readonly started: readonly { readonly process: SeenProcess; readonly forked: boolean }[];
  /** The same process runs another program. */
  readonly executed: readonly SeenProcess[];
  readonly ended: readonly SeenProcess[];
  /** Processes that were not looked at because there are too many. */
  readonly skipped: number;
};

export type Snapshots = {
  /** undefined when /proc cannot be listed. */
  take(): Promise<Changes | undefined>;
  get(pid: number): SeenProcess | undefined;
  /** That were there when it was looked last. */
  all(): readonly SeenProcess[];
};

const isPid = (name: string): boolean => /^[1-9]\d{0,9}$/.test(name);

const sameExecutable = (a: ProcessFacts, b: ProcessFacts): boolean =>
  a.executable === undefined || b.executable === undefined || Buffer.compare(a.executable.path, b.executable.path) === 0;
const sameArguments = (a: ProcessFacts, b: ProcessFacts): boolean =>
  a.commandLine?.args.length === b.commandLine?.args.length &&
  (a.commandLine?.args ?? []).every((arg, i) => Buffer.compare(arg, b.commandLine!.args[i]!) === 0);

/** A title that a process writes over its arguments or name is no exec: only its memory layout or its executable tell one. */
const hasExecuted = (before: ProcessFacts, now: ProcessFacts): boolean =>
  (before.stat.layout !== '' && now.stat.layout !== '' && before.stat.layout !== now.stat.layout) || !sameExecutable(before, now);

/** Runs what its parent runs. Layout tells for sure; where it is not for us, name and arguments must do. */
const isForkOf = (child: ProcessFacts, parent: ProcessFacts | undefined): boolean => {
  if (child.stat.kernelThread || child.stat.state === 'Z') return true;
  if (parent === undefined) return false;
  if (child.stat.layout !== '' && parent.stat.layout !== '') return child.stat.layout === parent.stat.layout;
  return Buffer.compare(child.stat.comm, parent.stat.comm) === 0 && sameArguments(child, parent);
};

export const createSnapshots = (options: {
  readonly root: string;
  readonly maxProcesses: number;
  readonly maxCmdlineBytes: number;
}): Snapshots => {
  const { root, maxProcesses, maxCmdlineBytes } = options;
  let seen = new Map<number, SeenProcess>();

  /** What is there now under a pid; what could not be read stays as it was when it is the same process, and waits when it is new. */
  const look = async (pid: number): Promise<SeenProcess | undefined> => {
    const before = seen.get(pid);
    const stat = await readStat(root, pid);
    if (!stat.ok) return stat.reason === 'gone' ? undefined : before;
    if (before !== undefined && isUnchanged(before, stat.value)) return before;
    const read = await readProcess(root, pid, maxCmdlineBytes);
    const same = before !== undefined && before.facts.stat.startNs === stat.value.startNs ? before : undefined;
    if (!read.ok || read.value.status === undefined) return same;
    const facts = read.value;
    if (same === undefined) return facts.stat.state === 'X' ? undefined : { facts, execId: 0 };
    // The dying have lost their memory and their executable: they keep what is known.
    if (facts.stat.state === 'Z' || facts.stat.state === 'X') return same;
    return { facts, execId: same.execId + (hasExecuted(same.facts, facts) ? 1 : 0) };
  };

  return {
    get: (pid) => seen.get(pid),
    all: () => [...seen.values()],
    async take() {
      let names: string[];
      try {
        names = await readdir(`${root}/proc`);
      } catch {
        return undefined;
      }
      const pids = names.filter(isPid).map(Number);
      const looked = await mapBounded(pids.slice(0, maxProcesses), CONCURRENT_READS, look);
      const now = new Map<number, SeenProcess>();
      for (const process of looked) if (process !== undefined) now.set(process.facts.stat.pid, process);
      const before = seen;
      seen = now;
      const isNew = ({ facts: { stat } }: SeenProcess): boolean => before.get(stat.pid)?.facts.stat.startNs !== stat.startNs;
      return {
        started: Array.from(now.values())
          .filter(isNew)
          .map((process) => ({ process, forked: isForkOf(process.facts, now.get(process.facts.stat.ppid)?.facts) })),
        executed: Array.from(now.values()).filter(
          (process) => !isNew(process) && process.execId !== before.get(process.facts.stat.pid)!.execId,
        ),
        ended: Array.from(before.values()).filter(({ facts: { stat } }) => now.get(stat.pid)?.facts.stat.startNs !== stat.startNs),
        skipped: Math.max(0, pids.length - maxProcesses),
      };
    },
  };
};

/** Nothing in the stat file hints at another program. */
const isUnchanged = ({ facts }: SeenProcess, stat: ProcessStat): boolean =>
  isSameProgram(facts.stat, stat) && facts.stat.ppid === stat.ppid && stat.state !== 'X';
