/**
 * The gate: between the frames of the kernel side and the pipelines. It takes lifecycle records in, finds which facts about the actors
 * of a frame are not known, asks for them off the main thread and waits a little. What is not there in time is left out and asked for
 * again later.
 */
import { attributionSource } from '../otlp/names.ts';
import type { KernelFrame } from './frames.ts';
import { createQuestions, type GateNeed, type QuestionsOptions } from './questions.ts';

/** A frame is cut every 50 ms, and the pool of frames covers a stall of 250 ms: waiting this long loses nothing. */
export const DEFAULT_MAX_WAIT_MS = 20;

export type Gate = {
  /** Said by components that begin their work; nothing is done that nobody asks for. Containers need cgroups. Returns a function that takes it back. */
  require(need: GateNeed): () => void;
  requires(need: GateNeed): boolean;
  /** Fills the caches that can be filled beforehand, as far as somebody asks; each once, however often it is called. */
  start(): Promise<void>;
  /** What was filled is out of date: the next `start` fills it again. */
  forget(need: GateNeed): void;
  /**
   * Takes a frame in. undefined: it can go on. Else a promise that resolves when the facts are there or the wait is over, and never
   * rejects; until then the frame must stay valid, and the caller lets no later frame pass.
   */
  admit(frame: KernelFrame): Promise<void> | undefined;
  /** The frame that waits is going away: it is not looked at again. Its promise still resolves. */
  abandon(): void;
};

export type GateOptions = Omit<QuestionsOptions, 'nowMs'> & {
  readonly maxWaitMs?: number;
  readonly nowMs?: () => number;
};

export const createGate = (options: GateOptions): Gate => {
  const { processTable, users, cgroups, containers, traceparents, counters, maxWaitMs = DEFAULT_MAX_WAIT_MS, nowMs = Date.now } = options;
  const questions = createQuestions({ ...options, nowMs });
  /** How many ask for each. */
  const required = new Map<GateNeed, number>();
  const filled = new Set<GateNeed>();
  const attributionCounters = Object.fromEntries(
    attributionSource.map((source) => [
      source,
      {
        named: counters.counter('ringtail_attribution', { source, result: 'named' }),
        unnamed: counters.counter('ringtail_attribution', { source, result: 'unnamed' }),
      },
    ]),
  ) as Record<(typeof attributionSource)[number], { named: { value: number }; unnamed: { value: number } }>;
  const timeouts = counters.counter('ringtail_gate_timeouts');
  let abandoned = 0;

  const countAttribution = (frame: KernelFrame): void => {
    if (!required.has('process')) return;
    for (const slot of processTable.resolve(frame)) {
      const { named, unnamed } = attributionCounters[processTable.attribution(slot)];
      if (processTable.isNamed(slot)) named.value++;
      else unnamed.value++;
    }
  };

  /** Never rejects: what is waited for does not. */
  const wait = async (work: readonly Promise<void>[]): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<true>((resolve) => (timer = setTimeout(() => resolve(true), maxWaitMs)));
    if ((await Promise.race([late, Promise.all(work)])) === true) timeouts.value++;
    clearTimeout(timer);
  };

  return {
    require(need) {
      const all: readonly GateNeed[] = need === 'container' ? ['cgroup', 'container'] : [need];
      for (const one of all) required.set(one, (required.get(one) ?? 0) + 1);
      let asks = true;
      return () => {
        if (!asks) return;
        asks = false;
        for (const one of all) {
          const others = required.get(one)! - 1;
          if (others === 0) required.delete(one);
          else required.set(one, others);
        }
      };
    },
    requires: (need) => required.has(need),
    abandon: () => void abandoned++,
    forget: (need) => void filled.delete(need),
    async start() {
      const isDue = (need: GateNeed): boolean => {
        const due = required.has(need) && !filled.has(need);
        if (due) filled.add(need);
        return due;
      };
      const startContainers = async (): Promise<void> => {
        if (isDue('cgroup')) await cgroups.start();
        if (isDue('container')) await containers.start();
      };
      await Promise.all([startContainers(), isDue('user') && users.start(), isDue('traceparent') && traceparents?.start()]);
    },
    admit(frame) {
      const orphansBefore = processTable.stats().unknownMakers;
      // whoever asks again later finds what was told meanwhile
      if (filled.has('cgroup') || required.has('cgroup')) cgroups.absorb(frame);
      if (required.has('process')) processTable.absorb(frame);
      const work = questions.ask(frame, (need) => required.has(need));
      if (work.length === 0) {
        countAttribution(frame);
        return undefined;
      }
      const hasOrphans = processTable.stats().unknownMakers !== orphansBefore;
      const { version } = processTable;
      const abandonedBefore = abandoned;
      return wait(work).then(() => {
        if (abandoned !== abandonedBefore) return;
        // Makers that were found meanwhile: now their children can be entered.
        if (hasOrphans && processTable.version !== version) processTable.absorb(frame);
        countAttribution(frame);
      });
    },
  };
};
