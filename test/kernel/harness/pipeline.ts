/** A whole Ringtail in this process: configuration, kernel side, receiver, processors, and an exporter that keeps what comes. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { loadConfig } from '../../../src/config/load.ts';
import { createRegistry } from '../../../src/config/registry.ts';
import { resourceOfRow, type AttributeValue } from '../../../src/core/batch.ts';
import { NEVER } from 'rxjs';
import type { ExporterFactory, ReceiverFactory, ReloadOutcome } from '../../../src/core/component.ts';
import { createCounters, type Counters } from '../../../src/core/counters.ts';
import { type MetricBatch, pointsOf } from '../../../src/core/metric-batch.ts';
import type { Logger } from '../../../src/core/logger.ts';
import type { KernelFacts } from '../../../src/kernel/addon.ts';
import { NOBODY_EXCLUDED, type ExcludeRules } from '../../../src/kernel/exclude.ts';
import type { Rung } from '../../../src/kernel/process-programs.ts';
import { createKernelServices, type KernelServices } from '../../../src/kernel/services.ts';
import { attributesOf, unixNsOf } from '../../../src/otlp/log-text.ts';
import { contextOf } from '../../../src/otlp/trace-context.ts';
import { filterProcessor } from '../../../src/processors/filter/index.ts';
import { resolveContainerProcessor } from '../../../src/processors/resolve-container/index.ts';
import { resolveProcessProcessor } from '../../../src/processors/resolve-process/index.ts';
import { resolveUserProcessor } from '../../../src/processors/resolve-user/index.ts';
import { processReceiver } from '../../../src/receivers/process/index.ts';
import { syscallsReceiver } from '../../../src/receivers/syscalls/index.ts';
import { spanOf, type Span } from '../../../src/text/span.ts';
import { createService } from '../../../src/service/service.ts';

export type Event = {
  readonly name: string;
  readonly unixNs: bigint;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** Of the container, pod or unit that it belongs to; empty: it belongs to the host. */
  readonly resource: Readonly<Record<string, AttributeValue>>;
  /** In hexadecimal; empty: none. */
  readonly traceId: string;
  readonly spanId: string;
};

export type PipelineOptions = {
  /** Overrides the one of the scenario. */
  readonly rung?: 'auto' | Rung;
  readonly ringBytes?: number;
  readonly rootPath?: string;
  /** `kernel.trace_context`; `off` when it is not said. */
  readonly traceContext?: string;
  /** Nobody follows processes; the pipeline has a receiver that does nothing. */
  readonly idle?: boolean;
  /** Options of the receiver, as YAML would have them. */
  readonly receiver?: Readonly<Record<string, unknown>>;
  /** System calls are followed too, with these options of the receiver. */
  readonly calls?: Readonly<Record<string, unknown>>;
  /** A pipeline of metrics: alone, or beside that of log records. */
  readonly metrics?: 'alone' | 'beside';
  /** Its receivers; that of system calls when it is not said. */
  readonly measured?: readonly ('process' | 'syscalls')[];
  /** A pipeline of traces beside that of log records. */
  readonly traces?: boolean;
  /** Options of a filter that stands first. */
  readonly filter?: Readonly<Record<string, unknown>>;
  /** It stands last, where nothing of it runs in the kernel. */
  readonly filterBehind?: boolean;
  readonly ancestors?: number;
  /** Containers are told too, with these options of the processor. */
  readonly containers?: Readonly<Record<string, unknown>>;
  readonly injectedFacts?: Partial<KernelFacts>;
  /** Who is left out; nobody for what is not given. */
  readonly exclude?: Partial<ExcludeRules>;
};

export type LogLine = { readonly level: keyof Logger; readonly message: string; readonly fields: Readonly<Record<string, unknown>> };

export type Pipeline = {
  readonly kernel: KernelServices;
  readonly counters: Counters;
  readonly events: readonly Event[];
  readonly metrics: readonly MetricBatch[];
  readonly spans: readonly Span[];
  readonly log: readonly LogLine[];
  /** The events of a name that match all attributes given. */
  find(name: string, wanted?: Readonly<Record<string, AttributeValue>>): readonly Event[];
  /** The only one. */
  one(name: string, wanted: Readonly<Record<string, AttributeValue>>): Event;
  /** Resolves when all that the kernel has written until now came through; on the procfs rung when /proc was read once more. */
  settle(): Promise<void>;
  until(what: string, condition: () => boolean): Promise<void>;
  /** Changes it into what the options say. */
  reload(options: PipelineOptions): Promise<ReloadOutcome>;
  /** Stops it and checks its books. The same promise when called again. */
  stop(): Promise<void>;
};

