/** Shows events and metrics to people and tools on standard output. */
import type { Writable } from 'node:stream';
import { resourceOfRow, rowsOf, type Batch } from '../../core/batch.ts';
import type { Exporter, Settings } from '../../core/component.ts';
import { type Metric, type MetricBatch, pointsOf } from '../../core/metric-batch.ts';
import { createRateLimit } from '../../core/rate-limit.ts';
import { distinctOf } from '../../otlp/distinct.ts';
import { attributesOf, unixNsOf } from '../../otlp/log-text.ts';
import type { RequestSignal } from '../../otlp/request.ts';
import { contextOf } from '../../otlp/trace-context.ts';
import { createBooks } from '../shared/books.ts';
import type { DebugConfig } from './config.ts';
import { wantsColour } from '../../text/colour.ts';
import { decodeKeepingBytes, escapeText } from '../../text/escape.ts';
import { jsonLine } from '../../text/json.ts';
import { attributeLines, clockText, createEventLines, type LineOptions } from '../../text/line.ts';
import { readableSpan, spanDetails, spanJson, spanLine, spanOf } from '../../text/span.ts';
import { createLineOutput } from './output.ts';
import { pointDetails, pointJson, pointLine } from '../../text/point.ts';

const COUNT_INTERVAL_MS = 1000;

/** Standard output, or what stands for it in tests. */
export type DebugStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export type DebugExporterOptions = {
  readonly settings: Settings<unknown>;
  readonly config: DebugConfig;
  readonly stream: DebugStream;
  readonly env: Readonly<Record<string, string | undefined>>;
};

export const createDebugExporter = ({ settings, config, stream, env }: DebugExporterOptions): Exporter => {
  const { id, counters, logger } = settings;
  const limit = createRateLimit();
  const warn = (fields: object, message: string): void => limit(message, (some, text) => logger.warn(some, text), fields, message);
  const laneOf = (signal: RequestSignal) => {
    const output = createLineOutput(stream, {
      written: (records) => books.sent(records),
      failed: (records) => books.failed(records, 'closed'),
    });
    const books = createBooks(counters, id, output.heldRecords, signal);
    return { output, books };
  };
  type Lane = ReturnType<typeof laneOf>;
  const lanes = { logs: laneOf('logs'), metrics: laneOf('metrics'), traces: laneOf('traces') };
  const colour = wantsColour({ isTTY: stream.isTTY, env });
  const eventLines = createEventLines();
  const basic = config.format === 'text' && config.verbosity === 'basic';
  const counts = new Map<string, number>();
  let countTimer: NodeJS.Timeout | undefined;
  let stopped = false;
  const ignoreError = (): void => {}; // the callbacks of the writes tell

  const linesOf = (batch: Batch, row: number, options: LineOptions): string => {
    const resource = resourceOfRow(batch, row)?.attributes;
    const event = { name: batch.kind.eventName, unixNs: unixNsOf(batch, row), attributes: [], resource, context: contextOf(batch, row) };
    if (config.format === 'json') return `${jsonLine({ ...event, attributes: attributesOf(batch, row) }, batch.receiver)}\n`;
    const readable = { ...event, attributes: attributesOf(batch, row, decodeKeepingBytes) };
    const lines = [eventLines.line(readable, options), ...(config.verbosity === 'detailed' ? attributeLines(readable, options) : [])];
    return `${lines.join('\n')}\n`;
  };

  const drop = (records: number, { books }: Lane): void => {
    books.dropped(records, stopped ? 'shutdown' : 'queue_full');
    warn({ records }, 'standard output is too slow, events are not shown');
  };

  const writeCounts = (): void => {
    if (counts.size === 0) return;
    const total = Array.from(counts, ([name, count]) => `  ${escapeText(name.replace(/^ringtail\./, ''))} ${count}`).join('');
    const records = [...counts.values()].reduce((sum, count) => sum + count, 0);
    counts.clear();
    const unixNs = BigInt(Date.now()) * 1_000_000n;
    if (!lanes.logs.output.add(`${clockText(unixNs)}${total}\n`, 0, unixNs))
      warn({ records }, 'standard output is too slow, counts are not shown');
    lanes.logs.output.flush();
  };

  const count = (name: string, records: number, { books }: Lane): void => {
    if (records > 0) counts.set(name, (counts.get(name) ?? 0) + records);
    books.sent(records);
  };

  const lineOptions = (): LineOptions => {
    // a terminal that nobody told its size says that it has 0 columns
    const width = stream.isTTY === true && stream.columns !== 0 ? stream.columns : undefined;
    return { colour, width };
  };

  const pointLines = (batch: MetricBatch, metric: Metric, point: Metric['points'][number], options: LineOptions): string => {
    const resource = (point.resource ?? batch.resource)?.attributes;
    if (config.format === 'json') return `${pointJson(metric, point, batch.receiver, resource)}\n`;
    const details = config.verbosity === 'detailed' ? pointDetails(metric, point, resource, options) : [];
    return `${[pointLine(metric, point, resource, options), ...details].join('\n')}\n`;
  };

  const spanLines = (batch: Batch, row: number, options: LineOptions): string => {
    if (config.format === 'json') return `${spanJson(spanOf(batch, row), batch.receiver)}\n`;
    const span = readableSpan(batch, row);
    const details = config.verbosity === 'detailed' ? spanDetails(span, options) : [];
    return `${[spanLine(span, options), ...details].join('\n')}\n`;
  };

  /** Rows of logs or traces. */
  const showRows = (input: Batch, lane: Lane, linesOfRow: typeof linesOf): void => {
    const batch = distinctOf(input);
    const rows = rowsOf(batch);
    lane.books.accept(rows);
    if (stopped) return drop(rows, lane);
    if (basic) return count(batch.kind.eventName, rows, lane);
    const options = lineOptions();
    for (let i = 0; i < rows; i++) {
      const row = batch.selection?.[i] ?? i;
      if (!lane.output.add(linesOfRow(batch, row, options), 1, unixNsOf(batch, row))) return drop(rows - i, lane);
    }
    return undefined;
  };

  return {
    async start() {
      stream.on('error', ignoreError);
      if (basic) countTimer = setInterval(writeCounts, COUNT_INTERVAL_MS);
    },
    logs: (batch) => showRows(batch, lanes.logs, linesOf),
    traces: (batch) => showRows(batch, lanes.traces, spanLines),
    metrics(batch) {
      const lane = lanes.metrics;
      const total = pointsOf(batch);
      lane.books.accept(total);
      if (stopped) return drop(total, lane);
      const options = lineOptions();
      let shown = 0;
      for (const metric of batch.metrics) {
        if (basic) {
          count(metric.name, metric.points.length, lane);
          continue;
        }
        for (const point of metric.points) {
          if (!lane.output.add(pointLines(batch, metric, point, options), 1, point.timeUnixNs)) return drop(total - shown, lane);
          shown++;
        }
      }
    },
    async stop(deadlineMs) {
      clearInterval(countTimer);
      writeCounts();
      const left = await Promise.all(
        Object.values(lanes).map(async (lane) => {
          const records = await lane.output.close(deadlineMs);
          stopped = true;
          if (records > 0) drop(records, lane);
          return records;
        }),
      );
      if (left.every((records) => records === 0)) stream.off('error', ignoreError);
    },
  };
};
