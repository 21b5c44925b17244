/** What flows between instances: which pipelines are connected, and the one source that all pipelines of a receiver share. */
import { Observable, share, type Subscription } from 'rxjs';
import type { Batch } from '../core/batch.ts';
import type { BatchTap, Exporter, Processor, Receiver, TappedSignal } from '../core/component.ts';
import type { Counters } from '../core/counters.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { createRateLimit } from '../core/rate-limit.ts';
import type { BackPressure } from './back-pressure.ts';
import type { Instance } from './instance.ts';
import { connectPipeline } from './pipeline.ts';
import { flows, type Items, type PipelineSignal } from './signals.ts';

/** Immutable: a pipeline that has the same instances as before is the same object. */
export type PipelineInstances = {
  readonly id: string;
  readonly signal: PipelineSignal;
  readonly receivers: readonly Instance<Receiver>[];
  readonly processors: readonly Instance<Processor>[];
  readonly exporters: readonly Instance<Exporter>[];
};

export type Connector = {
  /**
   * From now on exactly these pipelines are connected. One that is connected already is not touched. Synchronous, so that every batch goes
   * through the pipelines of before or through those of after. Throws when one cannot be connected; then nothing has changed.
   */
  connect(pipelines: readonly PipelineInstances[]): void;
  /** Why a receiver sends nothing more; undefined while it may. */
  failureOf(receiver: Instance): string | undefined;
  /** See `ServiceView.tap`. */
  tap(listener: BatchTap, signal?: TappedSignal): () => void;
};

export type ConnectorOptions = { readonly counters: Counters; readonly logger: Logger; readonly backPressure: BackPressure };

export const createConnector = ({ counters, logger, backPressure }: ConnectorOptions): Connector => {
  const rateLimit = createRateLimit();
  const connections = new Map<PipelineInstances, Subscription>();
  const sources: { readonly [S in PipelineSignal]: WeakMap<Instance, Observable<Items[S]>> } = {
    logs: new WeakMap(),
    metrics: new WeakMap(),
    traces: new WeakMap(),
  };
  const failures = new WeakMap<Instance, string>();
  /** True when a pipeline refused the batch that is on its way; everything is synchronous, so one flag serves all. */
  let batchRefused = false;

  const taps = { logs: new Set<BatchTap>(), traces: new Set<BatchTap>() };
  /** By receiver, the first logs pipeline that has it. */
  let firstPipelines: ReadonlyMap<string, string> = new Map();
  const showToTaps = (signal: TappedSignal, pipeline: string, batch: Batch): void => {
    const isFirst = (firstPipelines.get(batch.receiver) ?? pipeline) === pipeline;
    for (const tap of taps[signal]) {
      try {
        tap(pipeline, batch, isFirst);
      } catch (error) {
        counters.counter('ringtail_tap_failures', {}).value++;
        rateLimit(`${pipeline} tap`, logger.error.bind(logger), { pipeline, error: messageOf(error) }, 'who looks at a pipeline failed');
      }
    }
  };

  const createSource = <S extends PipelineSignal>(signal: S, instance: Instance<Receiver>): Observable<Items[S]> => {
    const { id, component } = instance;
    const flow = flows[signal];
    const accepted = counters.counter(flow.accepted, { receiver: id });
    const refused = counters.counter(flow.refused, { receiver: id });
    return new Observable<Items[S]>((subscriber) =>
      flow.source(component)!.subscribe({
        next(batch) {
          const outer = batchRefused;
          batchRefused = false;
          subscriber.next(batch);
          (batchRefused ? refused : accepted).value += flow.count(batch);
          batchRefused = outer;
        },
        error(error) {
          failures.set(instance, messageOf(error));
          logger.error({ component: id, error: messageOf(error) }, 'a receiver failed and sends nothing more');
        },
      }),
    ).pipe(share());
  };

  const sourceOf = <S extends PipelineSignal>(signal: S, instance: Instance<Receiver>): Observable<Items[S]> => {
    const source = sources[signal].get(instance) ?? createSource(signal, instance);
    sources[signal].set(instance, source);
    return source;
  };

  const connectOne = <S extends PipelineSignal>(signal: S, { id, receivers, processors, exporters }: PipelineInstances): Subscription => {
    const tapped: TappedSignal | undefined = signal === 'metrics' ? undefined : signal;
    return connectPipeline<S>({
      id,
      flow: flows[signal],
      sources: receivers.map((receiver) => sourceOf(signal, receiver)),
      processors,
      exporters,
      counters,
      logger,
      rateLimit,
      onRefused: () => (batchRefused = true),
      onDelivered: (batch) => {
        if (tapped !== undefined && taps[tapped].size > 0) showToTaps(tapped, id, batch as Batch);
      },
    });
  };

  return {
    connect(pipelines) {
      const before = new Map(connections);
      // the new ones first: a receiver that stays is subscribed to all the time
      try {
        for (const pipeline of pipelines) if (!connections.has(pipeline)) connections.set(pipeline, connectOne(pipeline.signal, pipeline));
      } catch (error) {
        for (const [pipeline, connection] of connections) {
          if (before.has(pipeline)) continue;
          connection.unsubscribe();
          connections.delete(pipeline);
        }
        throw error;
      }
      const wanted = new Set(pipelines);
      for (const [pipeline, connection] of before) {
        if (wanted.has(pipeline)) continue;
        connection.unsubscribe();
        connections.delete(pipeline);
      }
      const ofLogs = pipelines.filter(({ signal }) => signal === 'logs');
      firstPipelines = new Map(ofLogs.toReversed().flatMap(({ id, receivers }) => receivers.map((receiver) => [receiver.id, id] as const)));
      // records and spans come from the ring that is held back
      const ofRing = pipelines.filter(({ signal }) => signal !== 'metrics');
      backPressure.follow(ofRing.flatMap(({ exporters }) => exporters.map(({ component }) => component)));
    },
    failureOf: (receiver) => failures.get(receiver),
    tap(listener, signal = 'logs') {
      taps[signal].add(listener);
      return () => taps[signal].delete(listener);
    },
  };
};
