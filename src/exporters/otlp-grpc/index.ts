import type { ExporterFactory } from '../../core/component.ts';
import { connectAll, connectionNeeds } from '../shared/connections.ts';
import { endpointsOf } from '../shared/endpoints-config.ts';
import { createOtlpExporter } from '../shared/otlp-exporter.ts';
import { stallWarnings } from '../shared/queue-config.ts';
import { GRPC_PORT, otlpGrpcConfig, type OtlpGrpcConfig } from './config.ts';
import { createGrpcTransport } from './transport.ts';

/** Sends to anything that takes OTLP over gRPC, a Collector on this host by default. */
export const otlpGrpcExporter: ExporterFactory = {
  kind: 'exporter',
  type: 'otlp_grpc',
  aliases: ['otlp'],
  summary: 'Sends OTLP over gRPC, by default to the Collector on this host',
  signals: ['logs', 'metrics', 'traces'],
  config: otlpGrpcConfig,
  hostNeeds: (config: OtlpGrpcConfig) => connectionNeeds(config),
  warnings: stallWarnings,
  create(settings, config: OtlpGrpcConfig) {
    const { compression, keepalive } = config;
    return createOtlpExporter({
      settings,
      config,
      connect: () =>
        connectAll(
          { config, endpoints: endpointsOf(config, GRPC_PORT), logger: settings.logger, alwaysTunnel: true, alpn: ['h2'] },
          (connection) =>
            createGrpcTransport({
              connection,
              compression,
              keepalive: { timeMs: keepalive.time, timeoutMs: keepalive.timeout, permitWithoutStream: keepalive.permit_without_stream },
              userAgent: `ringtail/${settings.version}`,
            }),
        ),
    });
  },
};
