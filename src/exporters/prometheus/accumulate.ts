/** The latest of a series out of what it was and what came. */
import type { Metric, MetricHistogramPoint, MetricPoint } from '../../core/metric-batch.ts';

export type Point = MetricPoint | MetricHistogramPoint;

const sumOf = (a: bigint | number, b: bigint | number): bigint | number =>
  typeof a === 'bigint' && typeof b === 'bigint' ? a + b : Number(a) + Number(b);

const areEqual = (a: readonly number[], b: readonly number[]): boolean =>
  a === b || (a.length === b.length && a.every((bound, index) => bound === b[index]));

/** A histogram with other bounds than before begins anew. */
const grown = (before: Point, point: Point): Point => {
  const { startUnixNs } = before;
  if ('value' in point) return 'value' in before ? { ...point, startUnixNs, value: sumOf(before.value, point.value) } : point;
  if ('value' in before || !areEqual(before.bounds, point.bounds)) return point;
  const buckets = point.buckets.map((count, index) => count + before.buckets[index]!);
  return { ...point, startUnixNs, count: before.count + point.count, sum: before.sum + point.sum, buckets };
};

export const isDelta = (metric: Metric): boolean => metric.type !== 'gauge' && metric.temporality === 'delta';

/** Undefined: the point tells of a time that what came before it has told of already. Gaps between points of a delta add nothing and take nothing away. */
export const accumulated = (metric: Metric, before: Point | undefined, point: Point): Point | undefined => {
  if (before === undefined || !isDelta(metric)) return point;
  return point.startUnixNs < before.timeUnixNs ? undefined : grown(before, point);
};
