/** One look at procfs for all who wait: at most one is under way, and one more waits for those who asked after it had begun. */
export type SharedScan<T> = {
  /** What a look gives that begins after this call. */
  next(): Promise<T>;
};

export const createSharedScan = <T>(scan: () => Promise<T>): SharedScan<T> => {
  let running: Promise<T> | undefined;
  let queued: Promise<T> | undefined;
  const run = (): Promise<T> => {
    const own = scan().finally(() => {
      if (running === own) running = undefined;
    });
    running = own;
    return own;
  };
  return {
    next() {
      if (running === undefined) return run();
      queued ??= running
        .catch(() => {})
        .then(() => {
          queued = undefined;
          return run();
        });
      return queued;
    },
  };
};
