/**
 * One pipeline: receivers → processors → exporters, synchronous, one batch at a time. A stage that throws refuses that one batch,
 * which is counted and told; the stream goes on. The books hold at any moment between two batches: read = filtered + refused + accepted.
 */
import { merge, Observable, Subject, type Subscription } from 'rxjs';
import type { ComponentId, Exporter, Processor } from '../core/component.ts';
import type { Counters } from '../core/counters.ts';
import { messageOf, Refusal, RuntimeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { RateLimit } from '../core/rate-limit.ts';
import type { Flow, Items, PipelineSignal } from './signals.ts';

export type Named<T> = { readonly id: ComponentId; readonly component: T };

export type PipelineParts<S extends PipelineSignal> = {
  readonly id: string;
  readonly flow: Flow<S>;
  readonly sources: readonly Observable<Items[S]>[];
  readonly processors: readonly Named<Processor>[];
  readonly exporters: readonly Named<Exporter>[];
  readonly counters: Counters;
  readonly logger: Logger;
  readonly rateLimit: RateLimit;
  /** Called when the batch that is on its way is refused. */
  readonly onRefused: () => void;
  /** Called with what the exporters were given, behind them. */
  readonly onDelivered?: (batch: Items[S]) => void;
};

/** What happens to the one batch that is on its way. */
type Flight = { refusedRows: number; acceptedRows: number };

/** Builds the operators and subscribes: the only subscription of a pipeline. Throws when a processor cannot be connected. */
export const connectPipeline = <S extends PipelineSignal>({
  id,
  flow,
  sources,
  processors,
  exporters,
  counters,
  logger,
  rateLimit,
  onRefused,
  onDelivered,
}: PipelineParts<S>): Subscription => {
  type Item = Items[S];
  const items = (outcome: string) => counters.counter('ringtail_pipeline_items', { pipeline: id, outcome });
  const read = items('read');
  const filtered = items('filtered');
  const refused = items('refused');
  const accepted = items('accepted');
  let flight: Flight | undefined;

  const refuse = (stage: ComponentId, rows: number, error: unknown) => {
    // What the exporters have taken already stays accepted.
    if (flight !== undefined && flight.acceptedRows === 0) flight.refusedRows = rows;
    if (error instanceof Refusal) return;
    rateLimit(
      `${id} ${stage}`,
      logger.error.bind(logger),
      { pipeline: id, component: stage, rows, error: messageOf(error) },
      'a stage refused a batch',
    );
  };

  /** The operator of one processor. It is connected again after an error, so that one bad batch does not end the stream. */
  const isolated =
    ({ id: stage, component }: Named<Processor>) =>
    (source$: Observable<Item>): Observable<Item> =>
      new Observable((subscriber) => {
        const labels = { processor: stage, pipeline: id };
        const incoming = counters.counter('otelcol_processor_incoming_items', labels);
        const outgoing = counters.counter('otelcol_processor_outgoing_items', labels);
        const input = new Subject<Item>();
        let rows = 0;
        let output: Subscription | undefined;
        const connect = () => {
          output = flow.process(component, input).subscribe({
            next(batch) {
              outgoing.value += flow.count(batch);
              subscriber.next(batch);
            },
            error: (error) => refuse(stage, rows, error),
          });
        };
        connect();
        const upstream = source$.subscribe((batch) => {
          rows = flow.count(batch);
          incoming.value += rows;
          try {
            if (output!.closed) connect();
            input.next(batch);
          } catch (error) {
            refuse(stage, rows, error);
          }
        });
        return () => {
          upstream.unsubscribe();
          output?.unsubscribe();
        };
      });

  const entrance = (source$: Observable<Item>): Observable<Item> =>
    new Observable((subscriber) =>
      source$.subscribe((batch) => {
        const outer = flight;
        const own: Flight = { refusedRows: 0, acceptedRows: 0 };
        const rows = flow.count(batch);
        flight = own;
        read.value += rows;
        subscriber.next(batch);
        flight = outer;
        refused.value += own.refusedRows;
        accepted.value += own.acceptedRows;
        // Never less than nothing: a stage that makes rows of its own shows in the books.
        filtered.value += Math.max(0, rows - own.refusedRows - own.acceptedRows);
        if (own.refusedRows > 0) onRefused();
      }),
    );

  const deliver = (batch: Item): void => {
    if (flight === undefined) {
      rateLimit(`${id} late`, logger.error.bind(logger), { pipeline: id }, 'a processor emitted a batch after its time; it is left out');
      return;
    }
    const rows = flow.count(batch);
    let taken = true;
    for (const { id: exporter, component } of exporters) {
      try {
        flow.give(component, batch);
      } catch (error) {
        taken = false;
        refuse(exporter, rows, error);
      }
    }
    if (taken) flight.acceptedRows += rows;
    onDelivered?.(batch);
  };

  // Nothing but a processor that cannot be connected ends the stream, and that happens while it is subscribed.
  let failure: { readonly cause: unknown } | undefined;
  const subscription = processors
    .reduce((stream$, processor) => stream$.pipe(isolated(processor)), merge(...sources).pipe(entrance))
    .subscribe({ next: deliver, error: (cause: unknown) => (failure = { cause }) });
  if (failure !== undefined) throw new RuntimeError(`cannot connect the pipeline ${id}`, failure);
  return subscription;
};
