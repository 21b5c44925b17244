import { z } from 'zod';
import { duration } from '../../core/config-types.ts';
import { withKeys } from '../shared/checks.ts';
import { checkCompression, compression, compressionParams } from '../shared/compress.ts';
import { flushInterval, retryOnFailure, sendingQueue } from '../shared/config.ts';
import { balancing, checkEndpoints, endpoints, proxyUrl } from '../shared/endpoints-config.ts';
import { checkHeaders, headers, headersFiles } from '../shared/headers-config.ts';
import { tls } from '../shared/tls-config.ts';

/** Registered for OTLP over gRPC. */
export const GRPC_PORT = 4317;
const DEFAULT_ENDPOINT = '127.0.0.1:4317';
/** gRPC, "Client-side Keepalive": who pings more often is taken for an attacker. */
const SHORTEST_KEEPALIVE_MS = 10_000;

const keepaliveTime = duration()
  .refine((ms) => ms === 0 || ms >= SHORTEST_KEEPALIVE_MS, 'out of range; allowed is 0, or 10s and more')
  .prefault('0s')
  .describe('a connection without a sign of life for this long is asked for one; 0 means never');

export const otlpGrpcConfig = z
  .strictObject({
    endpoint: z.string().default(DEFAULT_ENDPOINT).describe('host:port, or with http:// or https:// before it'),
    endpoints,
    balancing,
    headers,
    headers_files: headersFiles,
    tls,
    proxy_url: proxyUrl,
    timeout: duration({ minMs: 1 }).prefault('5s').describe('for one request'),
    compression,
    compression_params: compressionParams,
    keepalive: z
      .strictObject({
        time: keepaliveTime,
        timeout: duration({ minMs: 1 }).prefault('10s').describe('without an answer for this long, the connection is given up'),
        permit_without_stream: z.boolean().default(false).describe('asks also while no request is under way'),
      })
      .prefault({}),
    flush_interval: flushInterval,
    sending_queue: sendingQueue,
    retry_on_failure: retryOnFailure,
  })
  .superRefine((config, context) => {
    checkEndpoints(config, context, { endpoint: DEFAULT_ENDPOINT, port: GRPC_PORT }, ({ path }) =>
      path === '' ? undefined : 'an endpoint of gRPC has no path; that is otlp_http',
    );
    checkHeaders(config, context, (name) => name === 'host' || name.startsWith('grpc-'));
    checkCompression(config, context);
  }, withKeys);

export type OtlpGrpcConfig = z.output<typeof otlpGrpcConfig>;
