/** From a configuration to instances: a receiver and an exporter once for all pipelines that name it, a processor once a pipeline. */
import { Observable, share, Subscription } from 'rxjs';
import { type Batch, rowsOf } from '../core/batch.ts';
import type { ComponentKind, Exporter, Lifecycle, Processor, Receiver, Settings } from '../core/component.ts';
import type { Counters } from '../core/counters.ts';
import { messageOf, RingtailError, RuntimeError } from '../core/errors.ts';
import { type Logger, withFields } from '../core/logger.ts';
import { createRateLimit } from '../core/rate-limit.ts';
import type { ComponentConfig } from '../config/check-components.ts';
import type { RingtailConfig } from '../config/load.ts';
import { connectPipeline, type Named } from './pipeline.ts';

export type GraphOptions = {
  readonly config: RingtailConfig;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly version: string;
  readonly resource: Settings['resource'];
  readonly kernel: unknown;
};

/** Components that stand in pipelines. */
type PipelineKind = Exclude<ComponentKind, 'extension'>;

export type Instance<T extends Lifecycle = Lifecycle> = Named<T> & { readonly kind: ComponentKind };

export type Graph = {
  readonly receivers: readonly Instance<Receiver>[];
  readonly processors: readonly Instance<Processor>[];
  readonly exporters: readonly Instance<Exporter>[];
  /** Subscribes every pipeline; from then on what a receiver emits reaches the exporters. */
  connect(): Subscription;
};

/** Creates every component that a pipeline names; starts nothing. A component that cannot be created throws. */
export const buildGraph = ({ config, counters, logger, version, resource, kernel }: GraphOptions): Graph => {
  const rateLimit = createRateLimit();

  const create = <T extends Lifecycle>(
    kind: PipelineKind,
    { id, factory, config: own }: ComponentConfig<PipelineKind>,
    pipeline?: string,
  ): Instance<T> => {
    const settings: Settings = {
      id,
      logger: withFields(logger, { component: id, ...(pipeline === undefined ? {} : { pipeline }) }),
      counters,
      version,
      resource,
      kernel,
    };
    try {
      return { id, kind, component: factory.create(settings as Settings<never>, own as never) as unknown as T };
    } catch (error) {
      if (error instanceof RingtailError) throw error;
      throw new RuntimeError(`cannot create the ${kind} ${id}`, { cause: error });
    }
  };

  const exporters = new Map(Array.from(config.exporters, ([id, own]) => [id, create<Exporter>('exporter', own)]));
  const receivers = new Map(Array.from(config.receivers, ([id, own]) => [id, create<Receiver>('receiver', own)]));
  const pipelines = config.pipelines.map((pipeline) => ({
    ...pipeline,
    stages: pipeline.processors.map((id) => create<Processor>('processor', config.processors.get(id)!, pipeline.id)),
  }));

  /** True when a pipeline refused the batch that is on its way; everything is synchronous, so one flag serves all. */
  let batchRefused = false;

  const sourceOf = ({ id, component }: Instance<Receiver>): Observable<Batch> => {
    const accepted = counters.counter('otelcol_receiver_accepted_log_records', { receiver: id });
    const refused = counters.counter('otelcol_receiver_refused_log_records', { receiver: id });
    return new Observable<Batch>((subscriber) =>
      component.logs$!.subscribe({
        next(batch) {
          const outer = batchRefused;
          batchRefused = false;
          subscriber.next(batch);
          (batchRefused ? refused : accepted).value += rowsOf(batch);
          batchRefused = outer;
        },
        error: (error) => logger.error({ component: id, error: messageOf(error) }, 'a receiver failed and sends nothing more'),
      }),
    ).pipe(share());
  };

  return {
    receivers: [...receivers.values()],
    processors: pipelines.flatMap(({ stages }) => stages),
    exporters: [...exporters.values()],
    connect() {
      const sources = new Map(Array.from(receivers, ([id, receiver]) => [id, sourceOf(receiver)]));
      const all = new Subscription();
      try {
        for (const pipeline of pipelines) {
          all.add(
            connectPipeline({
              id: pipeline.id,
              sources: pipeline.receivers.map((id) => sources.get(id)!),
              processors: pipeline.stages,
              exporters: pipeline.exporters.map((id) => exporters.get(id)!),
              counters,
              logger,
              rateLimit,
              onRefused: () => (batchRefused = true),
            }),
          );
        }
      } catch (error) {
        all.unsubscribe();
        throw error;
      }
      return all;
    },
  };
};
