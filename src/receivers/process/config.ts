import type { z } from 'zod';
import { processConfig as eventsConfig } from '../shared/process-config.ts';
import { tracesOption } from './traces-config.ts';
import { metricsOption } from '../shared/series/options.ts';

export const processConfig = eventsConfig.extend({
  metrics: metricsOption(),
  traces: tracesOption,
});

export type ProcessConfig = z.output<typeof processConfig>;
