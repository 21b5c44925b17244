/**
 * The small HTTP server of extensions: GET and HEAD only, everything bounded. Browsers are answered only for what a person asks there: pages of
 * other sites, also those that let their own name point here (DNS rebinding), are refused.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Endpoint } from './config.ts';

export type Reply = {
  readonly status: number;
  /** Media type. */
  readonly type: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
};

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
export type Answer = (asked: Asked) => Reply | undefined | Promise<Reply | undefined>;

export type HttpServerOptions = {
  readonly id: string;
  readonly endpoint: Endpoint;
  /** Further names that stand in the Host header. */
  readonly hosts: readonly string[];
  readonly logger: Logger;
  readonly answer: Answer;
  /** Listed for who asks for something else. */
  readonly paths: readonly string[];
  /** How long an answer may take. */
  readonly answerTimeoutMs?: number;
};

export type HttpServer = {
  /** Rejects with a ConfigError when the address cannot be used. */
  start(): Promise<void>;
  /** Lets answers that are under way finish, for as long as there is time. */
  stop(deadlineMs: number): Promise<void>;
  /** Where it listens; undefined when it does not. */
  address(): Endpoint | undefined;
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
const MAX_REQUESTS_PER_CONNECTION = 1000;

const TEXT = 'text/plain; charset=utf-8';
export const text = (status: number, body: string): Reply => ({ status, type: TEXT, body: `${body}\n` });
export const json = (status: number, value: unknown): Reply => ({ status, type: 'application/json', body: `${JSON.stringify(value)}\n` });

const fixedHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
} as const;

/** The name in a Host header without its port; undefined when it is none. */
const nameOf = (host: string | undefined): string | undefined => {
  const match = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?$/i.exec(host ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
};

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use',
  EACCES: 'this port needs a privilege',
  EADDRNOTAVAIL: 'this host has no such address',
  ENOTFOUND: 'there is no host of that name',
};

export const createHttpServer = (options: HttpServerOptions): HttpServer => {
  const { id, endpoint, hosts, logger, answer, paths, answerTimeoutMs = ANSWER_TIMEOUT_MS } = options;
  const names = new Set(['localhost', endpoint.host.toLowerCase(), ...hosts.map((host) => host.toLowerCase())]);
  let server: Server | undefined;
  let isStopping = false;

  /** What is refused without looking further. */
  const refusal = (request: IncomingMessage): Reply | undefined => {
    const { method, url = '', headers } = request;
    if (method !== 'GET' && method !== 'HEAD') return { ...text(405, 'GET and HEAD only'), headers: { allow: 'GET, HEAD' } };
    if (url.length > MAX_URL_CHARACTERS) return text(414, 'the address is too long');
    if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)
      return text(413, 'a request has no body here');
    const name = nameOf(headers.host);
    if (name === undefined || (isIP(name) === 0 && !names.has(name)))
      return text(421, `not asked by this name; the option hosts of ${id} adds names`);
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'none' && site !== 'same-origin') return text(403, 'not for pages of other sites');
    if (headers.origin !== undefined && headers.origin !== `http://${headers.host}`) return text(403, 'not for pages of other sites');
    return undefined;
  };

  const send = (request: IncomingMessage, response: ServerResponse, { status, type, body, headers = {} }: Reply): void => {
    if (response.destroyed || response.headersSent) return;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    response.writeHead(status, {
      ...fixedHeaders,
      'content-type': type,
      'content-length': bytes.length,
      // what was refused may have a body, which nobody reads
      ...(status === 405 || status === 413 || status === 414 || isStopping ? { connection: 'close' } : {}),
      ...headers,
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refused = refusal(request);
    if (refused !== undefined) return send(request, response, refused);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const late = setTimeout(() => {
      gone.abort();
      send(request, response, text(503, 'it took too long'));
    }, answerTimeoutMs);
    try {
      const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
      const reply = await answer({ path, query: new URLSearchParams(query), isHead: request.method === 'HEAD', signal: gone.signal });
      send(request, response, reply ?? text(404, `there are ${paths.join(', ')}`));
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'a page failed');
      send(request, response, text(500, 'it failed; the log says more'));
    } finally {
      clearTimeout(late);
    }
    return undefined;
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
        (request, response) => void handle(request, response),
      );
      created.maxConnections = MAX_CONNECTIONS;
      created.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
      // the pages keep nobody from ending
      created.unref();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      created.once('error', reject);
      created.listen({ host: endpoint.host, port: endpoint.port }, resolve);
      try {
        await promise;
      } catch (error) {
        created.close();
        const why = reasons[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error);
        throw new ConfigError(`extensions.${id}.endpoint: cannot listen on ${endpoint.host}:${endpoint.port}: ${why}`, {
          cause: error,
          advice: `set extensions.${id}.endpoint to an address that is free, or end what has it`,
        });
      }
      created.off('error', reject);
      created.on('error', (error) => logger.error({ error: messageOf(error) }, 'the server of an extension failed'));
      server = created;
      const { port } = created.address() as AddressInfo;
      logger.info({ endpoint: `${endpoint.host}:${port}` }, 'extension started');
    },
    async stop(deadlineMs) {
      const running = server;
      if (running === undefined) return;
      server = undefined;
      isStopping = true;
      const { promise, resolve } = Promise.withResolvers<void>();
      running.close(() => resolve());
      running.closeIdleConnections();
      const late = setTimeout(() => running.closeAllConnections(), Math.max(0, deadlineMs));
      await promise;
      clearTimeout(late);
    },
    address() {
      const at = server?.address() as AddressInfo | null | undefined;
      return at === null || at === undefined ? undefined : { host: endpoint.host, port: at.port };
    },
  };
};
