import { z } from 'zod';
import { duration } from '../../core/config-types.ts';
import { flushInterval, headers, retryOnFailure, sendingQueue, tls } from '../shared/config.ts';
import { parseEndpoint } from '../shared/endpoint.ts';

/** Registered for OTLP over gRPC. */
export const GRPC_PORT = 4317;

export const otlpGrpcConfig = z
  .strictObject({
    endpoint: z.string().default('127.0.0.1:4317').describe('host:port, or with http:// or https:// before it'),
    headers,
    tls,
    timeout: duration({ minMs: 1 }).prefault('5s').describe('for one request'),
    compression: z
      .enum(['none', 'gzip'])
      .default('none')
      .describe('none suits a Collector on the same host: gzip costs more than the loopback'),
    flush_interval: flushInterval,
    sending_queue: sendingQueue,
    retry_on_failure: retryOnFailure,
  })
  .superRefine(({ endpoint, tls: { insecure } }, context) => {
    const parsed = parseEndpoint(endpoint, insecure, GRPC_PORT);
    const message =
      typeof parsed === 'string' ? parsed : parsed.path === '' ? undefined : 'an endpoint of gRPC has no path; that is otlp_http';
    if (message !== undefined) context.addIssue({ code: 'custom', path: ['endpoint'], message });
  });

export type OtlpGrpcConfig = z.output<typeof otlpGrpcConfig>;
