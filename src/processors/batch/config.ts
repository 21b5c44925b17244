import { z } from 'zod';
import { duration } from '../../core/config-types.ts';

const NO_METADATA = 'not supported: records of the kernel come without client metadata; allowed is an empty list';

export const batchConfig = z
  .strictObject({
    send_batch_size: z
      .int()
      .min(0)
      .max(2 ** 30)
      .default(8192)
      .describe('A request is sent when it holds this many records. 0: after each batch that comes, whatever it holds.'),
    timeout: duration({ minMs: 0, maxMs: 3_600_000 })
      .prefault('200ms')
      .describe('A request is sent this long after its first record, full or not. 0: after each batch that comes.'),
    send_batch_max_size: z
      .int()
      .min(0)
      .max(2 ** 30)
      .default(0)
      .describe('A request never holds more records. 0: only the bound in bytes.'),
    metadata_keys: z.array(z.string()).max(0, NO_METADATA).default([]).describe('Not supported; must be empty.'),
    metadata_cardinality_limit: z.int().min(0).default(1000).describe('Has no effect without metadata_keys.'),
  })
  .check((context) => {
    const { send_batch_size: size, send_batch_max_size: most } = context.value;
    if (most !== 0 && most < size)
      context.issues.push({
        code: 'custom',
        message: `less than send_batch_size, which is ${size}; allowed is 0, or ${size} and more`,
        path: ['send_batch_max_size'],
        input: most,
      });
  });

export type BatchConfig = z.output<typeof batchConfig>;
