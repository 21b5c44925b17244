/** What was not found is asked for again after a pause that grows; nothing is given up for good. */
import { LRUCache } from 'lru-cache';

export const FIRST_PAUSE_MS = 100;
export const LONGEST_PAUSE_MS = 60_000;
const CAPACITY = 4_096;

export type LookupPauses = {
  isPausing(key: string): boolean;
  missed(key: string): void;
  found(key: string): void;
};

export const createPauses = (nowMs: () => number): LookupPauses => {
  const pauses = new LRUCache<string, { readonly untilMs: number; readonly pauseMs: number }>({ max: CAPACITY });
  return {
    isPausing: (key) => (pauses.get(key)?.untilMs ?? 0) > nowMs(),
    missed(key) {
      const pauseMs = Math.min((pauses.get(key)?.pauseMs ?? FIRST_PAUSE_MS / 2) * 2, LONGEST_PAUSE_MS);
      pauses.set(key, { untilMs: nowMs() + pauseMs, pauseMs });
    },
    found: (key) => void pauses.delete(key),
  };
};
