import { z } from 'zod';
import { duration } from '../../core/config-types.ts';
import { processConfig as eventsConfig } from '../shared/process-config.ts';
import { seriesOptions } from '../shared/series/options.ts';

export const processConfig = eventsConfig.extend({
  metrics: z
    .strictObject({
      collection_interval: duration({ minMs: 100, maxMs: 3_600_000 })
        .prefault('10s')
        .describe('How often a metrics pipeline is given what the kernel has counted.'),
      temporality: z
        .enum(['cumulative', 'delta'])
        .default('cumulative')
        .describe('cumulative: since the counting began. delta: since the last collection.'),
      ...seriesOptions(),
    })
    .prefault({}),
});

export type ProcessConfig = z.output<typeof processConfig>;
