import type { Logger } from './logger.ts';

/** The same warning is written once in this time; the next one tells how many were left out. */
const QUIET_MS = 10_000;
/** Distinct warnings that are told apart; messages are constant and keys are ids, so there are few. */
const MAX_KEYS = 1024;

/**
 * Gives a function that writes a message for `key` at most once in `quietMs` and adds `suppressed`, the number of the same that were
 * left out since. `now` is a clock in ms that never goes back.
 */
export const createRateLimit = (now: () => number = () => performance.now(), quietMs = QUIET_MS) => {
  const entries = new Map<string, { nextMs: number; suppressed: number }>();
  return (key: string, write: Logger['warn'], fields: object, message: string): void => {
    const time = now();
    let entry = entries.get(key);
    if (entry === undefined) {
      if (entries.size >= MAX_KEYS) entries.delete(entries.keys().next().value!);
      entry = { nextMs: time, suppressed: 0 };
      entries.set(key, entry);
    }
    if (time < entry.nextMs) {
      entry.suppressed++;
      return;
    }
    write(entry.suppressed === 0 ? fields : { ...fields, suppressed: entry.suppressed }, message);
    entry.nextMs = time + quietMs;
    entry.suppressed = 0;
  };
};

export type RateLimit = ReturnType<typeof createRateLimit>;
