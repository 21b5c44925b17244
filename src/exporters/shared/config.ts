/** Settings that every sending exporter has, by the names that the Collector uses. */
import { z } from 'zod';
import { duration } from '../../core/config-types.ts';

export { retryOnFailure, sendingQueue, type QueueConfig, type RetryConfig } from './queue-config.ts';

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

export type TlsConfig = z.output<typeof tls>;
