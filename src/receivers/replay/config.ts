import { z } from 'zod';
import { processConfig } from '../shared/process-config.ts';

const path = z.string().min(1);

export const replayConfig = z.strictObject({
  path: z
    .union([path, z.array(path).min(1)])
    .transform((value) => (Array.isArray(value) ? value : [value]))
    .describe('A file, or a list of files that are played one after the other.'),
  format: z
    .enum(['auto', 'capture', 'otlp_json', 'otlp_proto'])
    .default('auto')
    .describe(
      'capture: what `ringtail record` wrote. otlp_json, otlp_proto: what a file exporter wrote, also compressed. auto looks at the first bytes.',
    ),
  pace: z
    .enum(['fast', 'recorded'])
    .default('fast')
    .describe('fast: as fast as the pipelines take it. recorded: with the pauses that there were when it happened.'),
  repeat: z.int().min(0).max(1_000_000).default(1).describe('How often all files are played; 0 means for ever.'),
  at_end: z
    .enum(['stop', 'wait'])
    .default('stop')
    .describe('stop: `ringtail run` ends when every receiver is a replay that is through. wait: it stays.'),
  capture: processConfig.prefault({}).describe('What records are made of a capture: the options of the process receiver.'),
});

export type ReplayConfig = z.output<typeof replayConfig>;
