/** Reads the state of containers, a few at a time, and again when it failed, each time a longer while later. */
import type { ContainerState } from './types.ts';

const CONCURRENT_LOADS = 4;
/** Loads that wait; what finds no room is asked for again when it comes up again. */
const MAX_WAITING = 1_024;
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 60_000;

/** What is loaded; `done` when there is nothing more to learn. */
export type Load = { failures: number; dueMs: number; done: boolean; underWay: Promise<void> | undefined };

export const newLoad = (): Load => ({ failures: 0, dueMs: 0, done: false, underWay: undefined });

export type Loader = {
  /** Whether it is worth asking now. */
  isDue(load: Load): boolean;
  /** Reads unless it is not due; `apply` is called with what was found. Never rejects. */
  load(load: Load, read: () => Promise<ContainerState | undefined>, apply: (state: ContainerState) => void): Promise<void>;
};

export const createLoader = (nowMs: () => number): Loader => {
  const waiting: (() => void)[] = [];
  let running = 0;

  const turn = (): Promise<void> | undefined => {
    if (running < CONCURRENT_LOADS) {
      running++;
      return undefined;
    }
    return new Promise((resolve) => waiting.push(resolve));
  };
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  };

  const isDue = ({ done, dueMs }: Load): boolean => !done && nowMs() >= dueMs;

  return {
    isDue,
    load(load, read, apply) {
      if (load.underWay !== undefined) return load.underWay;
      if (!isDue(load) || waiting.length >= MAX_WAITING) return Promise.resolve();
      const work = async (): Promise<void> => {
        await turn();
        try {
          const state = await read();
          load.done = state !== undefined;
          if (state !== undefined) apply(state);
        } catch {
          // as if it were not there
        } finally {
          load.dueMs = load.done ? 0 : nowMs() + Math.min(FIRST_RETRY_MS * 2 ** load.failures, LONGEST_RETRY_MS);
          load.failures = load.done ? 0 : Math.min(load.failures + 1, 20);
          load.underWay = undefined;
          // what was read without other threads has held up this one
          setImmediate(leave);
        }
      };
      return (load.underWay = work());
    },
  };
};
