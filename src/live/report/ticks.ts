/** Moments that are whole intervals behind the beginning, however long is done something at each; those that have passed by then are left out. */

/** A timer cannot wait longer. */
const LONGEST_WAIT_MS = 2 ** 30;

const wait = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });

/** Begins now. Ends with the signal. */
export async function* ticks(intervalMs: number, signal: AbortSignal): AsyncGenerator<void> {
  const beganMs = performance.now();
  for (let next = 1; ;) {
    const dueMs = beganMs + next * intervalMs;
    // a timer may come a little early
    for (let leftMs = dueMs - performance.now(); leftMs > 0 && !signal.aborted; leftMs = dueMs - performance.now())
      await wait(Math.min(Math.ceil(leftMs), LONGEST_WAIT_MS), signal);
    if (signal.aborted) return;
    yield;
    next = Math.max(next + 1, Math.floor((performance.now() - beganMs) / intervalMs) + 1);
  }
}
