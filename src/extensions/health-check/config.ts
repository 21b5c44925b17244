import { z } from 'zod';
import { serverOptions } from '../shared/config.ts';

export const DEFAULT_HEALTH_ENDPOINT = '127.0.0.1:18133';
const LONGEST_BODY = 4096;

const path = (byDefault: string) =>
  z
    .string()
    .max(256)
    .regex(/^\/[\w./~-]*$/, 'not a path; it begins with "/" and has no query')
    .default(byDefault);

export const healthCheckConfig = z
  .strictObject({
    ...serverOptions(DEFAULT_HEALTH_ENDPOINT),
    path: path('/').describe("Path of the Collector's answer, for probes: 200 or 503."),
    health_path: path('/health').describe('Path of the report on every part, as JSON.'),
    response_body: z
      .strictObject({
        healthy: z.string().max(LONGEST_BODY).optional().describe('Answer at `path` with 200, in place of the JSON.'),
        unhealthy: z.string().max(LONGEST_BODY).optional().describe('Answer at `path` with 503, in place of the JSON.'),
      })
      .prefault({}),
    check_collector_pipeline: z
      .unknown()
      .optional()
      .describe('Taken from configurations of the Collector and left aside; the report at `health_path` says how each exporter fares.'),
  })
  .refine(({ path: one, health_path: other }) => one !== other, { path: ['health_path'], message: 'the same as path; choose another' });

export type HealthCheckConfig = z.output<typeof healthCheckConfig>;