/** Under emulation everything takes longer. Not a measure of anything: a test that gets this far has failed. */
const DEADLINE_MS = process.env['RINGTAIL_GUEST'] === undefined ? 20_000 : 60_000;
/** As `ringtail run` has it; what takes a quarter of a second here takes ten under emulation. */
const STOP_DEADLINE_MS = process.env['RINGTAIL_GUEST'] === undefined ? undefined : DEADLINE_MS;
const POLL_MS = 2;

export const waitFor = async (what: string, condition: () => boolean, describe: () => string = () => ''): Promise<void> => {
  const end = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > end) assert.fail(`waited in vain for ${what} ${describe()}`);
    await sleep(POLL_MS);
  }
};

const captureFactory = (events: Event[], metrics: MetricBatch[], spans: Span[]): ExporterFactory => ({
  kind: 'exporter',
  type: 'capture',
  summary: 'keeps all',
  signals: ['logs', 'metrics', 'traces'],
  config: z.strictObject({}),
  create: ({ id, counters }) => {
    const books = (outcome: string) => counters.counter('ringtail_exporter_items', { exporter: id, outcome });
    const [accepted, sent] = [books('accepted'), books('sent')];
    return {
      start: async () => {},
      stop: async () => {},
      logs(batch) {
        const rows = batch.selection ?? Uint32Array.from({ length: batch.rows }, (_, row) => row);
        for (const row of rows) {
          events.push({
            name: batch.kind.eventName,
            unixNs: unixNsOf(batch, row),
            attributes: Object.fromEntries(attributesOf(batch, row)),
            resource: Object.fromEntries(resourceOfRow(batch, row)?.attributes ?? []),
            ...(contextOf(batch, row) ?? { traceId: '', spanId: '' }),
          });
        }
        accepted.value += rows.length;
        sent.value += rows.length;
      },
      metrics(batch) {
        metrics.push(batch);
        accepted.value += pointsOf(batch);
        sent.value += pointsOf(batch);
      },
      traces(batch) {
        const rows = batch.selection ?? Uint32Array.from({ length: batch.rows }, (_, row) => row);
        for (const row of rows) spans.push(spanOf(batch, row));
        accepted.value += rows.length;
        sent.value += rows.length;
      },
    };
  },
});

const idleReceiver: ReceiverFactory = {
  kind: 'receiver',
  type: 'idle',
  summary: 'does nothing',
  signals: ['logs'],
  config: z.strictObject({}),
  create: () => ({ logs$: NEVER, start: async () => {}, stop: async () => {} }),
};

const yamlOf = ({
  rung = 'auto',
  ringBytes = 8 << 20,
  rootPath = '/',
  traceContext = 'off',
  receiver = {},
  ancestors = 0,
  containers,
  idle = false,
  calls,
  metrics,
  measured = ['syscalls'],
  traces = false,
  filter,
  filterBehind = false,
}: PipelineOptions): string => {
  const receivers = { ...(idle ? { idle: {} } : { process: receiver }), ...(calls === undefined ? {} : { syscalls: calls }) };
  const resolve = {
    ...(containers === undefined ? {} : { resolve_container: containers }),
    resolve_process: { ancestors },
    resolve_user: {},
  };
  const named = filter === undefined ? {} : { filter };
  const processors = filterBehind ? { ...resolve, ...named } : { ...named, ...resolve };
  // JSON is YAML
  return JSON.stringify({
    receivers,
    processors,
    exporters: { capture: {} },
    kernel: {
      rung,
      ring_bytes: ringBytes,
      flush_interval: '5ms',
      procfs_interval: '100ms',
      root_path: rootPath,
      trace_context: traceContext,
    },
    service: {
      pipelines: {
        ...(metrics !== 'alone' && {
          logs: { receivers: Object.keys(receivers), processors: Object.keys(processors), exporters: ['capture'] },
        }),
        ...(traces && { traces: { receivers: ['process'], processors: Object.keys(resolve), exporters: ['capture'] } }),
        ...(metrics !== undefined && { metrics: { receivers: measured, exporters: ['capture'] } }),
      },
    },
  });
};

