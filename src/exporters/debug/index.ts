import type { ExporterFactory } from '../../core/component.ts';
import { debugConfig, type DebugConfig } from './config.ts';
import { createDebugExporter } from './exporter.ts';

/** Shows events, metrics and spans on standard output. */
export const debugExporter: ExporterFactory = {
  kind: 'exporter',
  type: 'debug',
  summary: 'Shows events, metrics and spans on standard output, one readable line or one JSON object each',
  signals: ['logs', 'metrics', 'traces'],
  config: debugConfig,
  create: (settings, config: DebugConfig) => createDebugExporter({ settings, config, stream: process.stdout, env: process.env }),
};
