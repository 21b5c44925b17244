import { rowsOf } from '../../core/batch.ts';
import type { Exporter, ExporterFactory, Settings } from '../../core/component.ts';
import { pointsOf } from '../../core/metric-batch.ts';
import { createBooks } from '../shared/books.ts';
import { nopConfig } from './config.ts';

/** Nothing is held, and nothing fails: what is taken is done with. */
const createNopExporter = ({ id, counters }: Settings): Exporter => {
  const laneOf = (signal: 'logs' | 'metrics') => {
    const books = createBooks(counters, id, () => 0, signal);
    return (items: number): void => {
      books.accept(items);
      books.sent(items);
    };
  };
  const [logs, metrics] = [laneOf('logs'), laneOf('metrics')];
  return {
    start: async () => {},
    stop: async () => {},
    logs: (batch) => logs(rowsOf(batch)),
    metrics: (batch) => metrics(pointsOf(batch)),
  };
};

/** The end of a pipeline that somebody only looks at. */
export const nopExporter: ExporterFactory = {
  kind: 'exporter',
  type: 'nop',
  summary: 'Takes everything and sends nothing, for a pipeline that is only looked at',
  signals: ['logs', 'metrics'],
  config: nopConfig,
  create: createNopExporter,
};
