import type { z } from 'zod';
import { processConfig as eventsConfig } from '../shared/process-config.ts';
import { metricsOption } from '../shared/series/options.ts';

export const processConfig = eventsConfig.extend({
  metrics: metricsOption(),
});

export type ProcessConfig = z.output<typeof processConfig>;
