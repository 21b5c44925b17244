import type { ExporterFactory } from '../../core/component.ts';
import { isLoopback } from '../shared/endpoint.ts';
import { prometheusConfig, type PrometheusConfig } from './config.ts';
import { createPrometheusExporter } from './exporter.ts';
import { serverTlsNeeds } from './tls.ts';

/** Shows metrics to Prometheus, on a page of its own. */
export const prometheusExporter: ExporterFactory = {
  kind: 'exporter',
  type: 'prometheus',
  summary: 'Serves metrics to Prometheus on a page of its own, as text or OpenMetrics',
  signals: ['metrics'],
  config: prometheusConfig,
  hostNeeds: ({ endpoint: { host, port }, tls }: PrometheusConfig) => [
    { kind: 'port', host, port, option: ['endpoint'] },
    ...serverTlsNeeds(tls),
  ],
  warnings: ({ endpoint: { host }, tls }: PrometheusConfig) =>
    isLoopback(host) || tls.client_ca_file !== undefined
      ? []
      : [{ option: ['endpoint'], message: 'not a loopback address: whoever reaches it reads the metrics, without a password' }],
  create: (settings, config: PrometheusConfig) => createPrometheusExporter({ settings, config }),
};
