/**
 * Sums that the kernel keeps, as series of metrics: which of them are told by themselves, since when, and what becomes of the rest. A unit that the kernel
 * counted is told in exactly one series, and none of them ever goes down but a level.
 */
import type { Attribute } from '../../../core/batch.ts';
import type { Reading } from '../../../kernel/sums.ts';

/** Where a metric finds its series. */
export type SeriesPart = {
  /** Index of the reading in what is collected. */
  readonly reading: number;
  /** Which bytes of the key tell series apart: ranges [from, to), in ascending order; the same in all parts of a metric but those of the rest. */
  readonly tells: readonly (readonly [from: number, to: number])[];
  /** Indices of the words of an entry: one of a counter or level; of a histogram the count, the sum in ns, and the buckets. An entry whose first one is 0 is no series. */
  readonly words: readonly number[];
  /** Tells the series of this part from those of others of the metric, as the direction does; 0 by default. */
  readonly variant?: number;
  /** Which entries count, when it is not all of them. */
  readonly only?: (keys: Buffer, at: number) => boolean;
  /** What these entries hold found no room in a map of the kernel: it belongs to the series of the rest, and `tells` says nothing. */
  readonly isRest?: true;
};

export type SeriesMetric = {
  readonly name: string;
  readonly description: string;
  /** UCUM. */
  readonly unit: string;
  readonly parts: readonly SeriesPart[];
  /** Called once a series. `at` is where its key begins. */
  readonly attributesOf: (keys: Buffer, at: number, variant: number) => readonly Attribute[];
} & (
  | { readonly type: 'counter' | 'level' }
  /** Upper bounds of the buckets, in s; one bucket more than bounds. */
  | { readonly type: 'histogram'; readonly bounds: readonly number[] }
);

/** Static; the same for each instance of a receiver. */
export type SeriesDefinition = {
  /** Bytes of a key of all readings but those of the rest; a multiple of four. */
  readonly keyBytes: number;
  /** Where in it the number of a cgroup stands, or of what else a series can be of and may be gone; undefined: nowhere, and nothing dies. */
  readonly cgroupAt: number | undefined;
  readonly metrics: readonly SeriesMetric[];
};

export type SeriesConfig = {
  readonly temporality: 'cumulative' | 'delta';
  /** Most series of each metric that are told by themselves; the rest of them are one, with `otel.metric.overflow`. */
  readonly maxSeries: number;
  /** A series that did not move for so long, and whose cgroup is gone, is told no more. One that did not move for ten times that makes room for others. */
  readonly expiryMs: number;
};

/** Of an entry of the reading of this index: to which class it belongs, each of which is counted since a moment of its own; -1: it does not count. */
export type ClassOf = readonly ((keys: Buffer, at: number) => number)[];

/** Whether a cgroup is gone for good. */
export type IsGone = (cgroupId: number) => boolean;

export type { Reading };
