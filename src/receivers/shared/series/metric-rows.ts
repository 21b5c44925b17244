/** The rows of one metric: what a reading has of each, and what of it is new. */
import { clearRow, type Columns, createColumns, growFor, rowState } from './columns.ts';
import { createKeyRows, type Picks, picksOf } from './key-rows.ts';
import type { Reading, SeriesMetric, SeriesPart } from './types.ts';

/** Classes are numbers below this. */
export const CLASSES = 256;
/** The row of the series of the rest. */
export const OVERFLOW = 0;
/** Of an entry that does not count. */
export const NO_CLASS = -1;
/** For so many readings what was in the series of the rest may still be met in a place of its own. */
const YOUNG_READINGS = 2;
/** For so many readings the kernel's map may lack a row before it is forgotten: what ends between two walks is in the next one. */
const ABSENT_READINGS = 2;
const CGROUP_BYTES = 8;

/** A reading as the rows of all metrics go over it. */
export type Entries = {
  readonly reading: Reading;
  readonly keys: Buffer;
  readonly words: Uint32Array;
  readonly keyBytes: number;
  /** Class of each entry, NO_CLASS: it does not count. */
  readonly classes: Int16Array;
};

export type MetricRows = {
  readonly metric: SeriesMetric;
  readonly columns: Columns;
  /** Rows are below it. */
  readonly end: () => number;
  /** Series that are told by themselves. */
  toldCount: number;
  /** Unix time, ns: when a row was forgotten last that had been told. The key may come back, and its series begins behind that. */
  fenceNs: bigint;
  /** A row that had been told was forgotten since `fenceNs`. */
  hasForgotten: boolean;
  /** Adds what the readings have to `raw`. */
  add(readings: readonly Entries[], count: number, nowMs: number): void;
  /** What is there counts as counted. */
  prime(): void;
  /** Tells what is new of each row: of series it is added to their value, of the rest to the overflow; the others are handed back, with what is new in `raw`. */
  move(count: number, nowMs: number): readonly number[];
  /** The row of an entry in this part; -1: there is none. */
  find(part: number, entries: Entries, entry: number): number;
  drop(row: number): void;
  /** What is new of it belongs to its own series ... */
  gain(row: number): void;
  /** ... or to that of the rest. */
  spill(row: number): void;
  /** The kernel counts from nothing. */
  restart(): void;
  /** What was taken out of the kernel's map, behind the reading of this number. */
  retire(part: number, entries: Entries, count: number, nowMs: number): void;
};

type Part = SeriesPart & { readonly picks: Picks; readonly tag: number };

const widthOf = ({ parts }: SeriesMetric): number => Math.max(...parts.map(({ words }) => words.length));

