import { z } from 'zod';
import { duration } from '../../core/config-types.ts';
import { didYouMean, oneOf } from '../../core/nearest.ts';
import { groupNames, listedCalls } from '../shared/call-names.ts';
import { metricsOption } from '../shared/series/options.ts';

/** A bucket gains one token in a whole number of nanoseconds. */
const MOST_EVENTS_PER_SECOND = 100_000_000;
const LONGEST_SHOWN = 40;
/** A counter of 32 bits in the kernel. */
const LARGEST_BURST = 1_000_000_000;

/** Forty names would hide what was meant. */
const noCall = (input: unknown): string => {
  const words = `allowed are the groups ${oneOf(groupNames).replace(' or ', ' and ')}, and calls by name`;
  return typeof input === 'string'
    ? `${JSON.stringify(input.slice(0, LONGEST_SHOWN))} is no call that there are records of; ${words}${didYouMean(input, [...groupNames, ...listedCalls])}`
    : `not the name of a call; ${words}`;
};

export const syscallsConfig = z.strictObject({
  calls: z
    .array(z.enum([...groupNames, ...listedCalls], { error: ({ input }) => noCall(input) }))
    .min(1)
    .default(['files', 'network'])
    .describe('Which calls become records: groups, or calls by name.'),
  rate_limit: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Whether the kernel side lets only so many records through.'),
      per: z
        .enum(['process', 'cgroup'])
        .default('process')
        .describe('Whose records are counted together. Nobody can use up what others have.'),
      events_per_second: z
        .int()
        .min(1)
        .max(MOST_EVENTS_PER_SECOND)
        .default(20_000)
        .describe('Records a second that each of them may cause; the others are counted and told as a loss with the reason rate_limited.'),
      burst: z.int().min(1).max(LARGEST_BURST).default(40_000).describe('Records that each may cause at once after it has been quiet.'),
    })
    .prefault({}),
  aggregate: z
    .strictObject({
      enabled: z
        .boolean()
        .default(false)
        .describe(
          'Whether reads and writes are added up in the kernel, a record for each process, file and interval instead of one a call.',
        ),
      interval: duration({ minMs: 100, maxMs: 3_600_000 }).prefault('10s').describe('What a record of sums covers.'),
    })
    .prefault({}),
  metrics: metricsOption(),
});

export type SyscallsConfig = z.output<typeof syscallsConfig>;
