import { map } from 'rxjs';
import { rowsOf } from '../../core/batch.ts';
import type { Processor, ProcessorFactory } from '../../core/component.ts';
import { Refusal } from '../../core/errors.ts';
import { pointsOf } from '../../core/metric-batch.ts';
import { availableMemoryBytes, ownAnonymousBytes } from '../../kernel/procfs/own-memory.ts';
import { memoryLimiterConfig, type MemoryLimiterConfig } from './config.ts';
import { garbageCollector } from './garbage.ts';
import { createLimiter } from './limiter.ts';
import { limitsOf } from './limits.ts';

/** Refuses records while Ringtail has more memory than it may have. */
export const memoryLimiterProcessor: ProcessorFactory = {
  kind: 'processor',
  type: 'memory_limiter',
  summary: 'Refuses records while Ringtail has more memory than it may have',
  signals: ['logs', 'metrics', 'traces'],
  config: memoryLimiterConfig,
  create({ logger }, config: MemoryLimiterConfig): Processor {
    const limiter = createLimiter({
      limits: limitsOf(config, availableMemoryBytes),
      gcIntervalSoftMs: config.min_gc_interval_when_soft_limited,
      gcIntervalHardMs: config.min_gc_interval_when_hard_limited,
      readBytes: ownAnonymousBytes,
      collectGarbage: garbageCollector,
      nowMs: () => performance.now(),
      logger,
    });
    const refusal = new Refusal('memory is above the soft limit');
    let timer: NodeJS.Timeout | undefined;
    const taking =
      <T>(count: (batch: T) => number) =>
      (batch: T): T => {
        if (!limiter.isRefusing()) return batch;
        limiter.refused(count(batch));
        throw refusal;
      };
    return {
      async start() {
        limiter.check();
        timer = setInterval(limiter.check, config.check_interval);
        timer.unref();
      },
      async stop() {
        clearInterval(timer);
      },
      health: limiter.health,
      logs: map(taking(rowsOf)),
      metrics: map(taking(pointsOf)),
      traces: map(taking(rowsOf)),
    };
  },
};
