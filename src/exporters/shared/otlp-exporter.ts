/** What otlp_grpc, otlp_http and file have in common: batches are encoded inside `logs`, `metrics` and `traces`, requests queue, a transport sends them. */
import type { Batch } from '../../core/batch.ts';
import type { Exporter, Health, Settings } from '../../core/component.ts';
import { createLogWriter, DEFAULT_MAX_REQUEST_BYTES, MANY_RECORDS } from '../../otlp/log-writer.ts';
import { createMetricsWriter } from '../../otlp/metrics-writer.ts';
import { createRequestMemory } from '../../otlp/request-memory.ts';
import { createSpanWriter } from '../../otlp/span-writer.ts';
import { messageOf } from '../../core/errors.ts';
import { noTracer } from '../../core/own-spans.ts';
import { createBooks } from './books.ts';
import { createOpenRequests } from './open-requests.ts';
import { createLossTeller } from './loss-teller.ts';
import type { QueueConfig, RetryConfig } from './queue-config.ts';
import { createSendingQueue } from './queue.ts';
import { systemTimers, type Timers } from './timers.ts';
import type { Transport } from './transport.ts';

/** A server that takes less than this is broken; then its refusals are split, one by one. */
const SMALLEST_REQUEST_LIMIT_BYTES = 64 * 1024;
/** A request holds at most this share of a queue that counts records, so that several can be under way. */
const REQUEST_SHARE_OF_ITEMS = 4;

export type OtlpExporterOptions = {
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
};

