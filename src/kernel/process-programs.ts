/** Loads the process programs on the best rung that this kernel and these privileges allow. */
import { messageOf } from '../core/errors.ts';
import type { KernelFacts, NativeError, NativeSession } from './addon.ts';
import { flavourFacts, objectPath } from './flavours.ts';
import { processWant } from './layouts.gen.ts';
import { packetFacts } from './packets/facts.ts';

/** From best to worst. `procfs` needs no program. */
export const rungs = ['tp_btf', 'raw_tp', 'tp', 'procfs'] as const;
export type Rung = (typeof rungs)[number];

/** What the kernel is asked by its BTF before the programs are chosen. */
export const wantedFacts = {
  functions: [...flavourFacts.functions, ...packetFacts.functions],
  helpers: [...flavourFacts.helpers, ...packetFacts.helpers],
  tracepoints: [
    'sched_process_exec', 'sched_process_exit', 'task_newtask', 'sys_exit', 'sock_send_length', 'sock_recv_length', 'udp_fail_queue_rcv_skb',
    'io_uring_complete', 'cgroup_mkdir', 'cgroup_rmdir', 'cgroup_attach_task',
  ], // prettier-ignore
  controllers: ['memory', 'pids', 'cpu', 'cpuset', 'devices', 'freezer', 'io', 'cpuacct', 'net_cls', 'perf_event', 'hugetlb'],
} as const;

type KernelRung = Exclude<Rung, 'procfs'>;

/** In the order in which they are attached; detached in the opposite order. Nothing is told of a process whose beginning is not. */
const programsOf: Readonly<Record<KernelRung, readonly string[]>> = {
  tp_btf: ['on_fork_btf', 'on_exec_btf', 'on_exit_btf'],
  raw_tp: ['on_fork_raw', 'on_exec_raw', 'on_exit_raw'],
  tp: ['on_fork_tp', 'on_exec_tp', 'on_exit_tp'],
};
const failedExecProgram: Readonly<Partial<Record<KernelRung, string>>> = { tp_btf: 'on_call_btf', raw_tp: 'on_call_raw' };
const ITERATOR = 'on_task_iter';
/** Counts who is alive in `alive_counts`. */
export const ALIVE_ITERATOR = 'on_alive_iter';

export type ProcessNeeds = {
  /** Most bytes of arguments in a record; 0 = none. */
  readonly argsMaxBytes: number;
  readonly threads: boolean;
  readonly failedExecs: boolean;
  /** Nobody wants to know of processes: the programs are loaded, for what others share with them, and write no records. */
  readonly idle?: boolean;
  /** Execs and exits are counted, for metrics. */
  readonly counted?: boolean;
  /** Records of execs have the TRACEPARENT of the new program. */
  readonly traceparent?: boolean;
};

export type LoadedPrograms = {
  readonly rung: KernelRung;
  readonly object: number;
  /** Why the rungs above, or a part of this one, were not taken; one sentence each. */
  readonly notes: readonly string[];
  /** Whether what ran before was entered by the iterator. */
  readonly iterated: boolean;
};

export type ProcessProgramOptions = {
  readonly session: NativeSession;
  readonly facts: KernelFacts;
  readonly needs: ProcessNeeds;
  readonly ringBytes: number;
  /** The thread group of Ringtail itself, which is left out. */
  readonly selfPid: number;
  /** See cgroups/programs.ts. */
  readonly cgroupOptions: Readonly<Record<string, number>>;
  readonly rungs: readonly KernelRung[];
  /** Fills the maps of the object before anything is attached. */
  readonly onLoaded?: (object: number) => void;
};

const hasRung = (facts: KernelFacts, rung: KernelRung): boolean =>
  rung !== 'tp_btf' || ['sched_process_exec', 'sched_process_exit', 'task_newtask'].every((name) => (facts.traceArguments[name] ?? -1) > 0);

const FRAME_OF_A_LOG =
  /^(processed|-- (BEGIN|END)|libbpf: (failed to load object|prog '.*': (BPF program load failed|-- |failed to load)))/;

/** The last line of a log that says something: of the verifier, else of libbpf. */
const lastLine = (log: string): string => {
  const lines = log.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => line !== '' && !FRAME_OF_A_LOG.test(line));
  return telling.findLast((line) => !line.startsWith('libbpf: ')) ?? telling.at(-1)?.slice('libbpf: '.length) ?? '';
};

/** What the kernel, its verifier, or libbpf said. */
export const describeRefusal = (error: unknown): string => {
  const log = (error as NativeError).log ?? '';
  const last = lastLine(log);
  return last === '' ? messageOf(error) : `${messageOf(error)} (${last})`;
};

