import { z } from 'zod';

export const debugConfig = z.strictObject({
  verbosity: z
    .enum(['basic', 'normal', 'detailed'])
    .default('normal')
    .describe(
      'basic counts events once a second, normal shows one line an event or point of a metric, detailed also every attribute on a line of its own',
    ),
  format: z
    .enum(['text', 'json'])
    .default('text')
    .describe('json: one object a line with all attributes, for tools; verbosity does not matter then'),
});

export type DebugConfig = z.output<typeof debugConfig>;
