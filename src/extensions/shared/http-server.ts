/** The small HTTP server of extensions: GET and HEAD only, everything bounded. Where it listens and whom it answers is said by who makes it. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { json, text, type Reply, type StreamReply } from './http-reply.ts';
import { sendItems } from './send-items.ts';

export { json, text, type Reply, type StreamReply };

export type Asked = {
  /** Without the query; begins with a slash. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Only the head of the answer is wanted. */
  readonly isHead: boolean;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
};

/** Undefined: there is no such page. May throw. */
export type Answer = (asked: Asked) => Reply | StreamReply | undefined | Promise<Reply | StreamReply | undefined>;

/** Where a server listens. */
export type Place = {
  /** Resolves with what the log says of it; rejects with a ConfigError when it cannot be had. */
  open(server: Server): Promise<Readonly<Record<string, string>>>;
  /** Gives back what `server.close` does not. */
  close?(): Promise<void>;
};

export type HttpServerOptions = {
  readonly logger: Logger;
  readonly place: Place;
  readonly answer: Answer;
  /** Listed for who asks for something else. */
  readonly paths: readonly string[];
  /** Who is not answered, beside what is wrong for everybody. */
  readonly refusal?: (request: IncomingMessage) => Reply | undefined;
  /** An answer that tells what is wrong. */
  readonly problem?: (status: number, message: string) => Reply;
  /** Stand in every answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long an answer may take. */
  readonly answerTimeoutMs?: number;
  /** Connections at a time; what comes on top is closed. */
  readonly maxConnections?: number;
};

export type HttpServer = {
  /** Rejects with a ConfigError when the place cannot be used. */
  start(): Promise<void>;
  /** Lets answers that are under way finish, for as long as there is time. */
  stop(deadlineMs: number): Promise<void>;
};

/** A few people and probes at a time; who comes on top is turned away. */
const MAX_CONNECTIONS = 32;
/** Line, address and headers of a request together. */
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_URL_CHARACTERS = 2048;
/** Who asks has this long for the whole request; an idle connection is kept as long. */
const REQUEST_TIMEOUT_MS = 5000;
const CHECK_INTERVAL_MS = 1000;
const ANSWER_TIMEOUT_MS = 10_000;
/** A page that is not taken is not kept for longer. */
const SEND_TIMEOUT_MS = 30_000;
const MAX_REQUESTS_PER_CONNECTION = 1000;

/** What was refused so may have a body, which nobody reads. */
const closing: ReadonlySet<number> = new Set([405, 413, 414, 503]);

const isStream = (reply: Reply | StreamReply): reply is StreamReply => 'items' in reply;

export const createHttpServer = (options: HttpServerOptions): HttpServer => {
  const { logger, place, answer, paths, refusal, problem = text, headers: fixedHeaders = {} } = options;
  const { answerTimeoutMs = ANSWER_TIMEOUT_MS, maxConnections = MAX_CONNECTIONS } = options;
  let server: Server | undefined;
  let isStopping = false;
  const busy = new WeakSet<Socket>();

  /** What is refused without looking further. */
  const refused = (request: IncomingMessage): Reply | undefined => {
    const { method, url = '', headers } = request;
    if (method !== 'GET' && method !== 'HEAD') return { ...problem(405, 'GET and HEAD only'), headers: { allow: 'GET, HEAD' } };
    if (url.length > MAX_URL_CHARACTERS) return problem(414, 'the address is too long');
    if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)
      return problem(413, 'a request has no body here');
    return refusal?.(request);
  };

  const send = (request: IncomingMessage, response: ServerResponse, { status, type, body, headers = {} }: Reply): void => {
    if (response.destroyed || response.headersSent) return;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    response.writeHead(status, {
      ...fixedHeaders,
      'content-type': type,
      'content-length': bytes.length,
      ...(closing.has(status) || isStopping ? { connection: 'close' } : {}),
      ...headers,
    });
    const late = setTimeout(() => request.socket.destroy(), SEND_TIMEOUT_MS).unref();
    response.once('close', () => clearTimeout(late));
    response.end(request.method === 'HEAD' ? undefined : bytes);
  };

  const sendStream = async (response: ServerResponse, { status, type, items }: StreamReply, signal: AbortSignal): Promise<void> => {
    // it ends with its connection
    response.writeHead(status, { ...fixedHeaders, 'content-type': type, connection: 'close' });
    response.flushHeaders();
    await sendItems(response, items, signal);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const no = refused(request);
    if (no !== undefined) return send(request, response, no);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const late = setTimeout(() => {
      gone.abort();
      send(request, response, problem(503, 'it took too long'));
    }, answerTimeoutMs);
    try {
      const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
      const isHead = request.method === 'HEAD';
      const reply = await answer({ path, query: new URLSearchParams(query), isHead, signal: gone.signal });
      clearTimeout(late);
      if (reply === undefined) send(request, response, problem(404, `there are ${paths.join(', ')}`));
      else if (isStream(reply)) await sendStream(response, reply, gone.signal);
      else send(request, response, reply);
    } catch (error) {
      if (gone.signal.aborted) return undefined;
      logger.error({ error: messageOf(error) }, 'a page failed');
      if (response.headersSent) request.socket.destroy();
      else send(request, response, problem(500, 'it failed; the log says more'));
    } finally {
      clearTimeout(late);
    }
    return undefined;
  };

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    // who does not wait for an answer before the next question has a queue here that nobody bounds
    if (busy.has(socket)) return void socket.destroy();
    busy.add(socket);
    response.once('close', () => busy.delete(socket));
    void handle(request, response);
  };

  return {
    async start() {
      isStopping = false;
      const created = createServer(
        {
          maxHeaderSize: MAX_HEADER_BYTES,
          headersTimeout: REQUEST_TIMEOUT_MS,
          requestTimeout: REQUEST_TIMEOUT_MS,
          keepAliveTimeout: REQUEST_TIMEOUT_MS,
          connectionsCheckingInterval: CHECK_INTERVAL_MS,
        },
        onRequest,
      );
      created.maxConnections = maxConnections;
      created.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
      // the pages keep nobody from ending
      created.unref();
      let where: Readonly<Record<string, string>>;
      try {
        where = await place.open(created);
      } catch (error) {
        created.close();
        throw error;
      }
      created.on('error', (error) => logger.error({ error: messageOf(error) }, 'the server of an extension failed'));
      server = created;
      logger.info(where, 'extension started');
    },
    async stop(deadlineMs) {
      const running = server;
      if (running === undefined) return;
      server = undefined;
      isStopping = true;
      const { promise, resolve } = Promise.withResolvers<void>();
      running.close(() => resolve());
      await place.close?.();
      running.closeIdleConnections();
      const late = setTimeout(() => running.closeAllConnections(), Math.max(0, deadlineMs));
      await promise;
      clearTimeout(late);
    },
  };
};

/** Has the server listen, and throws what it fails with; from then on it has no handler of errors. */
export const listening = async (server: Server, options: Parameters<Server['listen']>[0] & object): Promise<void> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(options, resolve);
  try {
    await promise;
  } finally {
    server.off('error', reject);
  }
};