export const createMetricRows = (metric: SeriesMetric, keyBytes: number, cgroupAt: number | undefined): MetricRows => {
  const parts: readonly Part[] = metric.parts.map((part) => ({
    ...part,
    picks: part.isRest === true ? picksOf([], 0) : picksOf(part.tells, keyBytes),
    tag: part.variant ?? 0,
  }));
  const width = widthOf(metric);
  const columns = createColumns(width);
  const keyRows = createKeyRows(Math.max(...parts.map(({ picks }) => picks.words.length)));
  /** Of each class. */
  const restRows = new Int32Array(CLASSES).fill(-1);
  /** Rows of the rest that have less than before, and how much of it was met nowhere yet. */
  let owing: { readonly row: number; by: number }[] = [];
  let owed = 0;
  const tellsCgroup = ({ isRest, tells }: Part): boolean =>
    isRest === true || tells.some(([from, to]) => cgroupAt !== undefined && from <= cgroupAt && to >= cgroupAt + CGROUP_BYTES);
  /** In words; undefined: a series is of several cgroups. */
  const ownCgroupAt = cgroupAt !== undefined && parts.every(tellsCgroup) ? cgroupAt / 4 : undefined;

  const begin = (row: number, state: number, count: number, nowMs: number): void => {
    growFor(columns, row);
    clearRow(columns, row);
    columns.state[row] = state;
    columns.born[row] = count;
    columns.movedMs[row] = nowMs;
    columns.cgroup[row] = 0;
  };
  begin(keyRows.alloc(), rowState.rest, 0, 0);

  const restRow = (ofClass: number, count: number, nowMs: number): number => {
    const known = restRows[ofClass]!;
    if (known >= 0) return known;
    const row = keyRows.alloc();
    begin(row, rowState.rest, count, nowMs);
    columns.classes[row] = ofClass;
    return (restRows[ofClass] = row);
  };

  const ownRow = (
    { picks, tag }: Part,
    { words, keyBytes: bytes, classes }: Entries,
    entry: number,
    count: number,
    nowMs: number,
  ): number => {
    const at = (entry * bytes) >> 2;
    const found = keyRows.enter(words, at, picks, tag);
    if (found >= 0) return found;
    const row = ~found;
    begin(row, rowState.waiting, count, nowMs);
    columns.classes[row] = classes[entry]!;
    if (ownCgroupAt !== undefined) columns.cgroup[row] = words[at + ownCgroupAt]! + words[at + ownCgroupAt + 1]! * 0x1_0000_0000;
    return row;
  };

  const addPart = (index: number, entries: Entries, count: number, nowMs: number): void => {
    const part = parts[index]!;
    const { words: wanted, only, isRest = false } = part;
    const { reading, keys, keyBytes: bytes, classes } = entries;
    const { sums, words } = reading;
    const first = wanted[0]!;
    for (let entry = 0; entry < reading.count; entry++) {
      const from = entry * words;
      if (classes[entry] === NO_CLASS || sums[from + first] === 0) continue;
      if (only !== undefined && !only(keys, entry * bytes)) continue;
      const row = isRest ? restRow(classes[entry]!, count, nowMs) : ownRow(part, entries, entry, count, nowMs);
      const { raw, seen, born } = columns;
      if (seen[row]! + 1 < count) born[row] = count;
      if (part.reading !== 0) columns.elsewhere[row] = count;
      for (let i = 0; i < wanted.length; i++) raw[row * width + i]! += sums[from + wanted[i]!]!;
      seen[row] = count;
      columns.part[row] = index;
      columns.entry[row] = entry;
    }
  };

  /** Takes what is above the high mark, leaves it in `raw`, and says whether there is any. */
  const takeNew = (row: number): boolean => {
    const { raw, high } = columns;
    let moved = false;
    for (let i = row * width; i < (row + 1) * width; i++) {
      const more = raw[i]! - high[i]!;
      if (more > 0) {
        high[i] = raw[i]!;
        raw[i] = more;
        moved = true;
      } else raw[i] = 0;
    }
    return moved;
  };

  const addTo = (to: number, row: number): void => {
    const { raw, value } = columns;
    for (let i = 0; i < width; i++) {
      value[to * width + i]! += raw[row * width + i]!;
      raw[row * width + i] = 0;
    }
  };

  /** What was in the series of the rest before and is there no more: it may be met in a place of its own. */
  const moveRest = (): void => {
    const { raw, high } = columns;
    owing = [];
    owed = 0;
    for (const row of restRows) {
      if (row < 0) continue;
      const by = width === 1 ? high[row]! - raw[row]! : 0;
      if (by > 0) {
        owing.push({ row, by });
        owed += by;
      }
      if (takeNew(row)) addTo(OVERFLOW, row);
    }
  };

  /** Of what is new of a row so much was told in the series of the rest. */
  const payBack = (row: number): void => {
    const { raw, high, spilled } = columns;
    let left = Math.min(owed, raw[row]! - high[row]!);
    if (left <= 0) return;
    owed -= left;
    high[row]! += left;
    spilled[row] = 1;
    for (const one of owing) {
      const less = Math.min(left, one.by);
      high[one.row]! -= less;
      one.by -= less;
      left -= less;
    }
  };

  const spill = (row: number): void => {
    addTo(OVERFLOW, row);
    columns.spilled[row] = 1;
  };

  const drop = (row: number): void => {
    const { state, classes } = columns;
    if (state[row] === rowState.told) rows.toldCount--;
    if (state[row] === rowState.told || columns.spilled[row] === 1) rows.hasForgotten = true;
    if (restRows[classes[row]!] === row) restRows[classes[row]!] = -1;
    state[row] = rowState.free;
    columns.attributes[row] = [];
    keyRows.drop(row);
  };

  const find = (part: number, { words, keyBytes: bytes }: Entries, entry: number): number => {
    const { picks, tag } = parts[part]!;
    return keyRows.find(words, (entry * bytes) >> 2, picks, tag);
  };

  const rows: MetricRows = {
    metric,
    columns,
    end: () => keyRows.end,
    toldCount: 0,
    fenceNs: 0n,
    hasForgotten: false,
    add(readings, count, nowMs) {
      for (const [index, { reading }] of parts.entries()) addPart(index, readings[reading]!, count, nowMs);
    },
    prime() {
      const { raw, high, state } = columns;
      for (let row = 0; row < keyRows.end; row++) {
        if (state[row] === rowState.free) continue;
        for (let i = row * width; i < (row + 1) * width; i++) {
          if (raw[i]! > 0) high[i] = raw[i]!;
          raw[i] = 0;
        }
      }
    },
    move(count, nowMs) {
      moveRest();
      const { state, seen, born } = columns;
      const waiting: number[] = [];
      for (let row = OVERFLOW + 1; row < keyRows.end; row++) {
        const now = state[row];
        if (now === rowState.free || now === rowState.rest) continue;
        if (owed > 0 && count - born[row]! < YOUNG_READINGS) payBack(row);
        if (takeNew(row)) {
          columns.movedMs[row] = nowMs;
          if (now === rowState.told) addTo(row, row);
          else if (seen[row] === count) waiting.push(row);
          else spill(row); // its key is nowhere any more
        } else if (now === rowState.waiting && count - seen[row]! >= ABSENT_READINGS) drop(row);
      }
      return waiting;
    },
    find,
    drop,
    gain: (row) => addTo(row, row),
    spill,
    restart() {
      const { high } = columns;
      for (let i = 0; i < keyRows.end * width; i++) high[i] = Math.min(0, high[i]!);
    },
    retire(index, entries, count, nowMs) {
      const part = parts[index]!;
      const { words: wanted, only } = part;
      const { reading, keys, keyBytes: bytes, classes } = entries;
      for (let entry = 0; entry < reading.count; entry++) {
        if (classes[entry] === NO_CLASS || (only !== undefined && !only(keys, entry * bytes))) continue;
        const from = entry * reading.words;
        if (reading.sums[from + wanted[0]!] === 0) continue;
        const row = ownRow(part, entries, entry, count, nowMs);
        // what came behind the last reading is told with the next one
        for (let i = 0; i < wanted.length; i++) columns.high[row * width + i]! -= reading.sums[from + wanted[i]!]!;
      }
    },
  };
  return rows;
};
