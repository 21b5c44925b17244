/** Routes behind a Unix socket. Files decide who may use it, so nothing here asks who it is. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { ExtensionSettings } from '../../core/component.ts';
import { messageOf } from '../../core/errors.ts';
import { createRateLimit } from '../../core/rate-limit.ts';
import { QueryError, UnavailableError, type Route } from '../../live/route.ts';
import { createHttpServer, json, type Asked, type HttpServer, type Reply, type StreamReply } from '../shared/http-server.ts';
import type { ControlConfig } from './config.ts';
import { createRoutes } from './routes.ts';
import { socketPlace } from './socket-place.ts';
import { createTurnstile } from './turnstile.ts';

const LINES = 'application/x-ndjson';
/** Connections beyond `max_clients` that are told so; what comes on top is closed without a word. */
const TOLD_CONNECTIONS = 8;

const problem = (status: number, message: string): Reply => json(status, { error: message });

export const createControlServer = (settings: ExtensionSettings, config: ControlConfig): HttpServer => {
  const { id, logger, service, counters, version, kernel } = settings;
  const { path, group, max_clients: maxClients, events_per_second: eventsPerSecond, buffer_bytes: bufferBytes } = config;
  const routes = createRoutes({ kernel, service, logger, counters, version }, { eventsPerSecond, bufferBytes });
  const byPath = new Map(routes.map((route) => [route.path, route]));
  const turnstile = createTurnstile();
  const rateLimit = createRateLimit();
  const clients = new Set<Socket>();
  const refusedClients = counters.counter('ringtail_control_refused', {});
  counters.gauge('ringtail_control_clients', {}, () => clients.size);

  /** Nothing else counts connections by what they do: one that asks nothing is closed after five seconds. */
  const admit = (socket: Socket): boolean => {
    if (clients.has(socket)) return true;
    if (clients.size >= maxClients) return false;
    clients.add(socket);
    socket.once('close', () => clients.delete(socket));
    return true;
  };

  const refusal = ({ headers, socket }: IncomingMessage): Reply | undefined => {
    // a browser cannot reach a Unix socket; what comes through something that can is not from here
    if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) return problem(403, 'not for pages of the web');
    if (admit(socket)) return undefined;
    refusedClients.value++;
    return problem(503, `${maxClients} clients are connected; extensions.${id}.max_clients allows no more`);
  };

  const answerAt = async (route: Route, { query, isHead, signal }: Asked): Promise<Reply | StreamReply> => {
    if ('page' in route) return json(200, await turnstile.through(() => route.page(query, signal), signal));
    if (isHead) return { status: 200, type: LINES, body: '' };
    const items = await turnstile.through(() => route.open(query, signal), signal);
    return { status: 200, type: LINES, items };
  };

  const answer = async (asked: Asked): Promise<Reply | StreamReply | undefined> => {
    const route = byPath.get(asked.path);
    if (route === undefined) return undefined;
    const state = service.state();
    if (route.anytime !== true && state !== 'ready') return problem(503, `Ringtail is ${state}`);
    try {
      return await answerAt(route, asked);
    } catch (error) {
      if (error instanceof QueryError) return problem(400, error.message);
      if (error instanceof UnavailableError) return problem(503, error.message);
      if (asked.signal.aborted) return problem(503, 'it took too long');
      rateLimit(
        asked.path,
        logger.error.bind(logger),
        { path: asked.path, error: messageOf(error) },
        'an answer at the control socket failed',
      );
      return problem(500, 'it failed; the log says more');
    }
  };

  const server = createHttpServer({
    logger,
    place: socketPlace({ id, path, group }),
    answer,
    paths: [...byPath.keys()],
    refusal,
    problem,
    headers: { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
    maxConnections: maxClients + TOLD_CONNECTIONS,
  });
  return {
    start: server.start,
    async stop(deadlineMs) {
      // the streams end first, with a word about why
      await Promise.all(routes.map((route) => route.close?.()));
      await server.stop(deadlineMs);
    },
  };
};
