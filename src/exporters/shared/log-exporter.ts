/** What otlp_grpc and otlp_http have in common: batches are encoded inside `logs`, requests queue, a transport sends them. */
import type { Exporter, Settings } from '../../core/component.ts';
import { createLogWriter } from '../../otlp/log-writer.ts';
import { createBooks, type DropReason } from './books.ts';
import type { QueueConfig, RetryConfig } from './config.ts';
import { createSendingQueue } from './queue.ts';
import { systemTimers, type Timers } from './timers.ts';
import type { Transport } from './transport.ts';

export type LogExporterOptions = {
  readonly settings: Settings<unknown>;
  readonly config: {
    readonly timeout: number;
    readonly flush_interval: number;
    readonly sending_queue: QueueConfig;
    readonly retry_on_failure: RetryConfig;
  };
  /** Opens the way out, without waiting for the other side. A failure here fails the start. */
  readonly connect: () => Promise<Transport>;
  readonly maxRequestBytes?: number;
  readonly timers?: Timers;
  /** Told of every drop, so that a `ringtail.loss` event can be made of it. */
  readonly onDropped?: (records: number, reason: DropReason) => void;
};

export const createLogExporter = (options: LogExporterOptions): Exporter => {
  const { settings, config, connect, maxRequestBytes, timers = systemTimers, onDropped } = options;
  const { id: exporter, counters, logger } = settings;
  const heldRecords = (): number => writer.openRecords() + queue.heldRecords();
  const books = createBooks(counters, exporter, heldRecords);
  const queue = createSendingQueue({
    queue: config.sending_queue,
    retry: config.retry_on_failure,
    timeoutMs: config.timeout,
    books,
    logger,
    timers,
    ...(onDropped && { onDropped }),
  });
  let sealedRecords = 0;
  const writer = createLogWriter({
    resource: settings.resource,
    version: settings.version,
    ...(maxRequestBytes !== undefined && { maxRequestBytes }),
    onRequest(request) {
      sealedRecords += request.records;
      queue.push(request);
    },
  });
  counters.gauge('otelcol_exporter_queue_size', { exporter }, queue.heldBytes);
  counters.gauge('otelcol_exporter_queue_capacity', { exporter }, () => config.sending_queue.queue_size);

  /** What was sent is read by nobody any more. After a failure the connection may still hold the bytes: then the collector frees them. */
  const recycling = (transport: Transport): Transport => ({
    async send(bytes, timeoutMs) {
      const outcome = await transport.send(bytes, timeoutMs);
      if (outcome.kind === 'success') writer.recycle(bytes);
      return outcome;
    },
    close: () => transport.close(),
  });

  let cancelFlush: (() => void) | undefined;
  let stopped = false;
  const flush = (): void => {
    cancelFlush?.();
    cancelFlush = undefined;
    writer.flush();
  };

  return {
    async start() {
      queue.open(recycling(await connect()));
    },
    logs(batch) {
      const before = sealedRecords + writer.openRecords();
      try {
        writer.append(batch);
      } finally {
        books.accept(sealedRecords + writer.openRecords() - before);
        if (stopped) flush();
        else if (writer.openRecords() > 0) cancelFlush ??= timers.after(config.flush_interval, flush);
      }
    },
    async stop(deadlineMs) {
      stopped = true;
      flush();
      await queue.close(deadlineMs);
    },
  };
};
