/** What pipelines of different signals do not have in common: the item that flows, how it is counted, and by which door it goes in and out. */
import type { Observable } from 'rxjs';
import { type Batch, rowsOf } from '../core/batch.ts';
import type { Exporter, Processor, Receiver, Signal } from '../core/component.ts';
import { type MetricBatch, pointsOf } from '../core/metric-batch.ts';

/** What flows in the pipelines of a signal, one at a time. */
export type Items = { readonly logs: Batch; readonly metrics: MetricBatch; readonly traces: Batch };
export type PipelineSignal = Signal;

export type Flow<S extends PipelineSignal> = {
  /** Counters of a receiver: what its pipelines took, and what one of them refused. */
  readonly accepted: string;
  readonly refused: string;
  /** Log records, points or spans. */
  count(item: Items[S]): number;
  source(receiver: Receiver): Observable<Items[S]> | undefined;
  process(processor: Processor, source$: Observable<Items[S]>): Observable<Items[S]>;
  give(exporter: Exporter, item: Items[S]): void;
};

export const flows: { readonly [S in PipelineSignal]: Flow<S> } = {
  logs: {
    accepted: 'otelcol_receiver_accepted_log_records',
    refused: 'otelcol_receiver_refused_log_records',
    count: rowsOf,
    source: ({ logs$ }) => logs$,
    process: (processor, source$) => processor.logs!(source$),
    give: (exporter, batch) => exporter.logs!(batch),
  },
  metrics: {
    accepted: 'otelcol_receiver_accepted_metric_points',
    refused: 'otelcol_receiver_refused_metric_points',
    count: pointsOf,
    source: ({ metrics$ }) => metrics$,
    process: (processor, source$) => processor.metrics!(source$),
    give: (exporter, batch) => exporter.metrics!(batch),
  },
  traces: {
    accepted: 'otelcol_receiver_accepted_spans',
    refused: 'otelcol_receiver_refused_spans',
    count: rowsOf,
    source: ({ traces$ }) => traces$,
    process: (processor, source$) => processor.traces!(source$),
    give: (exporter, batch) => exporter.traces!(batch),
  },
};
