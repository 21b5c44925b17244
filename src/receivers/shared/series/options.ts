import { z } from 'zod';
import { duration } from '../../../core/config-types.ts';

/** Points of one metric that a backend takes at one go, with room to spare. */
const MOST_SERIES = 100_000;
const DAY_MS = 24 * 3_600_000;

/** The option `metrics` of a receiver whose sums are series; `subject`: of what they are, which may be gone. */
export const metricsOption = ({ subject = 'cgroup' }: { readonly subject?: string } = {}) =>
  z
    .strictObject({
      collection_interval: duration({ minMs: 100, maxMs: 3_600_000 })
        .prefault('10s')
        .describe('How often a metrics pipeline is given what the kernel has counted.'),
      temporality: z
        .enum(['cumulative', 'delta'])
        .default('cumulative')
        .describe('cumulative: since the counting began. delta: since the last collection.'),
      max_series: z
        .int()
        .min(1)
        .max(MOST_SERIES)
        .default(2000)
        .describe(
          'Most series of each metric; what moved most is told by itself, and the rest of it in one series with otel.metric.overflow.',
        ),
      expiry: duration({ minMs: 1000, maxMs: DAY_MS })
        .prefault('5m')
        .describe(
          `A series that did not change for so long and whose ${subject} is gone ends; one that did not change for ten times that makes room for others.`,
        ),
    })
    .prefault({});
