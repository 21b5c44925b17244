import type { ExporterFactory } from '../../core/component.ts';
import { connectAll, connectionNeeds } from '../shared/connections.ts';
import { type Endpoint, parseEndpoint } from '../shared/endpoint.ts';
import { endpointsOf } from '../shared/endpoints-config.ts';
import { createLogExporter } from '../shared/log-exporter.ts';
import { stallWarnings } from '../shared/queue-config.ts';
import { HTTP_PORT, otlpHttpConfig, type OtlpHttpConfig } from './config.ts';
import { createHttpTransport } from './transport.ts';

const LOGS_PATH = '/v1/logs';

/** `logs_endpoint` as it is, else each endpoint with the path of the specification. The schema has accepted them. */
const logsEndpoints = (config: OtlpHttpConfig): readonly Endpoint[] => {
  const { logs_endpoint: whole, tls } = config;
  if (whole === undefined) return endpointsOf(config, HTTP_PORT).map((endpoint) => ({ ...endpoint, path: `${endpoint.path}${LOGS_PATH}` }));
  const endpoint = parseEndpoint(whole, tls.insecure, HTTP_PORT) as Endpoint;
  return [{ ...endpoint, path: endpoint.path || '/' }];
};

/** Sends to anything that takes OTLP over HTTP, a Collector on this host by default. */
export const otlpHttpExporter: ExporterFactory = {
  kind: 'exporter',
  type: 'otlp_http',
  aliases: ['otlphttp'],
  summary: 'Sends OTLP over HTTP, by default to the Collector on this host',
  signals: ['logs'],
  config: otlpHttpConfig,
  hostNeeds: (config: OtlpHttpConfig) => connectionNeeds(config),
  warnings: stallWarnings,
  create(settings, config: OtlpHttpConfig) {
    const { compression, idle_conn_timeout: idleMs, max_connections: connections } = config;
    return createLogExporter({
      settings,
      config,
      connect: () =>
        connectAll({ config, endpoints: logsEndpoints(config), logger: settings.logger, alwaysTunnel: false }, (connection) =>
          createHttpTransport({
            connection,
            compression,
            idleMs,
            connections: connections ?? config.sending_queue.num_consumers,
            userAgent: `ringtail/${settings.version}`,
          }),
        ),
    });
  },
};
