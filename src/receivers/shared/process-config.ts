import { z } from 'zod';
import { byteSize } from '../../core/config-types.ts';

/** What a record of arguments can hold at the most: ARGS_LIMIT in bpf/process.bpf.c. */
export const ARGS_LIMIT_BYTES = 65_536;

export const processConfig = z.strictObject({
  events: z
    .array(z.enum(['exec', 'fork', 'exit']))
    .min(1)
    .default(['exec', 'fork', 'exit'])
    .describe('Which events become records. The process table is fed by all of them in any case.'),
  args: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Whether exec records carry the arguments.'),
      max_bytes: byteSize({ min: 0, max: ARGS_LIMIT_BYTES })
        .prefault('32KiB')
        .describe('Bytes of arguments that a record holds; what is cut is marked. With several receivers the largest counts.'),
    })
    .prefault({}),
  failed_execs: z.boolean().default(true).describe('Whether execs that the kernel refused become records too.'),
  threads: z.boolean().default(false).describe('Whether fork records are also made for threads.'),
});

export type ProcessConfig = z.output<typeof processConfig>;
