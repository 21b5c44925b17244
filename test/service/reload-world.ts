/** Components whose instances can be told apart, a hub that all receivers listen to as they do to the kernel's, and what every batch went through. */
import { map, Observable, share, type Subscriber } from 'rxjs';
import { z } from 'zod';
import { loadConfig, type RingtailConfig } from '../../src/config/load.ts';
import { createRegistry } from '../../src/config/registry.ts';
import type { Batch } from '../../src/core/batch.ts';
import type { ComponentFactory, ComponentKind, Lifecycle } from '../../src/core/component.ts';
import { type CounterSample, createCounters } from '../../src/core/counters.ts';
import type { GraphInput } from '../../src/service/graph.ts';
import { createService } from '../../src/service/service.ts';
import { batchOf, recordingLogger } from './fakes.ts';

/** A component as YAML has it: another `version` makes another instance. */
export type Options = { readonly version: number; readonly failsToStart?: boolean };
export type Shape = {
  readonly receivers: Readonly<Record<string, Options>>;
  readonly processors: Readonly<Record<string, Options>>;
  readonly exporters: Readonly<Record<string, Options>>;
  readonly extensions: Readonly<Record<string, Options>>;
  readonly pipelines: Readonly<
    Record<string, { readonly receivers: readonly string[]; readonly processors: readonly string[]; readonly exporters: readonly string[] }>
  >;
};

type Made = { readonly kind: ComponentKind; readonly id: string; readonly number: number; running: boolean; stops: number; held: number };

export const createReloadWorld = () => {
  /** All that were ever made. */
  const made: Made[] = [];
  const listeners = new Set<Subscriber<number>>();
  /** `<batch> <receiver>@<instance> > <processor>@<instance> > <exporter>@<instance>`. */
  const arrivals: string[] = [];
  /** Trails of the batch that is on its way. */
  const trails = new WeakMap<Batch, string>();
  let emitted = 0;
  let holds = false;
  /** Called in every start and stop, so that batches come in the middle of everything. */
  let meanwhile = (): void => {};

  const make = (kind: ComponentKind, id: string): Made => {
    const one: Made = { kind, id, number: made.length, running: false, stops: 0, held: 0 };
    made.push(one);
    return one;
  };
  const lifecycleOf = (one: Made, { failsToStart }: Options): Lifecycle => ({
    async start() {
      meanwhile();
      await Promise.resolve();
      if (failsToStart === true) throw new Error('no luck');
      one.running = true;
      meanwhile();
    },
    async stop() {
      one.running = false;
      one.stops++;
      meanwhile();
      await Promise.resolve();
      meanwhile();
    },
  });
  const config = z.strictObject({ version: z.number(), failsToStart: z.boolean().optional() });
  const shared = { summary: 'a fake', signals: ['logs'], config } as const;
  const factories: readonly ComponentFactory[] = [
    {
      kind: 'receiver',
      type: 'r',
      ...shared,
      create({ id }, options: Options) {
        const one = make('receiver', id);
        const logs$ = new Observable<number>((subscriber) => {
          listeners.add(subscriber);
          return () => listeners.delete(subscriber);
        }).pipe(
          map((number) => {
            const batch = batchOf(1, id);
            trails.set(batch, `${number} ${id}@${one.number}`);
            return batch;
          }),
          share(),
        );
        return { ...lifecycleOf(one, options), logs$ };
      },
    },
    {
      kind: 'processor',
      type: 'p',
      ...shared,
      create({ id }, options: Options) {
        const one = make('processor', id);
        return {
          ...lifecycleOf(one, options),
          logs: (source$) =>
            source$.pipe(
              map((batch) => {
                const next = { ...batch };
                trails.set(next, `${trails.get(batch)} > ${id}@${one.number}${one.running ? '' : ' which does not run'}`);
                return next;
              }),
            ),
        };
      },
    },
    {
      kind: 'exporter',
      type: 'e',
      ...shared,
      create({ id, counters }, options: Options) {
        const one = make('exporter', id);
        const items = (outcome: string) => counters.counter('ringtail_exporter_items', { exporter: id, outcome });
        const [accepted, sent, dropped] = [items('accepted'), items('sent'), items('dropped')];
        counters.gauge('ringtail_exporter_items', { exporter: id, outcome: 'held' }, () => one.held);
        counters.observed('fake_bytes', { exporter: id }, () => accepted.value * 10);
        const lifecycle = lifecycleOf(one, options);
        return {
          ...lifecycle,
          logs(batch) {
            arrivals.push(`${trails.get(batch)} > ${id}@${one.number}${one.running ? '' : ' which does not run'}`);
            accepted.value++;
            if (holds) one.held++;
            else sent.value++;
          },
          async stop(deadlineMs) {
            dropped.value += one.held;
            one.held = 0;
            await lifecycle.stop(deadlineMs);
          },
        };
      },
    },
    {
      kind: 'extension',
      type: 'x',
      ...shared,
      signals: [],
      create: ({ id }, options: Options) => lifecycleOf(make('extension', id), options),
    },
  ];
  const registry = createRegistry(factories);

  const configOf = ({ pipelines, ...sections }: Shape): RingtailConfig => {
    const text = JSON.stringify({ ...sections, service: { extensions: Object.keys(sections.extensions), pipelines } });
    const { config: loaded, problems } = loadConfig([{ file: 'test', text }], registry, {});
    if (loaded === undefined) throw new Error(JSON.stringify(problems));
    return loaded;
  };
  const counters = createCounters();
  const logger = recordingLogger();

  return {
    made,
    arrivals,
    counters,
    logger,
    configOf,
    createService: (
      shape: Shape,
      resource: GraphInput['resource'] = [],
      kernel: Lifecycle & { reconfigure?(): Promise<void> } = idleKernel,
    ) => createService({ config: configOf(shape), counters, logger, version: '1', resource, kernel, now: () => 0 }),
    /** One batch to all that listen; its number. */
    emit(): number {
      const number = emitted++;
      for (const listener of listeners) listener.next(number);
      return number;
    },
    listeners: () => listeners.size,
    hold(now: boolean) {
      holds = now;
    },
    onMeanwhile(call: () => void) {
      meanwhile = call;
    },
    /** Values of all counters by name and labels, without gauges. */
    counts: (): ReadonlyMap<string, number> =>
      new Map(
        counters
          .samples()
          .filter(({ kind }: CounterSample) => kind === 'counter')
          .map(({ name, labels, value }) => [JSON.stringify([name, labels]), value]),
      ),
  };
};

const idleKernel: Lifecycle = { start: async () => {}, stop: async () => {} };
