import { z } from 'zod';
import { duration } from '../../core/config-types.ts';
import { flushInterval, headers, retryOnFailure, sendingQueue, tls } from '../shared/config.ts';
import { parseEndpoint } from '../shared/endpoint.ts';

/** Registered for OTLP over HTTP. */
export const HTTP_PORT = 4318;

export const otlpHttpConfig = z
  .strictObject({
    endpoint: z.string().default('http://127.0.0.1:4318').describe('base URL; /v1/logs is put behind it'),
    logs_endpoint: z.string().optional().describe('whole URL for logs, used as it is instead of endpoint'),
    headers,
    tls,
    timeout: duration({ minMs: 1 }).prefault('5s').describe('for one request'),
    compression: z
      .enum(['none', 'gzip', 'zstd'])
      .default('none')
      .describe('none suits a Collector on the same host; zstd is the cheaper one elsewhere'),
    flush_interval: flushInterval,
    sending_queue: sendingQueue,
    retry_on_failure: retryOnFailure,
  })
  .superRefine(({ endpoint, logs_endpoint: logsEndpoint, tls: { insecure } }, context) => {
    for (const [name, text] of Object.entries({ endpoint, logs_endpoint: logsEndpoint })) {
      if (text === undefined || (name === 'endpoint' && logsEndpoint !== undefined)) continue;
      const parsed = parseEndpoint(text, insecure, HTTP_PORT);
      if (typeof parsed === 'string') context.addIssue({ code: 'custom', path: [name], message: parsed });
    }
  });

export type OtlpHttpConfig = z.output<typeof otlpHttpConfig>;
