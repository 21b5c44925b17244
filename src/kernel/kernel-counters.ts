/** What the kernel counted, by kind of event: read from the per-CPU map, kept after the session ended. */
import type { Counters } from '../core/counters.ts';
import { counterNames, eventKind } from './layouts.gen.ts';

export type KernelCounts = Readonly<Record<(typeof counterNames)[number], number>>;

/** `event` label of each kind of a receiver. */
export type EventLabels = ReadonlyMap<number, string>;

export const processEventLabels: EventLabels = new Map([
  [eventKind.fork, 'fork'],
  [eventKind.exec, 'exec'],
  [eventKind.exit, 'exit'],
  [eventKind.task, 'task'],
  [eventKind.execFailed, 'exec_failed'],
]);

/** Kind of the records that a program of processes writes, by the beginning of its name. */
const kindOfProgram: readonly (readonly [prefix: string, kind: number])[] = [
  ['on_fork', eventKind.fork],
  ['on_exec', eventKind.exec],
  ['on_exit', eventKind.exit],
  ['on_call', eventKind.execFailed],
  ['on_task', eventKind.task],
];

export const processKindOf = (program: string): number | undefined => kindOfProgram.find(([prefix]) => program.startsWith(prefix))?.[1];

export const callEventLabels: EventLabels = new Map([
  [eventKind.open, 'open'],
  [eventKind.read, 'read'],
  [eventKind.write, 'write'],
  [eventKind.unlink, 'unlink'],
  [eventKind.connect, 'connect'],
  [eventKind.accept, 'accept'],
  [eventKind.send, 'send'],
  [eventKind.receive, 'receive'],
  [eventKind.close, 'close'],
  [eventKind.callFailed, 'call_failed'],
]);

export const sessionEventLabels: EventLabels = new Map([
  [eventKind.sessionStart, 'start'],
  [eventKind.sessionState, 'state'],
  [eventKind.sessionEnd, 'end'],
  [eventKind.sessionListen, 'listen'],
]);

/** A reading is good for this long: a scrape asks for some thirty numbers, one after the other. */
const READING_MS = 20;

export type KernelCounters = {
  of(kind: number): KernelCounts;
  /** Sum over all kinds. */
  total(name: (typeof counterNames)[number]): number;
  /** Reads again now; the last reading stays when `read` throws or gives nothing. */
  refresh(): void;
  /** Registers nothing any more; what was counted stays on the page. */
  unregister(): void;
};

/**
 * `read` gives kinds × names numbers, or undefined when there is no session (any more). Registers `ringtail_kernel_events` with the
 * label `receiver`.
 */
export const createKernelCounters = (
  counters: Counters,
  receiver: string,
  labels: EventLabels,
  read: () => Float64Array | undefined,
  nowMs: () => number = () => performance.now(),
): KernelCounters => {
  let last: Float64Array = new Float64Array(0);
  let readAtMs = -Infinity;
  const refresh = () => {
    last = read() ?? last;
    readAtMs = nowMs();
  };
  const current = () => {
    if (nowMs() - readAtMs > READING_MS) refresh();
    return last;
  };
  const numberOf = (kind: number, index: number) => current()[kind * counterNames.length + index] ?? 0;
  const removals = Array.from(labels, ([kind, event]) =>
    counterNames.map((outcome, index) =>
      counters.observed('ringtail_kernel_events', { receiver, event, outcome }, () => numberOf(kind, index)),
    ),
  ).flat();
  return {
    refresh,
    unregister() {
      for (const remove of removals) remove();
    },
    of: (kind) => Object.fromEntries(counterNames.map((name, index) => [name, numberOf(kind, index)])) as KernelCounts,
    total: (name) => {
      const index = counterNames.indexOf(name);
      let sum = 0;
      for (const kind of labels.keys()) sum += numberOf(kind, index);
      return sum;
    },
  };
};