export const createOtlpExporter = (options: OtlpExporterOptions): Exporter => {
  const { settings, config, connect, maxRequestBytes, timers = systemTimers } = options;
  const { id: exporter, counters, logger, tracer = noTracer } = settings;
  const { sending_queue: queueConfig } = config;
  const books = {
    logs: createBooks(counters, exporter, () => writer.openRecords() + queue.holds.records('logs')),
    metrics: createBooks(counters, exporter, () => queue.holds.records('metrics'), 'metrics'),
    traces: createBooks(counters, exporter, () => spans.openRecords() + queue.holds.records('traces'), 'traces'),
  };
  const losses = createLossTeller(exporter);
  const limitBytes = { logs: Infinity, metrics: Infinity, traces: Infinity };
  const queue = createSendingQueue({
    queue: queueConfig,
    retry: config.retry_on_failure,
    timeoutMs: config.timeout,
    books,
    logger,
    timers,
    onSettled: () => tellLosses(),
    onTooLarge({ signal, bytes: { length } }) {
      // what was refused is larger than what is taken, so half of it is never less than half of that
      const limit = Math.max(SMALLEST_REQUEST_LIMIT_BYTES, Math.ceil(length / 2));
      if (limit >= limitBytes[signal]) return;
      limitBytes[signal] = limit;
      writers[signal].limitRequests(limit);
      logger.warn({ refused_bytes: length, limit_bytes: limit }, 'the receiving side takes smaller requests; they are smaller from now on');
    },
  });
  let sealedRecords = 0;
  let sealedSpans = 0;
  const memory = createRequestMemory(maxRequestBytes ?? DEFAULT_MAX_REQUEST_BYTES);
  const requestOptions = {
    memory,
    resource: settings.resource,
    version: settings.version,
    ...(maxRequestBytes !== undefined && { maxRequestBytes }),
    maxRecords: queueConfig.sizer === 'items' ? Math.ceil(queueConfig.queue_size / REQUEST_SHARE_OF_ITEMS) : MANY_RECORDS,
  };
  const metricsWriter = createMetricsWriter(requestOptions);
  const openOptions = { ...requestOptions, flushIntervalMs: config.flush_interval, timers };
  const spans = createOpenRequests({
    ...openOptions,
    createWriter: createSpanWriter,
    onRequest(request) {
      sealedSpans += request.records;
      if (queue.push({ signal: 'traces', ...request }) !== undefined) memory.give(request.bytes.buffer);
    },
  });
  const writer = createOpenRequests({
    ...openOptions,
    createWriter: createLogWriter,
    onRequest(request, cut) {
      sealedRecords += request.records;
      // losses are told in the common request
      const told = cut === undefined ? losses.closed() : undefined;
      const dropped = queue.push({ signal: 'logs', ...request });
      if (dropped !== undefined) memory.give(request.bytes.buffer);
      if (dropped === 'queue_full') losses.dropped(request.records, told);
    },
  });
  const writers = { logs: writer, metrics: metricsWriter, traces: spans } as const;
  counters.gauge('otelcol_exporter_queue_size', { exporter }, queue.holds.size);
  counters.gauge('otelcol_exporter_queue_capacity', { exporter }, () => queue.holds.limit);

  /** After a failure the connection may still hold these bytes, also when they were sent again. */
  const failed = new WeakSet<Buffer>();
  /** What was sent is read by nobody any more. */
  const recycling = (transport: Transport): Transport => ({
    async send(bytes, timeoutMs, signal) {
      const span = tracer.begin(`export ${exporter}`, { 'ringtail.signal': signal, 'ringtail.request.bytes': bytes.length });
      const outcome = await transport.send(bytes, timeoutMs, signal);
      span.end(outcome.kind === 'success' ? undefined : outcome.message);
      if (outcome.kind !== 'success') failed.add(bytes);
      else if (!failed.has(bytes)) memory.give(bytes.buffer);
      return outcome;
    },
    close: () => transport.close(),
  });

  let stopped = false;

  const append = (batch: Batch): void => {
    const before = sealedRecords + writer.openRecords();
    try {
      writer.append(batch);
    } finally {
      books.logs.accept(sealedRecords + writer.openRecords() - before);
    }
  };
  const flushSoon = (): void => {
    memory.trim(timers.nowMs());
    if (stopped) writer.flush();
    else writer.schedule();
  };
  const appendSpans = (batch: Batch): void => {
    const before = sealedSpans + spans.openRecords();
    try {
      spans.append(batch);
    } finally {
      books.traces.accept(sealedSpans + spans.openRecords() - before);
      memory.trim(timers.nowMs());
      if (stopped) spans.flush();
      else spans.schedule();
    }
  };
  const tellLosses = (): void => {
    try {
      losses.tell(append);
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'a loss could not be told, and is told later');
    }
    flushSoon();
  };

  /** Undefined: more may come. */
  const readiness = (): Promise<void> | undefined => {
    if (stopped) return undefined;
    if (queueConfig.wait_for_result) {
      writer.flush();
      spans.flush();
    }
    const busy = queueConfig.wait_for_result && queue.holds.records() > 0;
    return busy || (queueConfig.block_on_overflow && queue.holds.isFull()) ? queue.changed() : undefined;
  };

  return {
    async start() {
      queue.open(recycling(await connect()));
    },
    logs(batch) {
      losses.saw(batch.receiver);
      try {
        append(batch);
      } finally {
        flushSoon();
      }
    },
    metrics(batch) {
      const requests = metricsWriter.write(batch);
      books.metrics.accept(requests.reduce((sum, { records }) => sum + records, 0));
      for (const request of requests) if (queue.push(request) !== undefined) memory.give(request.bytes.buffer);
    },
    traces: appendSpans,
    ...((queueConfig.block_on_overflow || queueConfig.wait_for_result) && { readiness }),
    health(): Health {
      const error = queue.lastError();
      const message = error ?? (queue.holds.isFull() ? 'the queue is full' : '');
      const { bytes, size, limit } = queue.holds;
      const details = {
        queue_bytes: bytes(),
        queue_size: size(),
        queue_capacity: limit,
        dropped: Object.values(books).reduce((sum, account) => sum + account.droppedRecords(), 0),
      };
      return { status: message === '' ? 'ok' : 'recoverable', message, details };
    },
    async stop(deadlineMs) {
      stopped = true;
      tellLosses();
      spans.flush();
      await queue.close(deadlineMs);
    },
  };
};
