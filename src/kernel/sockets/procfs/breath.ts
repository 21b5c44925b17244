import { setImmediate } from 'node:timers/promises';

/** What is read in one go blocks the main thread; it covers stalls of 250 ms. */
const DEFAULT_HOLD_MS = 5;

/** Lets others run now and then during long work. */
export type Breath = {
  /** The main thread was held for long enough. Cheap: to be asked after every piece of work. */
  isDue(): boolean;
  take(): Promise<void>;
};

export const createBreath = (holdMs = DEFAULT_HOLD_MS): Breath => {
  let sinceMs = performance.now();
  return {
    isDue: () => performance.now() - sinceMs >= holdMs,
    async take() {
      await setImmediate();
      sinceMs = performance.now();
    },
  };
};