const matches = (event: Event, wanted: Readonly<Record<string, AttributeValue>>): boolean =>
  Object.entries(wanted).every(([name, value]) => event.attributes[name] === value);

export const startPipeline = async (options: PipelineOptions): Promise<Pipeline> => {
  const events: Event[] = [];
  const metrics: MetricBatch[] = [];
  const spans: Span[] = [];
  const log: LogLine[] = [];
  const keep = (level: keyof Logger) => (fields: object, message: string) =>
    void log.push({ level, message, fields: fields as LogLine['fields'] });
  const logger: Logger = { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
  const counters = createCounters();
  const registry = createRegistry([
    processReceiver,
    syscallsReceiver,
    idleReceiver,
    filterProcessor,
    resolveContainerProcessor,
    resolveProcessProcessor,
    resolveUserProcessor,
    captureFactory(events, metrics, spans),
  ]);
  const configOf = (wanted: PipelineOptions) => {
    const { config, problems } = loadConfig([{ file: 'scenario', text: yamlOf(wanted) }], registry, {});
    assert(config !== undefined, JSON.stringify(problems));
    return config;
  };
  const config = configOf(options);
  const { kernel: own } = config;
  const kernel = createKernelServices({
    ringBytes: own.ring_bytes,
    flushRows: own.flush_rows,
    flushIntervalMs: own.flush_interval,
    rootPath: own.root_path,
    rung: own.rung,
    procfsIntervalMs: own.procfs_interval,
    traceContext: own.trace_context,
    counters,
    logger,
    exclude: { ...NOBODY_EXCLUDED, ...options.exclude },
    ...(options.injectedFacts === undefined ? {} : { injectedFacts: options.injectedFacts }),
  });
  const service = createService({ config, counters, logger, version: 'test', kernel, resource: [] });
  await service.start();

  const sum = (name: string, labels: Readonly<Record<string, string>>): number =>
    counters
      .samples()
      .filter((sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
      .reduce((all, { value }) => all + value, 0);

  const isSettled = (): boolean => {
    const ring = kernel.ring();
    if (ring === undefined) return true;
    const counts = [ring.counters, ring.cgroupCounters(), ring.callCounters()].filter((some) => some !== undefined);
    for (const some of counts) some.refresh();
    const written = counts.reduce((total, some) => total + some.total('written'), 0);
    const { read, frames } = ring.stats();
    return read >= written && kernel.hub.pending === 0 && ring.delivered() === frames;
  };

  const find: Pipeline['find'] = (name, wanted = {}) => events.filter((event) => event.name === name && matches(event, wanted));
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    const { balanced, rows } = await service.stop(STOP_DEADLINE_MS);
    assert(balanced, `the books do not balance: ${JSON.stringify(rows)}`);
    const written = sum('ringtail_kernel_events', { outcome: 'written' });
    assert.equal(sum('ringtail_ring_records', { outcome: 'read' }), written, 'read is not what was written');
    assert.equal(sum('ringtail_ring_records', { outcome: 'malformed' }), 0, 'malformed records');
    assert.equal(sum('ringtail_ring_records', { outcome: 'abandoned' }), 0, 'abandoned records');
    const points = metrics.reduce((all, batch) => all + pointsOf(batch), 0);
    assert.equal(
      sum('ringtail_pipeline_items', { outcome: 'accepted' }),
      events.length + points + spans.length,
      'the pipeline counts otherwise than the exporter',
    );
    const refused = log.filter(({ level }) => level === 'error');
    assert.deepEqual(refused, [], 'errors in the log');
  };
  return {
    kernel,
    counters,
    events,
    metrics,
    spans,
    log,
    find,
    one(name, wanted) {
      const found = find(name, wanted);
      const like = found.length > 0 ? found : find(name).slice(-8);
      const show = (event: Event) =>
        JSON.stringify(event.attributes, (_, value) => (typeof value === 'bigint' ? String(value) : value)).slice(0, 600);
      assert.equal(found.length, 1, `${found.length} of ${name} ${JSON.stringify(wanted)}:\n${like.map(show).join('\n')}`);
      return found[0]!;
    },
    settle: () => waitFor('the ring to be read', isSettled, () => JSON.stringify(kernel.ring()?.stats())),
    until: waitFor,
    reload: (wanted) => service.reload(async () => ({ config: configOf({ ...options, ...wanted }), resource: [] })),
    stop: () => (stopping ??= stop()),
  };
};
