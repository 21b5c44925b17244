/**
 * Ringtail's own metrics on a page for Prometheus. The counters are the truth; the SDK only gives them their form, and is
 * loaded when somebody asks for the page for the first time: most instances are never asked, and start faster and smaller.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Meter } from '@opentelemetry/api';
import type { Address } from '../config/schema.ts';
import type { Counters, CounterSample } from '../core/counters.ts';
import { messageOf, RuntimeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { descriptions } from './metric-descriptions.ts';

export type MetricsServer = { readonly address: Address; close(): Promise<void> };

/** Prometheus and a few people at a time; more wait. */
const MAX_CONNECTIONS = 16;
const REQUEST_TIMEOUT_MS = 10_000;

type Page = { render(request: IncomingMessage, response: ServerResponse): Promise<void> };

/** Reads the counters once a page and hands each instrument its own. */
const createPage = async (counters: Counters, version: string): Promise<Page> => {
  const [{ MeterProvider }, { PrometheusExporter }] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/exporter-prometheus'),
  ]);
  const exporter = new PrometheusExporter({ preventServerStart: true, withoutScopeInfo: true, withoutTargetInfo: true });
  const provider = new MeterProvider({ readers: [exporter] });
  const meter: Meter = provider.getMeter('ringtail', version);
  const known = new Set<string>();
  let current = new Map<string, CounterSample[]>();
  // One name may have outcomes that grow and one that goes up and down (what an exporter holds): they are two families on the page.
  const familyOf = ({ kind, name }: CounterSample) => `${kind} ${name}`;

  const observe = (family: string, { name, kind }: CounterSample) => {
    const options = { description: descriptions[name] ?? '' };
    const instrument = kind === 'counter' ? meter.createObservableCounter(name, options) : meter.createObservableGauge(name, options);
    instrument.addCallback((result) => {
      for (const { labels, value } of current.get(family) ?? []) result.observe(value, labels);
    });
  };

  return {
    async render(request, response) {
      current = Map.groupBy(counters.samples(), familyOf);
      for (const [family, samples] of current) {
        if (known.has(family)) continue;
        known.add(family);
        observe(family, samples[0]!);
      }
      exporter.getMetricsRequestHandler(request, response);
    },
  };
};

const listen = (server: Server, { host, port }: Address): Promise<void> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host, port }, () => {
    server.off('error', reject);
    resolve();
  });
  return promise;
};

export type MetricsOptions = { readonly counters: Counters; readonly address: Address; readonly version: string; readonly logger: Logger };

/** Serves `/metrics`; rejects with a RuntimeError, whose cause has the code, when the address cannot be used. Port 0 takes a free one. */
export const serveMetrics = async ({ counters, address, version, logger }: MetricsOptions): Promise<MetricsServer> => {
  let page: Promise<Page> | undefined;
  const answer: Page['render'] = async (request, response) => {
    try {
      page ??= createPage(counters, version);
      await (await page).render(request, response);
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'the metrics page failed');
      response.writeHead(500).end();
    }
  };
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('the metrics are at /metrics\n');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    void answer(request, response);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.unref();
  try {
    await listen(server, address);
  } catch (error) {
    throw new RuntimeError(`cannot serve metrics on ${address.host}:${address.port}`, { cause: error });
  }
  server.on('error', (error) => logger.error({ error: messageOf(error) }, 'the metrics page failed'));
  const { port } = server.address() as AddressInfo;
  return {
    address: { host: address.host, port },
    close: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      return promise;
    },
  };
};
