/** OTLP over gRPC: one unary call a request, the bytes as they are. */
import type { ClientUnaryCall, ServiceError } from '@grpc/grpc-js';
import { readFile } from 'node:fs/promises';
import type { Endpoint } from '../shared/endpoint.ts';
import type { TlsConfig } from '../shared/config.ts';
import { retryDelayMs, shortMessage, successOf } from '../shared/response.ts';
import type { Outcome, Transport } from '../shared/transport.ts';

const METHOD = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
/** An answer is a few bytes; what is larger is no answer. */
const MAX_RESPONSE_BYTES = 64 * 1024;
/** grpc-js waits up to two minutes before it connects again, far longer than we wait to try again. */
const MAX_RECONNECT_MS = 5000;
const GZIP = 2;

/** Codes after which the same request may be sent again: OTLP specification, "OTLP/gRPC Response". */
const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;
const ABORTED = 10;
const OUT_OF_RANGE = 11;
const UNAVAILABLE = 14;
const DATA_LOSS = 15;
const retryableCodes: ReadonlySet<number> = new Set([CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS]);

export const outcomeOfError = ({ code, details, metadata }: Pick<ServiceError, 'code' | 'details' | 'metadata'>): Outcome => {
  const status = metadata?.get('grpc-status-details-bin')[0];
  const afterMs = status instanceof Uint8Array ? retryDelayMs(status) : undefined;
  const message = shortMessage(`gRPC code ${code}: ${details}`);
  // Exhausted for good, unless the other side says when to come back.
  if (!retryableCodes.has(code) && !(code === RESOURCE_EXHAUSTED && afterMs !== undefined)) return { kind: 'permanent', message };
  return { kind: 'retryable', message, ...(afterMs !== undefined && { afterMs }) };
};

export type GrpcTransportOptions = {
  readonly endpoint: Endpoint;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsConfig;
  readonly compression: 'none' | 'gzip';
  readonly userAgent: string;
};

const fileIf = async (path: string | undefined): Promise<Buffer | null> => (path === undefined ? null : await readFile(path));

/** Loads grpc-js, which nobody pays for who does not use it. Does not wait for the other side. */
export const connectGrpc = async (options: GrpcTransportOptions): Promise<Transport> => {
  const { endpoint, headers, tls, compression, userAgent } = options;
  const { Client, credentials, Metadata } = await import('@grpc/grpc-js');
  const secured = endpoint.secure
    ? credentials.createSsl(...(await Promise.all([fileIf(tls.ca_file), fileIf(tls.key_file), fileIf(tls.cert_file)])))
    : credentials.createInsecure();
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  const client = new Client(`${host}:${endpoint.port}`, secured, {
    'grpc.primary_user_agent': userAgent,
    'grpc.max_receive_message_length': MAX_RESPONSE_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.max_reconnect_backoff_ms': MAX_RECONNECT_MS,
    // The queue tries again; twice would be once too often.
    'grpc.enable_retries': 0,
    ...(compression === 'gzip' && { 'grpc.default_compression_algorithm': GZIP }),
  });
  const same = (bytes: Buffer): Buffer => bytes;
  const calls = new Set<ClientUnaryCall>();
  return {
    send: (bytes, timeoutMs) =>
      new Promise((resolve) => {
        const call = client.makeUnaryRequest(
          METHOD,
          same,
          same,
          bytes,
          metadata,
          { deadline: Date.now() + timeoutMs },
          (error, response) => {
            calls.delete(call);
            resolve(error === null ? successOf(response ?? Buffer.alloc(0)) : outcomeOfError(error));
          },
        );
        calls.add(call);
      }),
    close() {
      for (const call of calls) call.cancel();
      client.close();
    },
  };
};
