import { z } from 'zod';
import { duration } from '../../core/config-types.ts';
import { areSound, withKeys } from '../shared/checks.ts';
import { checkCompression, compression, compressionParams } from '../shared/compress.ts';
import { flushInterval, retryOnFailure, sendingQueue } from '../shared/config.ts';
import { parseEndpoint } from '../shared/endpoint.ts';
import { balancing, checkEndpoints, endpoints, mayBeInsecure, proxyUrl } from '../shared/endpoints-config.ts';
import { checkHeaders, headers, headersFiles } from '../shared/headers-config.ts';
import { tls } from '../shared/tls-config.ts';

/** Registered for OTLP over HTTP. */
export const HTTP_PORT = 4318;
const DEFAULT_ENDPOINT = 'http://127.0.0.1:4318';

export const otlpHttpConfig = z
  .strictObject({
    endpoint: z.string().default(DEFAULT_ENDPOINT).describe('base URL; /v1/logs, /v1/metrics or /v1/traces is put behind it'),
    logs_endpoint: z.string().optional().describe('whole URL for logs, used as it is instead of endpoint'),
    metrics_endpoint: z.string().optional().describe('the same for metrics'),
    traces_endpoint: z.string().optional().describe('the same for spans'),
    endpoints,
    balancing,
    headers,
    headers_files: headersFiles,
    tls,
    proxy_url: proxyUrl,
    timeout: duration({ minMs: 1 }).prefault('5s').describe('for one request'),
    compression,
    compression_params: compressionParams,
    max_connections: z.int().min(1).max(64).optional().describe('to one endpoint; as many as consumers of the queue when it is not set'),
    idle_conn_timeout: duration().prefault('90s').describe('a kept connection that nobody uses is closed after this time; 0 means never'),
    flush_interval: flushInterval,
    sending_queue: sendingQueue,
    retry_on_failure: retryOnFailure,
  })
  .superRefine((config, context) => {
    const own = (['logs_endpoint', 'metrics_endpoint', 'traces_endpoint'] as const).filter((key) => config[key] !== undefined);
    if (own.length < 3) checkEndpoints(config, context, { endpoint: DEFAULT_ENDPOINT, port: HTTP_PORT });
    for (const key of own) {
      if (!areSound(context, key)) continue;
      const parsed = parseEndpoint(config[key]!, mayBeInsecure(config, context), HTTP_PORT);
      if (typeof parsed === 'string') context.addIssue({ code: 'custom', path: [key], message: parsed });
    }
    checkHeaders(config, context);
    checkCompression(config, context);
  }, withKeys);

export type OtlpHttpConfig = z.output<typeof otlpHttpConfig>;
