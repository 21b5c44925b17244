/** A registry whose components do what a test tells them, and batches to send through them. */
import { map, type Observable, Subject } from 'rxjs';
import { z } from 'zod';
import { loadConfig, type RingtailConfig } from '../../src/config/load.ts';
import { createRegistry, type Registry } from '../../src/config/registry.ts';
import { type Batch, type Frame, rowsOf } from '../../src/core/batch.ts';
import type { ComponentFactory, ComponentId, Lifecycle } from '../../src/core/component.ts';
import { createCounters } from '../../src/core/counters.ts';
import { type MetricBatch, pointsOf } from '../../src/core/metric-batch.ts';
import type { Logger } from '../../src/core/logger.ts';
import { createService } from '../../src/service/service.ts';

const empty = new Uint32Array();
const frame: Frame = {
  sequence: 1,
  wallOffsetNs: 0n,
  strings: { bytes: new Uint8Array(), offsets: new Uint32Array(1), lengths: new Uint32Array(1), count: 1 },
  actors: {
    count: 0,
    pid: empty,
    tid: empty,
    ppid: empty,
    execId: empty,
    startNsLo: empty,
    startNsHi: empty,
    parentStartNsLo: empty,
    parentStartNsHi: empty,
    cgroupIdLo: empty,
    cgroupIdHi: empty,
    uid: empty,
    euid: empty,
    loginUid: empty,
    vpid: empty,
    flags: empty,
    parentExecId: empty,
    comm: empty,
  },
};

export const batchOf = (rows: number, receiver: ComponentId = 'source'): Batch => ({
  kind: { eventName: 'ringtail.test', fields: [] },
  receiver,
  frame,
  rows,
  bootNsLo: new Uint32Array(rows),
  bootNsHi: new Uint32Array(rows),
  actor: new Uint32Array(rows),
  columns: {},
  selection: undefined,
  actorAttributes: [],
  rowAttributes: [],
  resource: undefined,
  omitted: undefined,
});

export const firstRows = (batch: Batch, rows: number): Batch => ({
  ...batch,
  selection: Uint32Array.from({ length: Math.min(rows, rowsOf(batch)) }, (_, row) => row),
});

/** One metric with so many points. */
export const metricsOf = (points: number, receiver: ComponentId = 'source'): MetricBatch => ({
  receiver,
  resource: undefined,
  metrics: [
    {
      name: 'ringtail.test',
      description: '',
      unit: '1',
      type: 'gauge',
      points: Array.from({ length: points }, (_, value) => ({ attributes: [], startUnixNs: 0n, timeUnixNs: 1n, value })),
    },
  ],
});

export const firstPoints = (batch: MetricBatch, points: number): MetricBatch => ({
  ...batch,
  metrics: batch.metrics.map((metric) => (metric.type === 'gauge' ? { ...metric, points: metric.points.slice(0, points) } : metric)),
});

export type LogLine = { readonly level: string; readonly message: string; readonly fields: Record<string, unknown> };

export const recordingLogger = (): Logger & { readonly lines: LogLine[] } => {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields: fields as Record<string, unknown> });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
};

/** Where components write what happens to them, and what they find there. */
export type World = {
  readonly events: string[];
  /** Batches by exporter. */
  readonly received: Map<ComponentId, Batch[]>;
  readonly sources: Map<ComponentId, Subject<Batch>>;
  /** The same for metrics. */
  readonly receivedMetrics: Map<ComponentId, MetricBatch[]>;
  readonly metricSources: Map<ComponentId, Subject<MetricBatch>>;
  /** Replaces the behaviour of a start, a stop, a creation: `start source`, `stop sink/a`, `create stage`, `logs sink`, `metrics sink`. */
  readonly hooks: Map<string, () => unknown>;
  readonly processors: Map<ComponentId, (source$: Observable<Batch>) => Observable<Batch>>;
};

export const createWorld = (): World => ({
  events: [],
  received: new Map(),
  sources: new Map(),
  receivedMetrics: new Map(),
  metricSources: new Map(),
  hooks: new Map(),
  processors: new Map(),
});

