/** Time and chance, to be replaced in tests. */
export type Timers = {
  /** Monotonic. */
  nowMs(): number;
  /** Calls once, later; returns what takes it back. */
  after(delayMs: number, call: () => void): () => void;
  /** In [0, 1). */
  random(): number;
};

export const systemTimers: Timers = {
  nowMs: () => performance.now(),
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
