/** Rows as points of a metric. */
import type { Attribute } from '../../../core/batch.ts';
import type { Metric, MetricHistogramPoint, MetricPoint } from '../../../core/metric-batch.ts';
import { metricAttributeName } from '../../../otlp/names.ts';
import { rowState } from './columns.ts';
import { type MetricRows, OVERFLOW } from './metric-rows.ts';
import type { SeriesConfig } from './types.ts';

export type Telling = {
  readonly timeNs: bigint;
  /** When this was told last. */
  readonly toldNs: bigint;
  /** Since when anything of the table counts. */
  readonly beganNs: bigint;
  readonly temporality: SeriesConfig['temporality'];
};

const overflowAttributes: readonly Attribute[] = [[metricAttributeName.overflow, true]];
const NS_PER_S = 1e9;
const SMALL = 1024;
/** Most buckets are empty or hold little. */
const small: readonly bigint[] = Array.from({ length: SMALL }, (_, value) => BigInt(value));
const whole = (value: number): bigint => (value < SMALL ? small[value]! : BigInt(value));

/** Calls back for each series that is told now, with where its words begin, and 1 when they are to be told less what was told before. */
const eachTold = (rows: MetricRows, { toldNs, beganNs, temporality }: Telling, tell: (row: number, startNs: bigint) => void): void => {
  const { columns, metric, end } = rows;
  const { state, value, told, startNs, width } = columns;
  const isLevel = metric.type === 'level';
  const isDelta = temporality === 'delta' && !isLevel;
  const one = (row: number, beginNs: bigint): void => {
    const at = row * width;
    const isMoved = value[at] !== told[at];
    if (isDelta ? isMoved : isLevel ? row !== OVERFLOW || isMoved || value[at]! > 0 : value[at]! > 0)
      tell(row, isDelta && toldNs > beginNs ? toldNs : beginNs);
    if (isMoved) for (let i = at; i < at + width; i++) told[i] = value[i]!;
  };
  for (let row = OVERFLOW + 1; row < end(); row++) if (state[row] === rowState.told) one(row, startNs[row]!);
  one(OVERFLOW, beganNs);
};

const numberPoints = (rows: MetricRows, telling: Telling): readonly MetricPoint[] => {
  const { columns, metric } = rows;
  const { value, told, attributes } = columns;
  const { timeNs } = telling;
  const isDelta = telling.temporality === 'delta' && metric.type !== 'level';
  const points: MetricPoint[] = [];
  eachTold(rows, telling, (row, startNs) => {
    points.push({
      attributes: row === OVERFLOW ? overflowAttributes : attributes[row]!,
      startUnixNs: startNs,
      timeUnixNs: timeNs,
      value: whole(isDelta ? value[row]! - told[row]! : value[row]!),
    });
  });
  return points;
};

const histogramPoints = (rows: MetricRows, bounds: readonly number[], telling: Telling): readonly MetricHistogramPoint[] => {
  const { value, told, attributes, width } = rows.columns;
  const { timeNs, temporality } = telling;
  const points: MetricHistogramPoint[] = [];
  eachTold(rows, telling, (row, startNs) => {
    const at = row * width;
    const less = temporality === 'delta' ? told : undefined;
    const of = (word: number): number => value[at + word]! - (less === undefined ? 0 : less[at + word]!);
    const buckets: bigint[] = [];
    for (let word = 2; word < width; word++) buckets.push(whole(of(word)));
    points.push({
      attributes: row === OVERFLOW ? overflowAttributes : attributes[row]!,
      startUnixNs: startNs,
      timeUnixNs: timeNs,
      count: whole(of(0)),
      sum: of(1) / NS_PER_S,
      bounds,
      buckets,
    });
  });
  return points;
};

/** The metric as it is told now; undefined: it has no points. */
export const metricOf = (rows: MetricRows, telling: Telling): Metric | undefined => {
  const { name, description, unit, ...what } = rows.metric;
  const { temporality } = telling;
  if (what.type === 'histogram') {
    const points = histogramPoints(rows, what.bounds, telling);
    return points.length === 0 ? undefined : { name, description, unit, type: 'histogram', temporality, points };
  }
  const points = numberPoints(rows, telling);
  const isCounter = what.type === 'counter';
  const sum = { type: 'sum', monotonic: isCounter, temporality: isCounter ? temporality : 'cumulative' } as const;
  return points.length === 0 ? undefined : { name, description, unit, ...sum, points };
};
