/** OTLP over HTTP/1.1 with connections that are kept. */
import { readFile } from 'node:fs/promises';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { TlsConfig } from '../shared/config.ts';
import type { Endpoint } from '../shared/endpoint.ts';
import { shortMessage, statusMessage, successOf } from '../shared/response.ts';
import type { Outcome, Transport } from '../shared/transport.ts';

/** An answer is a few bytes; what is larger is cut off. */
const MAX_RESPONSE_BYTES = 64 * 1024;
const GZIP_LEVEL = 1;
const ZSTD_LEVEL = 1;

/** OTLP specification, "OTLP/HTTP Response": all others are for good. */
const retryableStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const gzip = promisify(zlib.gzip);
const zstd = promisify(zlib.zstdCompress);

export type Compression = 'none' | 'gzip' | 'zstd';

const compress = async (bytes: Buffer, compression: Compression): Promise<Buffer> => {
  if (compression === 'gzip') return await gzip(bytes, { level: GZIP_LEVEL });
  if (compression === 'zstd') return await zstd(bytes, { params: { [zlib.constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } });
  return bytes;
};

/** Seconds or an HTTP date (RFC 9110, 10.2.3); undefined when it is neither. */
export const retryAfterMs = (header: string | undefined, nowMs: number): number | undefined => {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const dateMs = Date.parse(header);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
};

const isProtobuf = ({ headers }: IncomingMessage): boolean => /^application\/(x-)?protobuf\b/.test(headers['content-type'] ?? '');

const outcomeOf = (response: IncomingMessage, body: Buffer): Outcome => {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return isProtobuf(response) ? successOf(body) : { kind: 'success' };
  const detail = isProtobuf(response) ? statusMessage(body) : shortMessage(body.toString());
  const message = `HTTP status ${status}${detail === '' ? '' : `: ${detail}`}`;
  if (!retryableStatuses.has(status)) return { kind: 'permanent', message };
  const afterMs = retryAfterMs(response.headers['retry-after'], Date.now());
  return { kind: 'retryable', message, ...(afterMs !== undefined && { afterMs }) };
};

/** At most MAX_RESPONSE_BYTES of the body. */
const readBody = async (response: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_RESPONSE_BYTES) break; // which destroys the connection
  }
  return Buffer.concat(chunks).subarray(0, MAX_RESPONSE_BYTES);
};

export type HttpTransportOptions = {
  /** With the whole path. */
  readonly endpoint: Endpoint;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsConfig;
  readonly compression: Compression;
  readonly userAgent: string;
  /** Most connections. */
  readonly connections: number;
};

const fileIf = async (path: string | undefined): Promise<Buffer | undefined> => (path === undefined ? undefined : await readFile(path));

/** Reads the files of the certificates; does not wait for the other side. */
export const connectHttp = async (options: HttpTransportOptions): Promise<Transport> => {
  const { endpoint, headers, tls, compression, userAgent, connections } = options;
  const [ca, cert, key] = await Promise.all([fileIf(tls.ca_file), fileIf(tls.cert_file), fileIf(tls.key_file)]);
  const { Agent, request } = endpoint.secure ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: connections, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) });
  const aborting = new AbortController();
  const fixedHeaders = {
    'user-agent': userAgent,
    ...headers,
    'content-type': 'application/x-protobuf',
    ...(compression !== 'none' && { 'content-encoding': compression }),
  };

  const post = (body: Buffer, signal: AbortSignal): Promise<Outcome | 'stale'> =>
    new Promise((resolve) => {
      const sending = request({
        agent,
        method: 'POST',
        host: endpoint.host,
        port: endpoint.port,
        path: endpoint.path,
        headers: { ...fixedHeaders, 'content-length': body.length },
        signal,
      });
      sending.on('error', (error: NodeJS.ErrnoException) => {
        const reset = error.code === 'ECONNRESET' || error.code === 'EPIPE';
        if (reset && sending.reusedSocket && !signal.aborted) resolve('stale');
        else resolve({ kind: 'retryable', message: signal.aborted ? 'no answer in time' : error.message });
      });
      sending.on('response', (response) => {
        readBody(response).then(
          (answer) => resolve(outcomeOf(response, answer)),
          (error: Error) => resolve({ kind: 'retryable', message: signal.aborted ? 'no answer in time' : error.message }),
        );
      });
      sending.end(body);
    });

  return {
    async send(bytes, timeoutMs) {
      const body = await compress(bytes, compression);
      const signal = AbortSignal.any([aborting.signal, AbortSignal.timeout(timeoutMs)]);
      let outcome = await post(body, signal);
      // A kept connection that the other side had closed says nothing about the request; each try takes one such connection away.
      for (let stale = 0; outcome === 'stale' && stale < connections; stale++) outcome = await post(body, signal);
      return outcome === 'stale' ? { kind: 'retryable', message: 'connection reset' } : outcome;
    },
    close() {
      aborting.abort();
      agent.destroy();
    },
  };
};
