import { setTimeout as wait } from 'node:timers/promises';

/** A clock that was set, or a file that was put together, must not make a replay sleep for days. */
const LONGEST_PAUSE_MS = 3_600_000;

/** Waits until what happened at a time may be played; the first one may at once. Resolves early when `signal` is aborted. */
export const createPace = (pace: 'fast' | 'recorded', signal: AbortSignal): ((timeMs: number) => Promise<void>) => {
  if (pace === 'fast') return async () => {};
  let ahead: number | undefined;
  return async (timeMs) => {
    const now = performance.now();
    ahead ??= timeMs - now;
    const pauseMs = timeMs - ahead - now;
    if (pauseMs <= 0) return;
    // a longer pause is cut, and what follows moves with it
    if (pauseMs > LONGEST_PAUSE_MS) ahead += pauseMs - LONGEST_PAUSE_MS;
    try {
      await wait(Math.min(pauseMs, LONGEST_PAUSE_MS), undefined, { signal });
    } catch {
      // stopped
    }
  };
};
