/** Compression of requests, off the main thread. */
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { z } from 'zod';
import { areSound } from './checks.ts';
import { createSlots } from './slots.ts';

/** Levels by algorithm: zstd beyond 19 takes hundreds of MiB. The defaults are the cheapest. */
const levels = { gzip: { min: 1, max: 9 }, zstd: { min: 1, max: 19 } } as const;
const CHEAPEST_LEVEL = 1;
/** OTLP shrinks to a tenth or less; a chunk is what one request mostly needs, and the most it holds beyond that. */
const CHUNK_BYTES = 64 * 1024;

export type Algorithm = 'none' | 'gzip' | 'zstd';

export const compression = z
  .enum(['none', 'gzip', 'zstd'])
  .default('none')
  .describe('none suits a Collector on the same host; zstd is the cheaper one elsewhere');

export const compressionParams = z
  .strictObject({ level: z.int().optional().describe('1 to 9 for gzip, 1 to 19 for zstd; 1, the cheapest, when it is not set') })
  .prefault({});

type Compression = { readonly compression: Algorithm; readonly compression_params: { readonly level?: number | undefined } };

/** Adds what is wrong with the level. */
export const checkCompression = (config: Compression, context: z.RefinementCtx): void => {
  if (!areSound(context, 'compression', 'compression_params')) return;
  const { level } = config.compression_params;
  if (level === undefined) return;
  const allowed = config.compression === 'none' ? undefined : levels[config.compression];
  const wrong = (message: string) => context.addIssue({ code: 'custom', path: ['compression_params', 'level'], message });
  if (allowed === undefined) wrong('has no meaning without compression');
  else if (level < allowed.min || level > allowed.max)
    wrong(`not a level of ${config.compression}; allowed is ${allowed.min} to ${allowed.max}`);
};

const gzip = promisify(zlib.gzip);
const zstd = promisify(zlib.zstdCompress);

/**
 * Compressions at a time. Each takes one of the four threads that files and names are read by too, and at the highest levels tens of MiB. The
 * others wait; their requests are bounded by the queue's consumers.
 */
const MOST_AT_A_TIME = 2;

/** Gives a function that compresses whole requests; undefined for `none`. */
export const compressorOf = ({ compression: algorithm, compression_params: { level = CHEAPEST_LEVEL } }: Compression) => {
  if (algorithm === 'none') return undefined;
  const slots = createSlots(MOST_AT_A_TIME);
  const compress = (bytes: Buffer): Promise<Buffer> =>
    algorithm === 'gzip'
      ? gzip(bytes, { level, chunkSize: CHUNK_BYTES })
      : zstd(bytes, {
          chunkSize: CHUNK_BYTES,
          pledgedSrcSize: bytes.length,
          params: { [zlib.constants.ZSTD_c_compressionLevel]: level },
        });
  return async (bytes: Buffer): Promise<Buffer> => {
    await slots.take();
    try {
      return await compress(bytes);
    } finally {
      slots.give();
    }
  };
};

export type Compressor = NonNullable<ReturnType<typeof compressorOf>>;
