import { z } from 'zod';

export const resolveProcessConfig = z.strictObject({
  ancestors: z
    .int()
    .min(0)
    .max(16)
    .default(0)
    .describe('How many executables above the process to name as ringtail.ancestors: parent, grandparent and so on.'),
});

export type ResolveProcessConfig = z.output<typeof resolveProcessConfig>;
