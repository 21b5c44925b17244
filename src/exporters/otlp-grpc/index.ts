import type { ExporterFactory } from '../../core/component.ts';
import { parseEndpoint, type Endpoint } from '../shared/endpoint.ts';
import { tlsNeeds } from '../shared/host-needs.ts';
import { createLogExporter } from '../shared/log-exporter.ts';
import { GRPC_PORT, otlpGrpcConfig, type OtlpGrpcConfig } from './config.ts';
import { connectGrpc } from './transport.ts';

/** Sends to anything that takes OTLP over gRPC, a Collector on this host by default. */
export const otlpGrpcExporter: ExporterFactory = {
  kind: 'exporter',
  type: 'otlp_grpc',
  aliases: ['otlp'],
  summary: 'Sends OTLP over gRPC, by default to the Collector on this host',
  signals: ['logs'],
  config: otlpGrpcConfig,
  hostNeeds: ({ tls }: OtlpGrpcConfig) => tlsNeeds(tls),
  create(settings, config: OtlpGrpcConfig) {
    // The schema has accepted it.
    const endpoint = parseEndpoint(config.endpoint, config.tls.insecure, GRPC_PORT) as Endpoint;
    const { headers, tls, compression } = config;
    return createLogExporter({
      settings,
      config,
      connect: () => connectGrpc({ endpoint, headers, tls, compression, userAgent: `ringtail/${settings.version}` }),
    });
  },
};
