import type { ExporterFactory } from '../../core/component.ts';
import { parseEndpoint, type Endpoint } from '../shared/endpoint.ts';
import { tlsNeeds } from '../shared/host-needs.ts';
import { createLogExporter } from '../shared/log-exporter.ts';
import { HTTP_PORT, otlpHttpConfig, type OtlpHttpConfig } from './config.ts';
import { connectHttp } from './transport.ts';

const LOGS_PATH = '/v1/logs';

/** `logs_endpoint` as it is, else `endpoint` with the path of the specification. The schema has accepted both. */
const logsEndpoint = ({ endpoint, logs_endpoint: whole, tls }: OtlpHttpConfig): Endpoint => {
  const parsed = parseEndpoint(whole ?? endpoint, tls.insecure, HTTP_PORT) as Endpoint;
  return { ...parsed, path: whole === undefined ? `${parsed.path}${LOGS_PATH}` : parsed.path || '/' };
};

/** Sends to anything that takes OTLP over HTTP; the cheaper way for much data. */
export const otlpHttpExporter: ExporterFactory = {
  kind: 'exporter',
  type: 'otlp_http',
  aliases: ['otlphttp'],
  summary: 'Sends OTLP over HTTP, the cheaper way for much data; by default to the Collector on this host',
  signals: ['logs'],
  config: otlpHttpConfig,
  hostNeeds: ({ tls }: OtlpHttpConfig) => tlsNeeds(tls),
  create(settings, config: OtlpHttpConfig) {
    const { headers, tls, compression } = config;
    return createLogExporter({
      settings,
      config,
      connect: () =>
        connectHttp({
          endpoint: logsEndpoint(config),
          headers,
          tls,
          compression,
          userAgent: `ringtail/${settings.version}`,
          connections: config.sending_queue.num_consumers,
        }),
    });
  },
};
