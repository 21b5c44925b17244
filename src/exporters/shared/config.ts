/** Settings that every sending exporter has, by the names that the Collector uses. */
import { duration } from '../../core/config-types.ts';

export { retryOnFailure, sendingQueue, type QueueConfig, type RetryConfig } from './queue-config.ts';

export const flushInterval = duration({ minMs: 1, maxMs: 60_000 })
  .prefault('200ms')
  .describe('an open request is sent after this time although it is not full');
