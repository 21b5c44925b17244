import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

const exposed = (): (() => void) => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  // only those who ask for it have it
  setFlagsFromString('--no-expose-gc');
  return gc;
};

/** A whole collection, now: tens of milliseconds in which nothing else runs. */
const collectAll = (): void => {
  collect ??= exposed();
  collect();
};

/** Collects unless the last time was less than so long ago; says whether it did. */
export type GarbageCollector = (intervalMs: number) => boolean;

/** `nowMs` never goes back. */
export const createGarbageCollector = (
  nowMs: () => number = () => performance.now(),
  collectNow: () => void = collectAll,
): GarbageCollector => {
  let lastMs = -Infinity;
  return (intervalMs) => {
    if (nowMs() - lastMs < intervalMs) return false;
    collectNow();
    lastMs = nowMs();
    return true;
  };
};

/** One for all pipelines: they have the same memory. */
export const garbageCollector = createGarbageCollector();
