/** Settings that every sending exporter has, by the names that the Collector uses. */
import { z } from 'zod';
import { byteSize, duration } from '../../core/config-types.ts';

/** A request is at most about 4 MB, so that one always fits. */
const SMALLEST_QUEUE_BYTES = 4 * 1024 * 1024;

export const sendingQueue = z
  .strictObject({
    enabled: z.boolean().default(true).describe('false: a request that finds all consumers busy is dropped at once'),
    queue_size: byteSize({ min: SMALLEST_QUEUE_BYTES })
      .prefault('32MiB')
      .describe('most bytes of encoded requests held in memory, those under way included; what comes on top is dropped and counted'),
    num_consumers: z.int().min(1).max(64).default(4).describe('requests that are under way at the same time'),
  })
  .prefault({});

export const retryOnFailure = z
  .strictObject({
    enabled: z.boolean().default(true).describe('false: a request that fails once is given up'),
    initial_interval: duration({ minMs: 1 }).prefault('5s').describe('wait before the first retry'),
    randomization_factor: z.number().min(0).max(1).default(0.5).describe('each wait is spread by this share to both sides'),
    multiplier: z.number().min(1).max(100).default(1.5).describe('each wait is this much longer than the one before'),
    max_interval: duration({ minMs: 1 }).prefault('30s').describe('longest wait between two retries'),
    max_elapsed_time: duration().prefault('5m').describe('a request that is not through by then is given up; 0 means never'),
  })
  .prefault({});

export const flushInterval = duration({ minMs: 1, maxMs: 60_000 })
  .prefault('200ms')
  .describe('an open request is sent after this time although it is not full');

/** Names and values of headers. An ASCII token, and no line breaks in the value (RFC 9110, section 5). */
export const headers = z
  .record(
    z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'not a header name'),
    z.string().regex(/^[\t\x20-\x7e]*$/, 'not a header value'),
  )
  .default({})
  .describe('headers sent with every request');

export const tls = z
  .strictObject({
    insecure: z.boolean().default(false).describe('plain text; needed unless the endpoint is on this host'),
    ca_file: z.string().min(1).optional().describe('PEM file of the authorities to trust instead of the system'),
    cert_file: z.string().min(1).optional().describe('PEM file of the own certificate'),
    key_file: z.string().min(1).optional().describe('PEM file of the own key'),
  })
  .refine(({ cert_file, key_file }) => (cert_file === undefined) === (key_file === undefined), 'cert_file and key_file go together')
  .prefault({});

export type QueueConfig = z.output<typeof sendingQueue>;
export type RetryConfig = z.output<typeof retryOnFailure>;
export type TlsConfig = z.output<typeof tls>;
