/** OTLP over gRPC: one unary call a request. */
import { setMaxListeners } from 'node:events';
import { sensitiveHeaders } from 'node:http2';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { messageOf } from '../../core/errors.ts';
import type { RequestSignal } from '../../otlp/request.ts';
import type { Algorithm } from '../shared/compress.ts';
import type { Connection } from '../shared/connections.ts';
import { addressOf } from '../shared/dial.ts';
import { clampWaitMs, retryDelayMs, shortMessage, statesSize, successOf } from '../shared/response.ts';
import type { Outcome, Transport } from '../shared/transport.ts';
import { type CallResult, MAX_ANSWER_BYTES, PREFIX_BYTES, unaryCall } from './call.ts';
import { createChannel } from './channel.ts';
import type { Keepalive } from './link.ts';
import { grpcCodes, grpcTimeout, nameOfCode } from './status.ts';

const methods: Readonly<Record<RequestSignal, string>> = {
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
};

/** Codes after which the same request may be sent again: OTLP specification, "OTLP/gRPC Response". */
const retryableCodes: ReadonlySet<number> = new Set([
  grpcCodes.CANCELLED,
  grpcCodes.DEADLINE_EXCEEDED,
  grpcCodes.ABORTED,
  grpcCodes.OUT_OF_RANGE,
  grpcCodes.UNAVAILABLE,
  grpcCodes.DATA_LOSS,
]);

/** Of a call that did not end with OK. */
export const outcomeOfStatus = ({ code, message: words, details }: Pick<CallResult, 'code' | 'message' | 'details'>): Outcome => {
  const delayMs = details === undefined ? undefined : retryDelayMs(details);
  const message = shortMessage(`gRPC ${nameOfCode(code)}: ${words}`);
  // Exhausted for good, unless the other side says when to come back.
  if (!retryableCodes.has(code) && !(code === grpcCodes.RESOURCE_EXHAUSTED && delayMs !== undefined))
    return { kind: 'permanent', message, ...(code === grpcCodes.RESOURCE_EXHAUSTED && statesSize(words) && { tooLarge: true }) };
  return { kind: 'retryable', message, ...(delayMs !== undefined && { afterMs: clampWaitMs(delayMs) }) };
};

const gunzip = promisify(zlib.gunzip);
const unzstd = promisify(zlib.zstdDecompress);

/** The message of an answer; undefined when it is none. */
const messageIn = async ({ answer, encoding }: Pick<CallResult, 'answer' | 'encoding'>): Promise<Buffer | undefined> => {
  // OK without a message: nothing to say about the request
  if (answer.length === 0) return answer;
  if (answer.length < PREFIX_BYTES || answer.readUInt32BE(1) !== answer.length - PREFIX_BYTES) return undefined;
  const body = answer.subarray(PREFIX_BYTES);
  if (answer[0] === 0) return body;
  const inflate = encoding === 'gzip' ? gunzip : encoding === 'zstd' ? unzstd : undefined;
  if (answer[0] !== 1 || inflate === undefined) return undefined;
  try {
    return await inflate(body, { maxOutputLength: MAX_ANSWER_BYTES });
  } catch {
    return undefined;
  }
};

const outcomeOf = async (result: CallResult): Promise<Outcome> => {
  if (result.code !== grpcCodes.OK) return outcomeOfStatus(result);
  const body = await messageIn(result);
  return body === undefined ? outcomeOfStatus({ code: grpcCodes.INTERNAL, message: 'the answer cannot be read' }) : successOf(body);
};

const prefixOf = (message: Buffer, compressed: boolean): Buffer => {
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  prefix[0] = compressed ? 1 : 0;
  prefix.writeUInt32BE(message.length, 1);
  return prefix;
};

export type GrpcTransportOptions = {
  readonly connection: Connection;
  readonly compression: Algorithm;
  readonly keepalive: Keepalive;
  readonly userAgent: string;
};

/** Does not wait for the other side: the first request connects. */
export const createGrpcTransport = (options: GrpcTransportOptions): Transport => {
  const { connection, compression, keepalive, userAgent } = options;
  const { endpoint, dialer, headers, compress, connectTimeoutMs } = connection;
  const authority = addressOf(endpoint);
  const channel = createChannel({ dialer, endpoint, authority, keepalive, connectTimeoutMs });
  const closing = new AbortController();
  // one a call, and the queue has a bound for these
  setMaxListeners(0, closing.signal);
  const fixed = {
    ':method': 'POST',
    ':scheme': endpoint.secure ? 'https' : 'http',
    ':authority': authority,
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': userAgent,
    'grpc-accept-encoding': 'identity,gzip,zstd',
    ...(compression !== 'none' && { 'grpc-encoding': compression }),
  };

  const headersFor = async (path: string, leftMs: number) => {
    const own = await headers.current();
    const written = Object.entries(own).map(([name, value]) => [
      name,
      name.endsWith('-bin') ? Buffer.from(value).toString('base64') : value,
    ]);
    return {
      ...fixed,
      ':path': path,
      'grpc-timeout': grpcTimeout(leftMs),
      ...Object.fromEntries(written),
      [sensitiveHeaders]: Object.keys(own),
    };
  };

  const call = async (path: string, prefix: Buffer, message: Buffer, leftMs: number, endMs: number): Promise<CallResult> => {
    try {
      const link = await channel.link(leftMs);
      const left = Math.max(1, endMs - performance.now());
      return await unaryCall(link, await headersFor(path, left), prefix, message, left, closing.signal);
    } catch (error) {
      return { code: grpcCodes.UNAVAILABLE, message: messageOf(error), answer: Buffer.alloc(0), encoding: '', unprocessed: false };
    }
  };

  const exchange = async (bytes: Buffer, timeoutMs: number, path: string): Promise<Outcome> => {
    const message = compress === undefined ? bytes : await compress(bytes);
    const endMs = performance.now() + timeoutMs;
    const prefix = prefixOf(message, compress !== undefined);
    let result = await call(path, prefix, message, timeoutMs, endMs);
    let leftMs = endMs - performance.now();
    // Once again at once: what nobody looked at, as gRPC has it, and what was refused for a token that has changed.
    const again = result.unprocessed || (result.code === grpcCodes.UNAUTHENTICATED && (await headers.refresh()));
    if (again && leftMs >= 1 && !closing.signal.aborted) {
      result = await call(path, prefix, message, leftMs, endMs);
      leftMs = endMs - performance.now();
    }
    return await outcomeOf(result);
  };

  return {
    async send(bytes, timeoutMs, signal) {
      const outcome = await exchange(bytes, timeoutMs, methods[signal]);
      return outcome.message === undefined ? outcome : { ...outcome, message: headers.clean(outcome.message) };
    },
    close() {
      closing.abort();
      channel.close();
    },
  };
};
