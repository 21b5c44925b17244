/** The lowest rung: frames of lifecycle records made by looking at /proc at an interval. */
import { createFrameBuilder, type ColumnInput, type FrameBuilder } from '../../core/frame-builder.ts';
import type { KernelFrame } from '../frames.ts';
import { eventKind, execFlag } from '../layouts.gen.ts';
import { createActorMaker } from './actor.ts';
import { countAlive } from './alive.ts';
import { readBootClock } from './boot-clock.ts';
import { DEFAULT_CMDLINE_BYTES } from './process.ts';
import { readTraceparent } from './traceparent.ts';
import { createSnapshots, type SeenProcess } from './snapshot.ts';

/** What this rung cannot see; for the start-up line and the documentation. */
export const PROCFS_LIMITS =
  'reads /proc at an interval: misses processes that start and end between two reads, forks, failed execs, exit codes and signals, and execs of ' +
  "processes that it may not inspect; times of exits and later execs are when they were noticed, and arguments are the process's own word";

export const DEFAULT_PROCFS_INTERVAL_MS = 1000;
/** As many as the process table holds. */
const MAX_PROCESSES = 65_536;

/** Columns that this rung can fill; what it cannot know is not there, so that nobody reads a zero as a fact. */
const columnsByKind = new Map<number, readonly string[]>([
  [eventKind.task, ['sessionLeaderPid', 'pathFlags', 'path']],
  [eventKind.exec, ['sessionLeaderPid', 'pathFlags', 'path', 'cwd', 'cwdFlags', 'argc', 'execFlags', 'args', 'argsKept', 'traceparent']],
  [eventKind.exit, []],
]);

export type ProcfsWatcherOptions = {
  /** Prefix of /proc. */
  readonly root?: string;
  readonly intervalMs?: number;
  readonly maxCmdlineBytes?: number;
  readonly nowMs?: () => number;
  /** Processes of which no event is told; the process table still learns of those that run already. */
  readonly leavesOut?: (process: SeenProcess) => boolean;
  /** Ringtail itself, which does not count among the living; 0: not known. */
  readonly selfPid?: number;
  /** Whether execs tell the TRACEPARENT of their environments. */
  readonly wantsTraceparent?: () => boolean;
  /** Gets each frame that has rows. */
  readonly onFrame: (frame: KernelFrame) => void;
  /** True: what was given before is not worked off, so nobody looks for more this time. */
  readonly isBehind?: () => boolean;
  /** A look at the interval went wrong for another reason than what processes do; the next one comes in its time. */
  readonly onError?: (error: unknown) => void;
};

export type ProcfsWatcher = {
  /** Looks at what runs already (handed over as tasks, not as events), then at the interval. */
  start(): Promise<void>;
  /** Ends after the look that is under way. */
  stop(): Promise<void>;
  /** Looks once, now. False when /proc cannot be read. */
  scan(): Promise<boolean>;
  /** Who of those that the last look found is alive, but for those that are left out: processes by the number of their cgroup, 0 = not known. */
  alive(): Promise<ReadonlyMap<number, number>>;
  /** Processes not looked at because there are more than 65,536. */
  readonly skipped: number;
};

const commandLineColumns = ({ facts }: SeenProcess): Record<string, ColumnInput> => {
  const line = facts.commandLine;
  const isCut = line === undefined || line.truncated;
  return {
    args: line?.args ?? [],
    argc: isCut ? 0 : line.args.length,
    execFlags: isCut ? execFlag.argcUnknown | (line?.truncated ? execFlag.argsTruncated : 0) : 0,
    cwd: facts.workingDirectory ?? '',
    cwdFlags: 0, // a link in procfs is whole or cannot be read
  };
};

const programColumns = ({ facts }: SeenProcess): Record<string, ColumnInput> => ({
  path: facts.executable?.path ?? '',
  pathFlags: facts.executable?.pathFlags ?? 0,
  sessionLeaderPid: facts.stat.sessionPid,
});

export const createProcfsWatcher = (options: ProcfsWatcherOptions): ProcfsWatcher => {
  const {
    root = '',
    intervalMs = DEFAULT_PROCFS_INTERVAL_MS,
    maxCmdlineBytes = DEFAULT_CMDLINE_BYTES,
    nowMs = Date.now,
    leavesOut = () => false,
    selfPid = 0,
    wantsTraceparent = () => false,
    onFrame,
    isBehind = () => false,
    onError = () => {},
  } = options;
  const snapshots = createSnapshots({ root, maxProcesses: MAX_PROCESSES, maxCmdlineBytes });
  const { learnCgroup, actorOf } = createActorMaker(root);
  let isFirst = true;
  let sequence = 0;
  let skipped = 0;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<boolean> | undefined;

  const look = async (): Promise<boolean> => {
    const clock = await readBootClock(root, nowMs);
    const changes = await snapshots.take();
    if (clock === undefined || changes === undefined) return false;
    const { started, executed, ended } = changes;
    skipped += changes.skipped;
    for (const { process } of started) await learnCgroup(process);
    for (const process of executed) await learnCgroup(process);
    if (started.length + executed.length + ended.length === 0) return true;
    const endedByPid = new Map(ended.map((process) => [process.facts.stat.pid, process]));
    const parentOf = ({ facts: { stat } }: SeenProcess): SeenProcess | undefined => snapshots.get(stat.ppid) ?? endedByPid.get(stat.ppid);
    const builder: FrameBuilder = createFrameBuilder({
      wallOffsetNs: clock.wallOffsetNs,
      sequence: sequence++,
      columnsOf: (kind) => columnsByKind.get(kind) ?? [],
    });
    const add = (kind: number, process: SeenProcess, bootNs: bigint, columns: Record<string, ColumnInput>): void => {
      if (kind !== eventKind.task && leavesOut(process)) return;
      builder.addRow(kind, { bootNs, actor: builder.addActor(actorOf(process, parentOf(process))), columns });
    };
    const addExec = async (process: SeenProcess, bootNs: bigint): Promise<void> => {
      const traceparent = wantsTraceparent() && !leavesOut(process) ? await readTraceparent(root, process.facts.stat) : undefined;
      add(eventKind.exec, process, bootNs, { ...programColumns(process), ...commandLineColumns(process), traceparent: traceparent ?? '' });
    };
    for (const { process, forked } of started) {
      const { startNs } = process.facts.stat;
      if (isFirst || forked) add(eventKind.task, process, startNs, programColumns(process));
      else await addExec(process, startNs);
    }
    for (const process of executed) await addExec(process, clock.bootNs);
    for (const process of ended) add(eventKind.exit, process, clock.bootNs, {});
    isFirst = false;
    onFrame({ ...builder.build(), attribution: 'procfs' });
    return true;
  };

  const scan = (): Promise<boolean> => {
    running ??= look().finally(() => (running = undefined));
    return running;
  };
  const schedule = (): void => {
    if (stopped) return;
    timer = setTimeout(() => {
      if (isBehind()) return schedule();
      void scan().catch(onError).finally(schedule);
    }, intervalMs);
  };

  return {
    async start() {
      stopped = false;
      await scan();
      schedule();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
    scan,
    async alive() {
      const pids = snapshots.all().flatMap((process) => (leavesOut(process) ? [] : [process.facts.stat.pid]));
      return await countAlive(root, pids.filter((pid) => pid !== selfPid)); // prettier-ignore
    },
    get skipped() {
      return skipped;
    },
  };
};
