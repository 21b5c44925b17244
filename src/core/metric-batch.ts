/**
 * Metrics of the kernel: what a receiver of a metrics pipeline emits at each collection. Small numbers of points, so they are plain objects. Own
 * telemetry does not come this way.
 */
import type { Attribute, BatchResource } from './batch.ts';

export type MetricPoint = {
  readonly attributes: readonly Attribute[];
  /** What it belongs to, when that is not the resource of the batch: a container for instance. One object for equal resources. */
  readonly resource?: BatchResource | undefined;
  /** Unix time, ns: since when the value counts (of a sum), and when it was read. */
  readonly startUnixNs: bigint;
  readonly timeUnixNs: bigint;
  /** A bigint is told as an integer, a number as a double. */
  readonly value: bigint | number;
};

export type MetricHistogramPoint = Omit<MetricPoint, 'value'> & {
  readonly count: bigint;
  readonly sum: number;
  /** Upper bounds, ascending; one bucket more than bounds. */
  readonly bounds: readonly number[];
  readonly buckets: readonly bigint[];
};

export type Metric = {
  readonly name: string;
  readonly description: string;
  /** UCUM, for instance `By`, `{call}`. */
  readonly unit: string;
} & (
  | {
      readonly type: 'sum';
      readonly monotonic: boolean;
      readonly temporality: 'cumulative' | 'delta';
      readonly points: readonly MetricPoint[];
    }
  | { readonly type: 'gauge'; readonly points: readonly MetricPoint[] }
  | { readonly type: 'histogram'; readonly temporality: 'cumulative' | 'delta'; readonly points: readonly MetricHistogramPoint[] }
);

/** Immutable; unlike a `Batch` it may be kept. */
export type MetricBatch = {
  /** Id of the receiver that emits it, `type[/name]`. */
  readonly receiver: string;
  /** When it is not the resource of the exporter's settings. */
  readonly resource: BatchResource | undefined;
  readonly metrics: readonly Metric[];
};

export const pointsOf = ({ metrics }: MetricBatch): number => metrics.reduce((sum, { points }) => sum + points.length, 0);
