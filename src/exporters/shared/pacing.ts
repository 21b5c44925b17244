/** When to try again: waits that a success elsewhere ends, and the time at which the other side wants to be asked again, by anybody. */
import type { RetryConfig } from './queue-config.ts';
import type { Timers } from './timers.ts';

/** setTimeout cannot wait longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Whatever the other side says: nonsense shall not silence an exporter for days. */
const LONGEST_THROTTLE_MS = 3_600_000;

export type Pacing = {
  /** Waits before a retry; a success elsewhere ends it, for the other side is back. */
  pause(delayMs: number): Promise<void>;
  /** The other side is to be left alone for this long. */
  throttle(delayMs: number): void;
  /** Undefined: go on. Else to be waited for, and asked again. */
  turn(): Promise<void> | undefined;
  /** Ends the pauses; `all`: those of the throttle too, for good. */
  wake(all: boolean): void;
};

export const createPacing = (timers: Timers): Pacing => {
  /** How to wake those that wait; true: also before their time. */
  const sleepers = new Map<() => void, boolean>();
  let openAtMs = 0;

  const sleep = (delayMs: number, early: boolean): Promise<void> =>
    new Promise((resolve) => {
      const awaken = (): void => {
        cancel();
        sleepers.delete(awaken);
        resolve();
      };
      const cancel = timers.after(Math.min(delayMs, LONGEST_TIMER_MS), awaken);
      sleepers.set(awaken, early);
    });

  return {
    pause: (delayMs) => sleep(delayMs, true),
    throttle(delayMs) {
      openAtMs = Math.max(openAtMs, timers.nowMs() + Math.min(delayMs, LONGEST_THROTTLE_MS));
    },
    turn() {
      const delayMs = openAtMs - timers.nowMs();
      return delayMs > 0 ? sleep(delayMs, false) : undefined;
    },
    wake(all) {
      if (all) openAtMs = 0;
      for (const [awaken, early] of sleepers) if (all || early) awaken();
    },
  };
};

/** The waits of one request: each longer than the one before, spread to both sides. */
export const createBackoff = (
  { initial_interval: first, multiplier, max_interval: most, randomization_factor: spread }: RetryConfig,
  random: () => number,
) => {
  let intervalMs = first;
  return (): number => {
    const waitMs = intervalMs * (1 + spread * (2 * random() - 1));
    intervalMs = Math.min(intervalMs * multiplier, most);
    return waitMs;
  };
};
