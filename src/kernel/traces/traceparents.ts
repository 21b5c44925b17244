/**
 * Spans of others that programs name by TRACEPARENT in their environment. The kernel tells the variable with the exec; of what ran before, and of environments
 * that it could not search to their end, procfs is read.
 */
import { LRUCache } from 'lru-cache';
import { mapBounded } from '../../core/bounded.ts';
import type { Counters } from '../../core/counters.ts';
import type { Logger } from '../../core/logger.ts';
import { parseTraceparent } from '../../core/traceparent.ts';
import type { KernelBatch, KernelFrame } from '../frames.ts';
import { eventKind, execFlag } from '../layouts.gen.ts';
import type { ProgramQuestion } from '../procfs/program.ts';
import { TICK_NS } from '../procfs/stat.ts';
import { readRunningTraceparents, readTraceparent, type RunningProgram } from '../procfs/traceparent.ts';
import type { Candidate } from './forest.ts';
import { actorOf, numberOf, pathOf } from './records.ts';
import type { ProgramIdentity, RemoteParent } from './types.ts';

/** Programs whose answer is kept until they are looked at. */
const CAPACITY = 4096;
const MAX_QUESTIONS = 256;
const CONCURRENT_READS = 4;
/** Whoever makes a read of its environment hang holds the start up for no longer. */
const START_DEADLINE_MS = 1000;

const NO_VALUE = new Uint8Array(0);

export type TraceparentQuestion = ProgramQuestion & Pick<ProgramIdentity, 'execId'>;

export type Traceparents = {
  /** Says of which programs that ran before the environment counts. */
  watch(isMeant: (program: RunningProgram) => boolean): void;
  /** Looks at those that run; never rejects. */
  start(): Promise<void>;
  /** Actors of a frame whose environment is to be read. */
  missing(frame: KernelFrame): readonly number[];
  /** Reads; never rejects. */
  fetch(questions: readonly TraceparentQuestion[]): Promise<void>;
  /** The span that a program names; undefined: none, or one that cannot be used, which is counted. */
  of(candidate: Candidate): RemoteParent | undefined;
  readonly size: number;
};

export type TraceparentOptions = { readonly root: string; readonly counters: Counters; readonly logger?: Logger | undefined };

/** `value` undefined: it could not be read. */
type Answer = { readonly value: Uint8Array | undefined };

const keyOf = ({ pid, startNs, execId }: ProgramIdentity): string => `${pid}/${startNs}/${execId}`;
const runningKeyOf = ({ pid, startNs }: Omit<ProgramIdentity, 'execId'>): string => `${pid}/${startNs - (startNs % TICK_NS)}`;
const isCut = (execFlags: number): boolean => (execFlags & execFlag.environmentCut) !== 0;

export const createTraceparents = ({ root, counters, logger }: TraceparentOptions): Traceparents => {
  const answers = new LRUCache<string, Answer>({ max: CAPACITY });
  const outcome = (name: string) => counters.counter('ringtail_traceparents', { outcome: name });
  const [taken, malformed, unread] = [outcome('taken'), outcome('malformed'), outcome('unread')];
  let isRunningMeant: (program: RunningProgram) => boolean = () => false;
  let isTold = false;

  const answerFor = ({ actor, exec, isRunning = false }: Candidate): Answer | undefined => {
    if (isRunning) return answers.get(runningKeyOf(actor)) ?? answers.get(keyOf(actor));
    return isCut(exec?.execFlags ?? 0) ? (answers.get(keyOf(actor)) ?? { value: undefined }) : undefined;
  };

  const isMissing = (frame: KernelFrame, batch: KernelBatch, row: number): boolean => {
    if (batch.kind === eventKind.exec) return isCut(numberOf(batch, 'execFlags', row));
    const actor = actorOf(frame, batch.actor[row]!);
    return isRunningMeant({ ...actor, path: pathOf(frame, batch, row) }) && !answers.has(runningKeyOf(actor));
  };

  const valueOf = (candidate: Candidate): Uint8Array => {
    const { exec } = candidate;
    if (exec !== undefined && exec.traceparent.length > 0) return exec.traceparent;
    const answer = answerFor(candidate);
    if (answer !== undefined && answer.value === undefined) unread.value++;
    return answer?.value ?? NO_VALUE;
  };

  return {
    watch: (isMeant) => void (isRunningMeant = isMeant),
    async start() {
      const late = Promise.withResolvers<readonly []>();
      const timer = setTimeout(() => late.resolve([]), START_DEADLINE_MS);
      const running = await Promise.race([readRunningTraceparents(root, isRunningMeant), late.promise]);
      clearTimeout(timer);
      for (const { value, ...process } of running) answers.set(runningKeyOf(process), { value });
    },
    missing(frame) {
      const actors = new Set<number>();
      for (const batch of frame.batches) {
        if (batch.kind !== eventKind.exec && batch.kind !== eventKind.task) continue;
        for (let row = 0; row < batch.rows && actors.size < MAX_QUESTIONS; row++)
          if (isMissing(frame, batch, row)) actors.add(batch.actor[row]!);
      }
      return [...actors];
    },
    fetch: async (questions) =>
      void (await mapBounded(questions, CONCURRENT_READS, async (question) => {
        answers.set(keyOf(question), { value: await readTraceparent(root, question) });
      })),
    of(candidate) {
      const value = valueOf(candidate);
      if (value.length === 0) return undefined;
      const context = parseTraceparent(Buffer.from(value).toString('latin1'));
      if (context !== undefined) {
        taken.value++;
        return { ...context, traceState: '' };
      }
      malformed.value++;
      if (!isTold)
        logger?.warn(
          { pid: candidate.actor.pid },
          'TRACEPARENT of a program is not as W3C Trace Context has it; it is ignored, and further ones are only counted',
        );
      isTold = true;
      return undefined;
    },
    get size() {
      return answers.size;
    },
  };
};
