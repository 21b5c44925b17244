import { z } from 'zod';
import { duration } from '../../../core/config-types.ts';

/** Points of one metric that a backend takes at one go, with room to spare. */
const MOST_SERIES = 100_000;
const DAY_MS = 24 * 3_600_000;

/** Options of `metrics` that all receivers have whose sums are series. */
export const seriesOptions = () => ({
  max_series: z
    .int()
    .min(1)
    .max(MOST_SERIES)
    .default(2000)
    .describe('Most series of each metric; what moved most is told by itself, and the rest of it in one series with otel.metric.overflow.'),
  expiry: duration({ minMs: 1000, maxMs: DAY_MS })
    .prefault('5m')
    .describe(
      'A series that did not change for so long and whose cgroup is gone ends; one that did not change for ten times that makes room for others.',
    ),
});
