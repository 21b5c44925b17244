/** The HTTP server of a page for scrapers: GET and HEAD of one path, everything bounded. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { type AddressInfo, isIP } from 'node:net';
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { isLoopback } from '../shared/endpoint.ts';
import type { Address } from './address.ts';
import { answerScrape, type Pages } from './scrape.ts';
import type { ServerTls } from './tls.ts';

export const METRICS_PATH = '/metrics';

/** A few scrapers and people; who comes on top waits, or is turned away. */
const MAX_CONNECTIONS = 64;
/** Pages that are written at the same time; each holds what it shows. */
const MAX_SCRAPES = 4;
const MAX_HEADER_BYTES = 16 * 1024;
/** Who asks has this long for the whole request. */
const REQUEST_TIMEOUT_MS = 5000;
/** Scrapers come again within a minute as a rule, over the same connection. */
const KEEP_ALIVE_MS = 90_000;
/** A page that nobody has read to its end by then is given up. */
const ANSWER_TIMEOUT_MS = 60_000;

export type ScrapeServer = {
  /** Where it listens. */
  readonly address: Address;
  /** New connections use it. Only for a server that was made with TLS. */
  renew(tls: ServerTls): void;
  /** Takes no new connections; pages that are under way may end, for as long as there is time. */
  close(deadlineMs: number): Promise<void>;
};

export type ScrapeServerOptions = {
  readonly id: string;
  readonly endpoint: Address;
  readonly tls: ServerTls | undefined;
  readonly logger: Logger;
  /** Asked for each page. */
  readonly pages: () => Pages;
};

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use',
  EACCES: 'this port needs a privilege',
  EADDRNOTAVAIL: 'this host has no such address',
  ENOTFOUND: 'there is no host of that name',
};

const say = (response: ServerResponse, status: number, text: string, headers: Readonly<Record<string, string>> = {}): void => {
  const body = `${text}\n`;
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(body), ...headers });
  response.end(response.req.method === 'HEAD' ? undefined : body);
};

/** A page of another site whose name was made to point here may not read what is served on loopback. */
const isAskedByItsName = ({ headers: { host = '' } }: IncomingMessage, endpoint: Address): boolean => {
  if (!isLoopback(endpoint.host)) return true;
  const name = /^(?:\[([0-9a-f:.]+)\]|([^:]*))(?::\d{1,5})?$/i.exec(host);
  const text = (name?.[1] ?? name?.[2] ?? '').toLowerCase();
  return text === 'localhost' || text === endpoint.host.toLowerCase() || isIP(text) !== 0;
};

const createHandler = ({ endpoint, logger, pages }: ScrapeServerOptions): RequestListener => {
  let scrapes = 0;
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return say(response, 405, 'GET and HEAD only', { allow: 'GET, HEAD', connection: 'close' });
    if (!isAskedByItsName(request, endpoint)) return say(response, 421, 'ask by the address or by localhost');
    if (request.url?.split('?', 1)[0] !== METRICS_PATH) return say(response, 404, `the metrics are at ${METRICS_PATH}`);
    if (scrapes >= MAX_SCRAPES) return say(response, 503, 'too many ask at the same time', { 'retry-after': '1' });
    scrapes++;
    const late = setTimeout(() => response.destroy(), ANSWER_TIMEOUT_MS);
    response.once('close', () => {
      clearTimeout(late);
      scrapes--;
    });
    answerScrape(request, response, pages()).catch((error: unknown) => {
      logger.error({ error: messageOf(error) }, 'the page of metrics failed');
      response.destroy();
    });
  };
};

const timeouts = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: REQUEST_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
} as const;

/** Settles when it listens; rejects with a ConfigError when the address cannot be used. */
export const openScrapeServer = async (options: ScrapeServerOptions): Promise<ScrapeServer> => {
  const { id, endpoint, tls, logger } = options;
  const handler = createHandler(options);
  const secure = tls === undefined ? undefined : createTlsServer({ ...timeouts, ...contextOf(tls) }, handler);
  const server: Server | TlsServer = secure ?? createServer(timeouts, handler);
  server.maxConnections = MAX_CONNECTIONS;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host: endpoint.host, port: endpoint.port }, resolve);
  try {
    await promise;
  } catch (error) {
    server.close();
    const why = reasons[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error);
    throw new ConfigError(`exporters.${id}.endpoint: cannot listen on ${endpoint.host}:${endpoint.port}: ${why}`, {
      cause: error,
      advice: `set exporters.${id}.endpoint to an address that is free, or end what has it`,
    });
  }
  server.off('error', reject);
  server.on('error', (error) => logger.error({ error: messageOf(error) }, 'the server of the metrics failed'));
  return {
    address: { host: endpoint.host, port: (server.address() as AddressInfo).port },
    renew: (renewed) => secure?.setSecureContext(contextOf(renewed)),
    async close(deadlineMs) {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeIdleConnections();
      const late = setTimeout(() => server.closeAllConnections(), Math.max(0, deadlineMs));
      await closed.promise;
      clearTimeout(late);
    },
  };
};

const contextOf = (tls: ServerTls) => ({ ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: tls.ca !== undefined });
