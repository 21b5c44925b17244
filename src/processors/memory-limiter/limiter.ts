/** Looks at the memory at intervals and says whether records are refused. */
import type { Health } from '../../core/component.ts';
import type { Logger } from '../../core/logger.ts';
import type { GarbageCollector } from './garbage.ts';
import type { Limits } from './limits.ts';

export type LimiterOptions = {
  readonly limits: Limits;
  readonly gcIntervalSoftMs: number;
  readonly gcIntervalHardMs: number;
  readonly readBytes: () => number;
  readonly collectGarbage: GarbageCollector;
  /** Never goes back. */
  readonly nowMs: () => number;
  readonly logger: Logger;
};

export type Limiter = {
  /** As of the last check. */
  isRefusing(): boolean;
  check(): void;
  /** Records that were refused, for the line that tells of the end. */
  refused(records: number): void;
  health(): Health;
};

export const createLimiter = (options: LimiterOptions): Limiter => {
  const { limits, readBytes, collectGarbage, nowMs, logger } = options;
  const { softBytes, hardBytes } = limits;
  const limitFields = { soft_limit_bytes: Math.round(softBytes), hard_limit_bytes: Math.round(hardBytes) };
  let bytes = 0;
  let refusing = false;
  let refusedRecords = 0;
  let sinceMs = 0;

  const change = (): void => {
    refusing = !refusing;
    if (refusing) {
      refusedRecords = 0;
      sinceMs = nowMs();
      logger.warn({ memory_bytes: bytes, ...limitFields }, 'memory is above the soft limit; records are refused until it is below');
    } else {
      const fields = { memory_bytes: bytes, refused_records: refusedRecords, duration_ms: Math.round(nowMs() - sinceMs) };
      logger.info(fields, 'memory is below the soft limit again; records are taken');
    }
  };

  return {
    isRefusing: () => refusing,
    check() {
      bytes = readBytes();
      const intervalMs = bytes > hardBytes ? options.gcIntervalHardMs : options.gcIntervalSoftMs;
      if (bytes > softBytes && collectGarbage(intervalMs)) bytes = readBytes();
      if (bytes > softBytes !== refusing) change();
    },
    refused(records) {
      refusedRecords += records;
    },
    health: () => ({
      status: refusing ? 'recoverable' : 'ok',
      message: refusing ? 'memory is above the soft limit; records are refused' : '',
      details: { memory_bytes: bytes, ...limitFields, ...(refusing && { refused_records: refusedRecords }) },
    }),
  };
};
