import { z } from 'zod';
import { flushInterval, retryOnFailure, sendingQueue } from '../shared/config.ts';

const rotation = z
  .strictObject({
    max_megabytes: z.int().min(1).max(1_000_000).default(100).describe('a file that would get larger than so many MiB is put aside'),
    max_days: z.int().min(0).max(36_500).default(0).describe('files that were put aside are deleted after so many days; 0: never'),
    max_backups: z.int().min(0).max(100_000).default(100).describe('as many files that were put aside are kept; 0: all'),
    localtime: z.boolean().default(false).describe('true: the names of files that were put aside have local time, else UTC'),
  })
  .optional();

export const fileConfig = z.strictObject({
  path: z.string().min(1).describe('the file; readable by its owner alone'),
  format: z
    .enum(['json', 'proto'])
    .default('json')
    .describe('json: a request of OTLP/JSON a line. proto: a length of four bytes, the highest first, before each request'),
  compression: z
    .enum(['none', 'zstd', 'gzip'])
    .default('none')
    .describe('each request for itself, with a length before it in both formats; the Collector reads zstd'),
  rotation,
  append: z.boolean().default(true).describe('false: what is in the file at the start is thrown away'),
  create_directory: z.boolean().default(false).describe('true: the folder is made, and those above it, when they are not there'),
  fsync: z.boolean().default(false).describe('true: a request counts as sent when the disk has it'),
  flush_interval: flushInterval,
  sending_queue: sendingQueue,
  retry_on_failure: retryOnFailure,
});

export type FileConfig = z.output<typeof fileConfig>;
