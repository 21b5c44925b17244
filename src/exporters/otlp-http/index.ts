import type { ExporterFactory } from '../../core/component.ts';
import { connectAll, connectionNeeds } from '../shared/connections.ts';
import { type Endpoint, parseEndpoint } from '../shared/endpoint.ts';
import { endpointsOf } from '../shared/endpoints-config.ts';
import { createOtlpExporter } from '../shared/otlp-exporter.ts';
import type { RequestSignal } from '../../otlp/request.ts';
import { stallWarnings } from '../shared/queue-config.ts';
import { HTTP_PORT, otlpHttpConfig, type OtlpHttpConfig } from './config.ts';
import type { Transport } from '../shared/transport.ts';
import { createHttpTransport } from './transport.ts';

/** As the specification has them. */
const paths: Readonly<Record<RequestSignal, string>> = { logs: '/v1/logs', metrics: '/v1/metrics', traces: '/v1/traces' };
/** For endpoints that are used as they are. */
const NO_PATHS: typeof paths = { logs: '', metrics: '', traces: '' };

type Targets = { readonly endpoints: readonly Endpoint[]; readonly paths: typeof paths };

/** Where each signal goes: the same object for those that go to the same place. The schema has accepted the endpoints. */
const targetsOf = (config: OtlpHttpConfig): Readonly<Record<RequestSignal, Targets>> => {
  const common: Targets = { endpoints: endpointsOf(config, HTTP_PORT), paths };
  const whole = (text: string | undefined): Targets => {
    if (text === undefined) return common;
    const endpoint = parseEndpoint(text, config.tls.insecure, HTTP_PORT) as Endpoint;
    return { endpoints: [{ ...endpoint, path: endpoint.path || '/' }], paths: NO_PATHS };
  };
  return { logs: whole(config.logs_endpoint), metrics: whole(config.metrics_endpoint), traces: whole(config.traces_endpoint) };
};

/** Sends to anything that takes OTLP over HTTP, a Collector on this host by default. */
export const otlpHttpExporter: ExporterFactory = {
  kind: 'exporter',
  type: 'otlp_http',
  aliases: ['otlphttp'],
  summary: 'Sends OTLP over HTTP, by default to the Collector on this host',
  signals: ['logs', 'metrics', 'traces'],
  config: otlpHttpConfig,
  hostNeeds: (config: OtlpHttpConfig) => connectionNeeds(config),
  warnings: stallWarnings,
  create(settings, config: OtlpHttpConfig) {
    const { compression, idle_conn_timeout: idleMs, max_connections: connections } = config;
    const connectTo = (target: Targets): Promise<Transport> =>
      connectAll({ config, endpoints: target.endpoints, logger: settings.logger, alwaysTunnel: false }, (connection) =>
        createHttpTransport({
          connection,
          paths: target.paths,
          compression,
          idleMs,
          connections: connections ?? config.sending_queue.num_consumers,
          userAgent: `ringtail/${settings.version}`,
        }),
      );
    return createOtlpExporter({
      settings,
      config,
      async connect() {
        const targets = targetsOf(config);
        const opened = new Map<Targets, Transport>();
        for (const target of new Set(Object.values(targets))) opened.set(target, await connectTo(target));
        const ways = { logs: opened.get(targets.logs)!, metrics: opened.get(targets.metrics)!, traces: opened.get(targets.traces)! };
        return {
          send: (bytes, timeoutMs, signal) => ways[signal].send(bytes, timeoutMs, signal),
          close() {
            for (const way of opened.values()) way.close();
          },
        };
      },
    });
  },
};