const tellsRecords = ({ idle }: ProcessNeeds): boolean => idle !== true;
const isAttached = (needs: ProcessNeeds): boolean => tellsRecords(needs) || needs.counted === true;

/** `struct process_settings`, the only entry of its map. */
const writeSettings = (session: NativeSession, object: number, needs: ProcessNeeds): void => {
  const wants =
    (tellsRecords(needs) ? processWant.event : 0) |
    (needs.counted === true ? processWant.count : 0) |
    (needs.traceparent === true ? processWant.traceparent : 0);
  const settings = Uint32Array.of(needs.argsMaxBytes, needs.threads ? 1 : 0, wants);
  session.putEntry(object, 'settings', new Uint8Array(4), new Uint8Array(settings.buffer));
};

const attachAll = (session: NativeSession, rung: KernelRung, object: number): void => {
  for (const program of programsOf[rung]) session.attach(object, program);
};

/** Enters what ran before; the programs are attached. Returns why that could not be. */
const enterRunning = (session: NativeSession, object: number): string | undefined => {
  try {
    session.runIterator(object, ITERATOR);
    return undefined;
  } catch (error) {
    return describeRefusal(error);
  }
};

/** Other needs for programs that run; what stays is not let go of. Throws when a program that is needed now cannot be attached. */
export const changeProcessNeeds = async (
  session: NativeSession,
  { rung, object }: Pick<LoadedPrograms, 'rung' | 'object'>,
  before: ProcessNeeds,
  needs: ProcessNeeds,
): Promise<void> => {
  const failedExecs = failedExecProgram[rung];
  if (isAttached(needs) && !isAttached(before)) attachAll(session, rung, object);
  if (failedExecs !== undefined && needs.failedExecs && !before.failedExecs) session.attach(object, failedExecs);
  writeSettings(session, object, needs);
  if (tellsRecords(needs) && !tellsRecords(before)) enterRunning(session, object);
  if (isAttached(before) && !isAttached(needs)) for (const program of programsOf[rung].toReversed()) await session.detach(object, program);
  if (failedExecs !== undefined && before.failedExecs && !needs.failedExecs) await session.detach(object, failedExecs);
};

const loadRung = (rung: KernelRung, options: ProcessProgramOptions): LoadedPrograms => {
  const { session, facts, needs, ringBytes, selfPid, cgroupOptions, onLoaded } = options;
  const notes: string[] = [];
  const failedExecs = failedExecProgram[rung];
  const object = session.load({
    path: objectPath('process', facts),
    // attached or not, the program of failed execs is loaded, so that it can be attached later
    programs: [...programsOf[rung], ...(failedExecs === undefined ? [] : [failedExecs]), ITERATOR, ALIVE_ITERATOR],
    options: {
      ...cgroupOptions,
      ring_bytes: ringBytes,
      self_tgid: selfPid,
      // the record of the tracepoint differs by kernel, its arguments are told by BTF
      have_group_dead: rung !== 'tp' && facts.traceArguments['sched_process_exit'] === 2 ? 1 : 0,
    },
    mapEntries: { exec_records: facts.possibleCpus },
  });
  try {
    onLoaded?.(object);
    writeSettings(session, object, needs);
    if (isAttached(needs)) attachAll(session, rung, object);
    const refusal = tellsRecords(needs) ? enterRunning(session, object) : undefined;
    if (needs.failedExecs) {
      if (failedExecs === undefined) notes.push(`${rung} cannot tell of refused execs`);
      else session.attach(object, failedExecs);
    }
    if (refusal !== undefined) notes.push(`what already runs is read from procfs: ${refusal}`);
    return { rung, object, notes, iterated: refusal === undefined };
  } catch (error) {
    session.unload(object);
    throw error;
  }
};

/** Tries the rungs in their order. Undefined when none works; `refusals` then says why, a sentence a rung. */
export const loadProcessPrograms = (
  options: ProcessProgramOptions,
): { readonly loaded?: LoadedPrograms; readonly refusals: readonly string[] } => {
  const refusals: string[] = [];
  for (const rung of options.rungs) {
    if (!hasRung(options.facts, rung)) {
      refusals.push(`${rung}: this kernel does not describe the tracepoints in its BTF`);
      continue;
    }
    try {
      const loaded = loadRung(rung, options);
      return { loaded: { ...loaded, notes: [...refusals, ...loaded.notes] }, refusals };
    } catch (error) {
      const hint = rung === 'tp' && (error as NativeError).code === 'ENOENT' ? '; mount tracefs at /sys/kernel/tracing' : '';
      refusals.push(`${rung}: ${describeRefusal(error)}${hint}`);
    }
  }
  return { refusals };
};
