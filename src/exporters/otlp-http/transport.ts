/** OTLP over HTTP/1.1 with connections that are kept. */
import { setMaxListeners } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import { messageOf } from '../../core/errors.ts';
import type { RequestSignal } from '../../otlp/request.ts';
import type { Algorithm } from '../shared/compress.ts';
import type { Connection } from '../shared/connections.ts';
import { addressOf, ConnectError } from '../shared/dial.ts';
import { clampWaitMs, shortMessage, statesSize, statusMessage, successOf } from '../shared/response.ts';
import { createSlots } from '../shared/slots.ts';
import type { Outcome, Transport } from '../shared/transport.ts';
import { createAgents } from './agent.ts';

/** An answer is a few bytes; what is larger is cut off. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/** OTLP specification, "OTLP/HTTP Response": all others are for good. */
const retryableStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Seconds or an HTTP date (RFC 9110, 10.2.3), at most an hour; undefined when it is neither. */
export const retryAfterMs = (header: string | undefined, nowMs: number): number | undefined => {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return clampWaitMs(Number(header) * 1000);
  const dateMs = Date.parse(header);
  return Number.isNaN(dateMs) ? undefined : clampWaitMs(dateMs - nowMs);
};

const isProtobuf = ({ headers }: IncomingMessage): boolean => /^application\/(x-)?protobuf\b/.test(headers['content-type'] ?? '');

/** Scheme, host and path of where a redirect leads: a query may hold a secret. */
const redirectTarget = (location: string | undefined): string => {
  const url = URL.parse(location ?? '', 'http://relative.invalid');
  if (location === undefined || url === null) return '';
  return url.hostname === 'relative.invalid' ? url.pathname : `${url.protocol}//${url.host}${url.pathname}`;
};

const outcomeOf = (response: IncomingMessage, body: Buffer): Outcome => {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return isProtobuf(response) ? successOf(body) : { kind: 'success' };
  const detail = isProtobuf(response) ? statusMessage(body) : shortMessage(body.toString());
  if (status >= 300 && status < 400) {
    const target = redirectTarget(response.headers.location);
    return {
      kind: 'permanent',
      message: shortMessage(`HTTP status ${status}: redirects are not followed${target && `; it leads to ${target}`}`),
    };
  }
  const message = `HTTP status ${status}${detail === '' ? '' : `: ${detail}`}`;
  if (!retryableStatuses.has(status))
    return { kind: 'permanent', message, ...((status === 413 || (status === 400 && statesSize(detail))) && { tooLarge: true }) };
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
  readonly connection: Connection;
  /** Path of a signal, put behind that of the endpoint. */
  readonly paths: Readonly<Record<RequestSignal, string>>;
  readonly compression: Algorithm;
  readonly userAgent: string;
  /** Most connections. */
  readonly connections: number;
  readonly idleMs: number;
};

type Answer = { readonly status: number; readonly outcome: Outcome };

/** Does not wait for the other side: the first request connects. */
export const createHttpTransport = (options: HttpTransportOptions): Transport => {
  const { connection, paths, compression, userAgent, connections, idleMs } = options;
  const { endpoint, dialer, proxy, headers, compress, connectTimeoutMs } = connection;
  const closing = new AbortController();
  // one a request under way, and the queue has a bound for these
  setMaxListeners(0, closing.signal);
  // the agent counts a connection when it is there, not while it is being made, so it would make more than it may
  const slots = createSlots(connections);
  const agents = createAgents({ dialer, connections, idleMs, connectTimeoutMs, signal: closing.signal });
  const address = addressOf(endpoint);
  // a proxy of plain text is told the whole URL (RFC 9112, section 3.2.2)
  const base = proxy === undefined || endpoint.secure ? endpoint.path : `http://${address}${endpoint.path}`;
  const fixed = {
    host: endpoint.port === (endpoint.secure ? 443 : 80) ? address.replace(/:\d+$/, '') : address,
    'user-agent': userAgent,
    'content-type': 'application/x-protobuf',
    ...(compression !== 'none' && { 'content-encoding': compression }),
  };

  const words = (error: NodeJS.ErrnoException): string => {
    if (error instanceof ConnectError) return error.message;
    if (error.code?.startsWith('HPE_')) return `${address} does not answer by HTTP/1.1 (${messageOf(error)})`;
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      return `${address} broke the connection (${messageOf(error)}); ${dialer.doubt()}`;
    return dialer.words(error);
  };

  const post = async (path: string, body: Buffer, endMs: number): Promise<Answer | 'stale'> => {
    const agent = await agents.current();
    const own = await headers.current();
    const authorization = endpoint.secure ? undefined : proxy?.authorization?.reveal();
    return await new Promise((resolve) => {
      let settled = false;
      const settle = (answer: Answer | 'stale'): void => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        closing.signal.removeEventListener('abort', onAbort);
        resolve(answer);
      };
      const retry = (message: string): void => settle({ status: 0, outcome: { kind: 'retryable', message } });
      // an error of a request that still waits for a connection would come with the connection only
      const giveUp = (message: string): void => {
        retry(message);
        sending.destroy();
      };
      const onAbort = (): void => giveUp('closed');
      const timer = setTimeout(() => giveUp('no answer in time'), Math.max(1, endMs - performance.now()));
      const sending = http.request({
        agent,
        method: 'POST',
        host: endpoint.host,
        port: endpoint.port,
        path,
        headers: {
          ...fixed,
          ...own,
          ...(authorization !== undefined && { 'proxy-authorization': authorization }),
          'content-length': body.length,
        },
      });
      sending.on('error', (error: NodeJS.ErrnoException) => {
        const reset = error.code === 'ECONNRESET' || error.code === 'EPIPE';
        if (reset && sending.reusedSocket) settle('stale');
        else retry(words(error));
      });
      sending.on('response', (response) => {
        readBody(response).then(
          (read) => settle({ status: response.statusCode ?? 0, outcome: outcomeOf(response, read) }),
          (error: Error) => retry(words(error)),
        );
      });
      closing.signal.addEventListener('abort', onAbort);
      if (closing.signal.aborted) onAbort();
      else sending.end(body);
    });
  };

  const postInTurn = async (path: string, body: Buffer, endMs: number): Promise<Answer | 'stale'> => {
    if (!(await slots.take(endMs - performance.now())))
      return { status: 0, outcome: { kind: 'retryable', message: 'no connection was free in time' } };
    try {
      return await post(path, body, endMs);
    } finally {
      slots.give();
    }
  };

  /** A kept connection that the other side had closed says nothing about the request; each try takes one such connection away. */
  const exchange = async (path: string, body: Buffer, endMs: number): Promise<Answer> => {
    for (let tries = 0; tries <= connections; tries++) {
      const answer = await postInTurn(path, body, endMs);
      if (answer !== 'stale') return answer;
    }
    return { status: 0, outcome: { kind: 'retryable', message: `${address} broke every connection` } };
  };

  return {
    async send(bytes, timeoutMs, signal) {
      const path = `${base}${paths[signal]}`;
      const body = compress === undefined ? bytes : await compress(bytes);
      const endMs = performance.now() + timeoutMs;
      let answer = await exchange(path, body, endMs);
      // a token that has changed meanwhile
      if (answer.status === 401 && (await headers.refresh())) answer = await exchange(path, body, endMs);
      const { outcome } = answer;
      return outcome.message === undefined ? outcome : { ...outcome, message: headers.clean(outcome.message) };
    },
    close() {
      closing.abort();
      agents.close();
    },
  };
};
