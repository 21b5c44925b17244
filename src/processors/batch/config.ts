import { z } from 'zod';
import { duration } from '../../core/config-types.ts';
import { crossCheck } from '../../core/cross-check.ts';

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
    metadata_keys: z.array(z.string()).default([]).describe('Not supported; must be empty.'),
    metadata_cardinality_limit: z.int().min(0).default(1000).describe('Has no effect without metadata_keys.'),
  })
  .check(
    crossCheck(({ send_batch_size: size, send_batch_max_size: most, metadata_keys: keys }, add) => {
      if (Array.isArray(keys) && keys.length > 0) add(['metadata_keys'], NO_METADATA);
      if (typeof size === 'number' && typeof most === 'number' && most > 0 && most < size)
        add(['send_batch_max_size'], `less than send_batch_size, which is ${size}; allowed is 0, or ${size} and more`);
    }),
  );

export type BatchConfig = z.output<typeof batchConfig>;
