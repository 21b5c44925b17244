/** Warnings that repeat: the first at once, then at most one in an interval with the number of those that were kept back. */
import type { Logger } from '../../core/logger.ts';

export const createRateLimitedWarn = (logger: Logger, nowMs: () => number, intervalMs = 10_000) => {
  const last = new Map<string, { atMs: number; suppressed: number }>();
  /** `message` is constant, so there are few of them. */
  return (fields: object, message: string): void => {
    const before = last.get(message);
    if (before !== undefined && nowMs() - before.atMs < intervalMs) {
      before.suppressed++;
      return;
    }
    logger.warn(before === undefined || before.suppressed === 0 ? fields : { ...fields, suppressed: before.suppressed }, message);
    last.set(message, { atMs: nowMs(), suppressed: 0 });
  };
};
