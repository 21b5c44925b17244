/**
 * How often pages are made: one after the other, and behind each the thread has time for what it is there for. So whoever asks as fast as it can waits, and takes
 * at most a third of the thread.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';

export type Turnstile = {
  /** Does the work when it is its turn; not at all when `signal` is aborted before. */
  through<T>(work: () => T | Promise<T>, signal: AbortSignal): Promise<T>;
};

/** For each ms that the thread was busy with a page ... */
const REST_FACTOR = 2;
const LONGEST_REST_MS = 1000;
/** ... and in any case: a hundred pages a second are made at most. */
const SHORTEST_REST_MS = 10;

export const createTurnstile = (): Turnstile => {
  let last: Promise<unknown> = Promise.resolve();
  return {
    async through(work, signal) {
      const turn = last;
      const mine = Promise.withResolvers<void>();
      last = mine.promise;
      await turn;
      if (signal.aborted) {
        mine.resolve();
        signal.throwIfAborted();
      }
      const before = performance.eventLoopUtilization();
      try {
        return await work();
      } finally {
        const { active } = performance.eventLoopUtilization(before);
        const restMs = Math.min(LONGEST_REST_MS, Math.max(SHORTEST_REST_MS, REST_FACTOR * active));
        void wait(restMs, undefined, { ref: false }).then(mine.resolve);
      }
    },
  };
};
