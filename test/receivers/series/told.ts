/** What a backend makes of metrics: the value of every series there ever was, and whether any of them went back. */
import type { Metric, MetricHistogramPoint, MetricPoint } from '../../../src/core/metric-batch.ts';

type Point = MetricPoint | MetricHistogramPoint;
const numbersOf = (point: Point): readonly number[] =>
  'value' in point ? [Number(point.value)] : [Number(point.count), Math.round(point.sum * 1e9), ...Array.from(point.buckets, Number)];

export const createBackend = () => {
  /** By metric, attributes and start. */
  const series = new Map<string, readonly number[]>();
  const faults: string[] = [];
  /** Of each metric at the last collection. */
  let counts = new Map<string, number>();
  let open = 0;

  return {
    faults,
    /** Series of a metric in the last batch, that of the rest among them. */
    count: (name: string): number => counts.get(name) ?? 0,
    open: (): number => open,
    take(metrics: readonly Metric[]): void {
      counts = new Map(metrics.map(({ name, points }) => [name, points.length]));
      open = 0;
      for (const metric of metrics) {
        const seen = new Set<string>();
        for (const point of metric.points as readonly Point[]) {
          const id = `${metric.name} ${JSON.stringify(point.attributes)}`;
          if (seen.has(id)) faults.push(`${id} is there twice`);
          seen.add(id);
          if (metric.type === 'sum' && !metric.monotonic) {
            open += numbersOf(point)[0]!;
            continue;
          }
          const key = `${id} ${point.startUnixNs}`;
          const [before, now] = [series.get(key), numbersOf(point)];
          const isDelta = metric.type !== 'gauge' && metric.temporality === 'delta';
          if (point.startUnixNs > point.timeUnixNs) faults.push(`${key} begins behind its time`);
          if (!isDelta && before?.some((value, word) => value > now[word]!))
            faults.push(`${key} went from ${before.join()} to ${now.join()}`);
          series.set(key, isDelta && before !== undefined ? now.map((value, word) => value + before[word]!) : now);
        }
      }
    },
    /** All that was ever told of a metric: count or value, and the sum of a histogram. */
    total(name: string): readonly number[] {
      const all = [...series].filter(([key]) => key.startsWith(`${name} `)).map(([, values]) => values);
      return all.reduce<readonly number[]>((sum, values) => values.map((value, word) => value + (sum[word] ?? 0)), [0]);
    },
  };
};
