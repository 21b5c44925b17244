import { z } from 'zod';
import { duration } from '../../core/config-types.ts';
import { crossCheck } from '../../core/cross-check.ts';

const mebibytes = () =>
  z
    .int()
    .min(0)
    .max(2 ** 23)
    .default(0);
const percentage = () => z.number().min(0).max(100).default(0);

export const memoryLimiterConfig = z
  .strictObject({
    check_interval: duration({ minMs: 10, maxMs: 60_000 }).prefault('1s').describe('How often the memory is looked at.'),
    limit_mib: mebibytes().describe('Hard limit, MiB of anonymous memory. 0: see limit_percentage.'),
    spike_limit_mib: mebibytes().describe('The soft limit lies this much below limit_mib. 0: a fifth of it.'),
    limit_percentage: percentage().describe('Hard limit as a share of the memory of the cgroup or host; limit_mib goes before it.'),
    spike_limit_percentage: percentage().describe(
      'The soft limit lies this share of the memory below limit_percentage. 0: a fifth of the hard limit.',
    ),
    min_gc_interval_when_soft_limited: duration().prefault('10s').describe('Above the soft limit garbage is collected at most this often.'),
    min_gc_interval_when_hard_limited: duration().prefault('1s').describe('Above the hard limit garbage is collected at most this often.'),
  })
  .check(
    crossCheck((value, add) => {
      const { limit_mib, spike_limit_mib, limit_percentage, spike_limit_percentage } = value;
      const isAtLeast = (spike: unknown, limit: unknown): boolean =>
        typeof spike === 'number' && typeof limit === 'number' && limit > 0 && spike >= limit;
      if (limit_mib === 0 && limit_percentage === 0) add(['limit_mib'], 'needed, or limit_percentage');
      if (isAtLeast(spike_limit_mib, limit_mib)) add(['spike_limit_mib'], `not less than limit_mib, which is ${limit_mib}`);
      if (limit_mib === 0 && isAtLeast(spike_limit_percentage, limit_percentage))
        add(['spike_limit_percentage'], `not less than limit_percentage, which is ${limit_percentage}`);
    }),
  );

export type MemoryLimiterConfig = z.output<typeof memoryLimiterConfig>;
