import { dirname } from 'node:path';
import type { ExporterFactory } from '../../core/component.ts';
import { createOtlpExporter } from '../shared/otlp-exporter.ts';
import { stallWarnings } from '../shared/queue-config.ts';
import { fileConfig, type FileConfig } from './config.ts';
import { openFileTransport } from './transport.ts';

/** A write that hangs has no end that could be hastened: the time-out of a request only bounds the stop. */
const TIMEOUT_MS = 30_000;

/** Writes OTLP to a file as the Collector's file exporter does. */
export const fileExporter: ExporterFactory = {
  kind: 'exporter',
  type: 'file',
  summary: 'Writes OTLP to a file, as JSON lines or protobuf, with rotation and compression',
  signals: ['logs', 'metrics', 'traces'],
  config: fileConfig,
  hostNeeds: ({ path, create_directory: create }: FileConfig) => [{ kind: 'directory', path: dirname(path), create, option: ['path'] }],
  warnings: stallWarnings,
  create: (settings, config: FileConfig) =>
    createOtlpExporter({
      settings,
      // one at a time: the file is in order
      config: { ...config, timeout: TIMEOUT_MS, sending_queue: { ...config.sending_queue, num_consumers: 1 } },
      connect: () => openFileTransport({ config, logger: settings.logger }),
    }),
};
