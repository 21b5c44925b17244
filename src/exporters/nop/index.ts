import { rowsOf } from '../../core/batch.ts';
import type { Exporter, ExporterFactory, Settings } from '../../core/component.ts';
import { pointsOf } from '../../core/metric-batch.ts';
import type { RequestSignal } from '../../otlp/request.ts';
import { createBooks } from '../shared/books.ts';
import { nopConfig } from './config.ts';

/** Nothing is held, and nothing fails: what is taken is done with. */
const createNopExporter = ({ id, counters }: Settings): Exporter => {
  const laneOf = (signal: RequestSignal) => {
    const books = createBooks(counters, id, () => 0, signal);
    return (items: number): void => {
      books.accept(items);
      books.sent(items);
    };
  };
  const [logs, metrics, traces] = [laneOf('logs'), laneOf('metrics'), laneOf('traces')];
  return {
    start: async () => {},
    stop: async () => {},
    logs: (batch) => logs(rowsOf(batch)),
    metrics: (batch) => metrics(pointsOf(batch)),
    traces: (batch) => traces(rowsOf(batch)),
  };
};

/** The end of a pipeline that somebody only looks at. */
export const nopExporter: ExporterFactory = {
  kind: 'exporter',
  type: 'nop',
  summary: 'Takes everything and sends nothing, for a pipeline that is only looked at',
  signals: ['logs', 'metrics', 'traces'],
  config: nopConfig,
  create: createNopExporter,
};
