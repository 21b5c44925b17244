/** Metrics of every shape, and what should stand in a request of them. */
import fc from 'fast-check';
import type { Attribute, BatchResource } from '../../src/core/batch.ts';
import type { Metric, MetricBatch, MetricHistogramPoint, MetricPoint } from '../../src/core/metric-batch.ts';
import type { PlainPoint } from '../support/otlp-metrics.ts';

const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const attributes: fc.Arbitrary<readonly Attribute[]> = fc.uniqueArray(
  fc.tuple(fc.string({ minLength: 1, maxLength: 12 }), fc.oneof(fc.string({ maxLength: 300 }), fc.boolean(), fc.integer())),
  { maxLength: 4, selector: ([name]) => name },
);
/** Some that say the same and are not the same object. */
const containers: readonly (BatchResource | undefined)[] = [
  undefined,
  undefined,
  ...['a', 'b', 'a'].map((id) => ({ attributes: [['container.id', id.repeat(64)]] as const })),
];
const ofPoint = { resource: fc.constantFrom(...containers) };
const times = { startUnixNs: u64, timeUnixNs: u64 };
const point: fc.Arbitrary<MetricPoint> = fc.record({
  attributes,
  ...ofPoint,
  ...times,
  value: fc.oneof(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), fc.double({ noNaN: true })),
});
const histogramPoint: fc.Arbitrary<MetricHistogramPoint> = fc
  .uniqueArray(fc.integer({ min: -1000, max: 1000 }), { maxLength: 5 })
  .chain((bounds) =>
    fc.record({
      attributes,
      ...ofPoint,
      ...times,
      count: u64,
      sum: fc.double({ noNaN: true }),
      bounds: fc.constant(bounds.toSorted((a, b) => a - b)),
      buckets: fc.array(u64, { minLength: bounds.length + 1, maxLength: bounds.length + 1 }),
    }),
  );
const names = {
  name: fc.string({ minLength: 1, maxLength: 30 }),
  description: fc.string({ maxLength: 50 }),
  unit: fc.constantFrom('', 'By', '{call}', 's'),
};
const temporality = fc.constantFrom('cumulative' as const, 'delta' as const);
const points = fc.array(point, { maxLength: 8 });
const metric: fc.Arbitrary<Metric> = fc.oneof(
  fc.record({ ...names, type: fc.constant('sum' as const), monotonic: fc.boolean(), temporality, points }),
  fc.record({ ...names, type: fc.constant('gauge' as const), points }),
  fc.record({ ...names, type: fc.constant('histogram' as const), temporality, points: fc.array(histogramPoint, { maxLength: 5 }) }),
);

export const metricBatches: fc.Arbitrary<MetricBatch> = fc.record({
  receiver: fc.constantFrom('syscalls', 'syscalls/b'),
  resource: fc.option(fc.record({ attributes }), { nil: undefined }),
  metrics: fc.array(metric, { maxLength: 5 }),
});

const temporalities = { delta: 1, cumulative: 2 } as const;

/** Points in their order; on the wire those of one resource stand together, in the place of the first. */
export const expectedPoints = (
  { receiver, resource, metrics }: MetricBatch,
  host: readonly (readonly [string, string])[],
  version: string,
): readonly PlainPoint[] =>
  metrics.flatMap((one) =>
    one.points.map((of): PlainPoint => {
      const common = {
        resource: (of.resource ?? resource)?.attributes ?? host,
        scope: `ringtail/${receiver.split('/')[0]}`,
        version,
        name: one.name,
        description: one.description,
        unit: one.unit,
        type: one.type,
        temporality: one.type === 'gauge' ? undefined : temporalities[one.temporality],
        monotonic: one.type === 'sum' ? one.monotonic : undefined,
        attributes: Object.fromEntries(of.attributes) as PlainPoint['attributes'],
        startNs: of.startUnixNs,
        timeNs: of.timeUnixNs,
      };
      return 'count' in of
        ? { ...common, value: of.count, sum: of.sum, buckets: [...of.buckets], bounds: [...of.bounds] }
        : { ...common, value: of.value };
    }),
  );