export const lifecycleOf = (world: World, id: ComponentId): Lifecycle => ({
  async start() {
    world.events.push(`start ${id}`);
    await world.hooks.get(`start ${id}`)?.();
  },
  async stop() {
    world.events.push(`stop ${id}`);
    await world.hooks.get(`stop ${id}`)?.();
  },
});

export const worldRegistry = (world: World): Registry => {
  const factories: readonly ComponentFactory[] = [
    {
      kind: 'receiver',
      type: 'source',
      summary: 'a subject',
      signals: ['logs', 'metrics'],
      config: z.strictObject({}),
      create({ id }) {
        world.hooks.get(`create ${id}`)?.();
        world.events.push(`create ${id}`);
        const subject = new Subject<Batch>();
        world.sources.set(id, subject);
        const metrics$ = new Subject<MetricBatch>();
        world.metricSources.set(id, metrics$);
        return { ...lifecycleOf(world, id), logs$: subject, metrics$ };
      },
    },
    {
      kind: 'processor',
      type: 'stage',
      summary: 'what the test says',
      signals: ['logs', 'metrics'],
      config: z.strictObject({ keep: z.number().optional(), fail: z.boolean().optional() }),
      create(settings, config) {
        const { id } = settings;
        const { keep = Infinity } = config as { keep?: number };
        world.events.push(`create ${id}`);
        return {
          ...lifecycleOf(world, id),
          logs: (source$) => world.processors.get(id)?.(source$) ?? source$.pipe(map((batch) => firstRows(batch, keep))),
          metrics: (source$) => source$.pipe(map((batch) => firstPoints(batch, keep))),
        };
      },
    },
    {
      kind: 'exporter',
      type: 'sink',
      aliases: ['drain'],
      summary: 'keeps what comes',
      signals: ['logs', 'metrics'],
      stability: 'stable',
      config: z.strictObject({}),
      create({ id, counters }) {
        world.hooks.get(`create ${id}`)?.();
        world.events.push(`create ${id}`);
        world.received.set(id, []);
        world.receivedMetrics.set(id, world.receivedMetrics.get(id) ?? []);
        const accepted = counters.counter('ringtail_exporter_items', { exporter: id, outcome: 'accepted' });
        const sent = counters.counter('ringtail_exporter_items', { exporter: id, outcome: 'sent' });
        return {
          ...lifecycleOf(world, id),
          logs(batch) {
            world.hooks.get(`logs ${id}`)?.();
            world.received.get(id)!.push(batch);
            accepted.value += rowsOf(batch);
            sent.value += rowsOf(batch);
          },
          metrics(batch) {
            world.hooks.get(`metrics ${id}`)?.();
            world.receivedMetrics.get(id)!.push(batch);
            accepted.value += pointsOf(batch);
            sent.value += pointsOf(batch);
          },
        };
      },
    },
  ];
  return createRegistry(factories);
};

export const configOf = (world: World, text: string): RingtailConfig => {
  const { config, problems } = loadConfig([{ file: 'test.yaml', text }], worldRegistry(world), {});
  if (config === undefined) throw new Error(JSON.stringify(problems));
  return config;
};

export const createTestService = (text: string, world = createWorld()) => {
  const logger = recordingLogger();
  const counters = createCounters();
  const kernel = lifecycleOf(world, 'kernel');
  const service = createService({ config: configOf(world, text), counters, logger, version: '1', resource: [], kernel, now: () => 0 });
  /** Value of a counter by its name and labels. */
  const valueOf = (name: string, labels: Readonly<Record<string, string>>) => counters.counter(name, labels).value;
  const pipelineBooks = (pipeline: string) =>
    Object.fromEntries(
      ['read', 'filtered', 'refused', 'accepted'].map((outcome) => [outcome, valueOf('ringtail_pipeline_items', { pipeline, outcome })]),
    );
  const rowsAt = (id: ComponentId) => (world.received.get(id) ?? []).map(rowsOf);
  return {
    world,
    service,
    logger,
    counters,
    valueOf,
    pipelineBooks,
    rowsAt,
    emitMetrics: (id: ComponentId, points: number) => world.metricSources.get(id)!.next(metricsOf(points, id)),
    emit: (id: ComponentId, rows: number) => world.sources.get(id)!.next(batchOf(rows, id)),
  };
};
