/** Metrics in few words, and pages as data. */
import { onTestFinished } from 'vitest';
import type { Attribute, BatchResource } from '../../src/core/batch.ts';
import type { Exporter } from '../../src/core/component.ts';
import { createCounters, type Counters } from '../../src/core/counters.ts';
import type { Metric, MetricBatch, MetricHistogramPoint, MetricPoint } from '../../src/core/metric-batch.ts';
import { prometheusExporter } from '../../src/exporters/prometheus/index.ts';
import { createLabeller } from '../../src/exporters/prometheus/labels.ts';
import { type PageFormat, pageText } from '../../src/exporters/prometheus/page.ts';
import { labelChoice } from '../../src/exporters/prometheus/resource-labels.ts';
import { createTable } from '../../src/exporters/prometheus/table.ts';
import { hasSuffixes, prometheusConfig } from '../../src/exporters/prometheus/config.ts';

const SECOND = 1_000_000_000n;
/** Unix time of second 0 of the tests. */
export const BASE_S = 1_795_000_000n;
export const ns = (second: number): bigint => BASE_S * SECOND + BigInt(Math.round(second * 1e9));

type Value = bigint | number;
export type PointInput = {
  readonly attributes?: readonly Attribute[];
  readonly resource?: BatchResource;
  readonly start?: number;
  readonly at?: number;
};

const common = ({ attributes = [], resource, start = 0, at = 10 }: PointInput) => ({
  attributes,
  ...(resource !== undefined && { resource }),
  startUnixNs: ns(start),
  timeUnixNs: ns(at),
});

export const point = (value: Value, input: PointInput = {}): MetricPoint => ({ ...common(input), value });
export const histogramPoint = (
  bounds: readonly number[],
  buckets: readonly bigint[],
  sum: number,
  input: PointInput = {},
): MetricHistogramPoint => ({
  ...common(input),
  bounds,
  buckets,
  sum,
  count: buckets.reduce((all, count) => all + count, 0n),
});

type Named = { readonly description?: string; readonly unit?: string };
const named = (name: string, { description = '', unit = '' }: Named) => ({ name, description, unit });

export const counter = (name: string, points: readonly MetricPoint[], more: Named & { readonly temporality?: 'delta' } = {}): Metric => ({
  ...named(name, more),
  type: 'sum',
  monotonic: true,
  temporality: more.temporality ?? 'cumulative',
  points,
});
export const level = (name: string, points: readonly MetricPoint[], more: Named & { readonly temporality?: 'delta' } = {}): Metric => ({
  ...named(name, more),
  type: 'sum',
  monotonic: false,
  temporality: more.temporality ?? 'cumulative',
  points,
});
export const gauge = (name: string, points: readonly MetricPoint[], more: Named = {}): Metric => ({
  ...named(name, more),
  type: 'gauge',
  points,
});
export const histogram = (
  name: string,
  points: readonly MetricHistogramPoint[],
  more: Named & { readonly temporality?: 'delta' } = {},
): Metric => ({ ...named(name, more), type: 'histogram', temporality: more.temporality ?? 'cumulative', points });

export const batch = (metrics: readonly Metric[], more: Partial<MetricBatch> = {}): MetricBatch => ({
  receiver: 'sockets',
  resource: undefined,
  ...more,
  metrics,
});

/** A table of a configuration, without a server. Scope information is left out unless it is asked for. */
export const tableOf = (options: object = {}, resource: readonly (readonly [string, string])[] = []) => {
  const config = prometheusConfig.parse({ without_scope_info: true, ...options });
  const table = createTable({
    labeller: createLabeller({
      constLabels: config.const_labels,
      withScope: !config.without_scope_info,
      fromResource: labelChoice(config),
    }),
    naming: { namespace: config.namespace ?? '', suffixes: hasSuffixes(config) },
    version: '1.2.3',
    maxSeries: config.max_series,
    expirationMs: config.metric_expiration,
    hostResource: { attributes: resource },
  });
  const page = (nowMs = 0, format: PageFormat = 'text'): string =>
    [...pageText(table.view(nowMs), { format, timestamps: config.send_timestamps })].join('');
  /** Lines without comments. */
  const lines = (nowMs = 0, format: PageFormat = 'text'): readonly string[] =>
    page(nowMs, format)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
  return { table, page, lines };
};

export type Said = { readonly fields: Readonly<Record<string, unknown>>; readonly message: string };

/** An exporter on a port of loopback, by default a free one; it is stopped at the end of the test. */
export const startExporter = async (
  options: object = {},
  { id = 'prometheus', counters = createCounters() }: { readonly id?: string; readonly counters?: Counters } = {},
) => {
  const said: Said[] = [];
  const log = (fields: object, message: string) => void said.push({ fields: { ...fields }, message });
  const exporter: Exporter = prometheusExporter.create(
    {
      id,
      counters,
      logger: { debug() {}, info: log, warn: log, error: log },
      version: '1.2.3',
      resource: [['service.name', 'ringtail']],
      kernel: undefined as never,
    },
    prometheusConfig.parse({ endpoint: '127.0.0.1:0', ...options }) as never,
  );
  await exporter.start();
  onTestFinished(() => exporter.stop(100));
  const endpoint = String(said.find(({ message }) => message === 'metrics are served')!.fields['endpoint']);
  return { exporter, counters, said, endpoint, port: Number(endpoint.split(':').at(-1)) };
};
