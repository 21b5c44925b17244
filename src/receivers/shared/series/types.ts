/** Sums that the kernel keeps, as series of metrics: which of them are told, since when, and what becomes of the rest. */
import type { Attribute } from '../../../core/batch.ts';
import type { MetricBatch } from '../../../core/metric-batch.ts';

/** Entries of a map of the kernel at one moment. Keys lie one behind the other; values are words of 64 bits, of all CPUs together, as doubles: exact to 2^53. */
export type Sums = {
  readonly count: number;
  readonly keyBytes: number;
  readonly keys: Buffer;
  /** Words of one value. */
  readonly words: number;
  readonly sums: Float64Array;
};

/** One metric of a table. The key of a series is the key of the entry, or the part of it that `keyOf` leaves: what it zeroes is not told apart. */
export type SeriesMetric = {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly attributesOf: (keys: Buffer, at: number) => readonly Attribute[];
  /** Which bytes of the key tell series apart: ranges [from, to). */
  readonly tells: readonly (readonly [from: number, to: number])[];
} & (
  | { /** Index of the word. */ readonly type: 'counter'; readonly word: number }
  | { readonly type: 'level'; readonly word: number }
  /** Words `count`, `sum` (in ns) and the buckets behind `buckets`; bounds in s. */
  | {
      readonly type: 'histogram';
      readonly countWord: number;
      readonly sumWord: number;
      readonly bucketsWord: number;
      readonly bounds: readonly number[];
    }
);

export type SeriesConfig = {
  readonly temporality: 'cumulative' | 'delta';
  /** Most series of each metric that are told by themselves; the rest of them are one, with `otel.metric.overflow`. */
  readonly maxSeries: number;
  /** A series that did not move for so long, and whose cgroup is gone, is not told any more. */
  readonly expiryMs: number;
};

export type SeriesTable = {
  /** Takes a reading in and makes the batch of it; undefined when there is nothing to tell. */
  collect(sums: Sums, rest: Float64Array, timeUnixNs: bigint): MetricBatch | undefined;
};
