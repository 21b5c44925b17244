/** Who of those that moved becomes a series of its own, and who is told in that of the rest. */
import { rowState } from './columns.ts';
import { CLASSES, type Entries, type MetricRows, OVERFLOW } from './metric-rows.ts';

/** One collection. Times of Unix, ns but for `nowMs`. */
export type Moment = {
  /** Number of the reading. */
  readonly count: number;
  readonly nowMs: number;
  readonly timeNs: bigint;
  /** Of the collection before. */
  readonly lastNs: bigint;
  /** Since when each class counts; undefined: it does not. */
  readonly began: readonly (bigint | undefined)[];
  readonly maxSeries: number;
};

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** The rows with the largest `raw`, as many as there are places for, and the others. */
const largest = (
  rows: readonly number[],
  { columns: { raw, width } }: MetricRows,
  places: number,
): readonly [readonly number[], readonly number[]] => {
  if (rows.length <= places) return [rows, []];
  if (places <= 0) return [[], rows];
  const sorted = rows.toSorted((a, b) => raw[b * width]! - raw[a * width]!);
  return [sorted.slice(0, places).toSorted((a, b) => a - b), sorted.slice(places)];
};

/** The row becomes a series. */
const admit = (rows: MetricRows, row: number, readings: readonly Entries[], { began, lastNs, timeNs }: Moment): void => {
  const { columns, metric } = rows;
  const { reading, variant = 0 } = metric.parts[columns.part[row]!]!;
  const { keys, keyBytes } = readings[reading]!;
  const ofClass = began[columns.classes[row]!] ?? timeNs;
  columns.state[row] = rowState.told;
  columns.startNs[row] = columns.spilled[row] === 1 ? later(lastNs, ofClass) : later(rows.fenceNs, ofClass);
  columns.attributes[row] = metric.attributesOf(keys, columns.entry[row]! * keyBytes, variant);
  const { told, value, width } = columns;
  told.fill(0, row * width, (row + 1) * width);
  value.fill(0, row * width, (row + 1) * width);
  rows.toldCount++;
};

/** Takes in what the readings added, of what only grows. Returns how many moved and found no place. */
export const settleGrowing = (rows: MetricRows, readings: readonly Entries[], moment: Moment): number => {
  const waiting = rows.move(moment.count, moment.nowMs);
  const [chosen, others] = largest(waiting, rows, moment.maxSeries - rows.toldCount);
  for (const row of chosen) {
    admit(rows, row, readings, moment);
    rows.gain(row);
  }
  for (const row of others) rows.spill(row);
  if (rows.hasForgotten) rows.fenceNs = moment.timeNs;
  rows.hasForgotten = false;
  return others.length;
};

/** The same of a level: what there is now. A series that has come to nothing is told once as 0. */
export const settleLevel = (rows: MetricRows, readings: readonly Entries[], moment: Moment): void => {
  const { columns } = rows;
  const { raw, value, state } = columns;
  const waiting: number[] = [];
  let rest = 0;
  for (let row = OVERFLOW + 1; row < rows.end(); row++) {
    const now = raw[row]!;
    const what = state[row]!;
    if (what === rowState.rest) {
      rest += now;
      raw[row] = 0;
    } else if (what === rowState.told) {
      if (now === 0 && value[row] === 0) rows.drop(row);
      value[row] = now;
      raw[row] = 0;
    } else if (what === rowState.waiting) {
      if (now === 0) rows.drop(row);
      else waiting.push(row);
    }
  }
  const [chosen, others] = largest(waiting, rows, moment.maxSeries - rows.toldCount);
  for (const row of chosen) {
    const now = raw[row]!;
    admit(rows, row, readings, moment);
    value[row] = now;
    raw[row] = 0;
  }
  for (const row of others) {
    rest += raw[row]!;
    raw[row] = 0;
  }
  value[OVERFLOW] = rest;
};

/** What belongs to a class that does not count any more is forgotten. */
export const forgetClasses = (rows: MetricRows, began: Moment['began']): void => {
  const { state, classes } = rows.columns;
  for (let row = OVERFLOW + 1; row < rows.end(); row++)
    if (state[row] !== rowState.free && began[classes[row]!] === undefined) rows.drop(row);
};

export const noClasses = (): (bigint | undefined)[] => Array.from({ length: CLASSES }, () => undefined);
