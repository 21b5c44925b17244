/** The series of one receiver: all metrics of its definition, over readings of the kernel's maps. */
import type { Metric } from '../../../core/metric-batch.ts';
import { rowState } from './columns.ts';
import { wordsOf } from './key-rows.ts';
import { createMetricRows, type Entries, type MetricRows, NO_CLASS, OVERFLOW } from './metric-rows.ts';
import { metricOf } from './points.ts';
import { forgetClasses, type Moment, noClasses, settleGrowing, settleLevel } from './settle.ts';
import type { ClassOf, IsGone, Reading, SeriesConfig, SeriesDefinition } from './types.ts';

export type Collecting = {
  /** Unix time. */
  readonly nowMs: number;
  readonly timeNs: bigint;
  readonly classOf: ClassOf;
  readonly config: SeriesConfig;
  /** Without it nothing is known to be gone. */
  readonly isGone?: IsGone | undefined;
  /** Series of other cgroups end; without it there are none. */
  readonly shows?: ((cgroupId: number) => boolean) | undefined;
};

export type SeriesTable = {
  /** From now on these classes count, beside those that do; what the readings have of them does not. Undefined: there is nothing yet. */
  begin(classes: ReadonlySet<number>, startNs: bigint, nowMs: number, readings: readonly Reading[] | undefined, classOf: ClassOf): void;
  /** What belongs to these classes is told no more. */
  end(classes: ReadonlySet<number>): void;
  /** Takes readings in and gives the metrics that have points now. */
  collect(readings: readonly Reading[], how: Collecting): readonly Metric[];
  /** Keys of the first reading whose cgroups are gone and which did not move for the expiry; asked behind `collect`, seldom more than none. */
  dead(readings: readonly Reading[], how: Collecting): readonly Uint8Array[];
  /** These were taken out of the map of the first reading. */
  retire(taken: Reading, classOf: ClassOf): void;
  readonly rows: number;
};

/** Who did not move for so many times the expiry makes room for others. */
const IDLE_EXPIRIES = 10;
/** So many times in an expiry is looked for what is over it. */
const LOOKS = 5;

const levels = ({ metric }: MetricRows): boolean => metric.type === 'level';

export const createSeriesTable = ({ keyBytes, cgroupAt, metrics }: SeriesDefinition): SeriesTable => {
  const all = metrics.map((metric) => createMetricRows(metric, keyBytes, cgroupAt));
  const began = noClasses();
  let beganNs: bigint | undefined;
  let lastNs = 0n;
  let count = 0;
  let generation: number | undefined;
  let lastMs = 0;
  let lookedMs = -Infinity;
  /** Keys of the kernel that may be taken out if the next look finds them so too: what holds nothing yet may have been made just now. */
  let doomed = new Set<string>();
  let isLooking = false;
  /** Of this collection, by number. */
  let gone = new Map<number, boolean>();

  const entriesOf = (reading: Reading, classify: (keys: Buffer, at: number) => number, wanted: (ofClass: number) => boolean): Entries => {
    const keys = reading.seriesKeys ?? reading.keys;
    const bytes = reading.count === 0 ? 0 : keys.length / reading.count;
    const classes = new Int16Array(reading.count);
    for (let entry = 0; entry < reading.count; entry++) {
      const ofClass = classify(keys, entry * bytes);
      classes[entry] = ofClass >= 0 && wanted(ofClass) ? ofClass : NO_CLASS;
    }
    return { reading, keys, words: wordsOf(keys), keyBytes: bytes, classes };
  };
  const isCounted = (ofClass: number): boolean => began[ofClass] !== undefined;
  const allEntries = (readings: readonly Reading[], classOf: ClassOf, wanted: (ofClass: number) => boolean): readonly Entries[] =>
    readings.map((reading, index) => entriesOf(reading, classOf[index]!, wanted));

  const noteGeneration = (readings: readonly Reading[]): void => {
    const now = readings[0]?.generation;
    if (generation !== undefined && now !== generation) for (const rows of all) rows.restart();
    generation = now;
  };

  const isDead = (cgroup: number, isGone: IsGone | undefined): boolean => {
    if (isGone === undefined || cgroup === 0) return false;
    let known = gone.get(cgroup);
    if (known === undefined) gone.set(cgroup, (known = isGone(cgroup)));
    return known;
  };

  /** Whether what an entry of the first reading counts for did not move since, and is not open anywhere. */
  const hasRested = (rows: MetricRows, entries: Entries, entry: number, sinceMs: number): boolean =>
    rows.metric.parts.every((part, index) => {
      if (part.reading !== 0) return true;
      const row = rows.find(index, entries, entry);
      return row < 0 || (rows.columns.movedMs[row]! <= sinceMs && rows.columns.elsewhere[row] !== count);
    });

  /** It is told no more; what it counted stays counted. */
  const endSeries = (rows: MetricRows, row: number, timeNs: bigint): void => {
    rows.columns.state[row] = rowState.waiting;
    rows.columns.spilled[row] = 1;
    rows.toldCount--;
    rows.fenceNs = timeNs;
  };

  /** They were told a last time. */
  const expire = (rows: MetricRows, waiting: number, { nowMs, timeNs, config: { expiryMs }, isGone }: Collecting): void => {
    const { state, movedMs, cgroup } = rows.columns;
    let places = waiting;
    for (let row = OVERFLOW + 1; row < rows.end(); row++) {
      const restedMs = nowMs - movedMs[row]!;
      if (state[row] !== rowState.told || restedMs < expiryMs) continue;
      const isIdle = places > 0 && restedMs >= IDLE_EXPIRIES * expiryMs;
      if (!isIdle && !(isLooking && isDead(cgroup[row]!, isGone))) continue;
      if (isIdle) places--;
      endSeries(rows, row, timeNs);
    }
  };

  const hide = (rows: MetricRows, shows: (cgroupId: number) => boolean, timeNs: bigint): void => {
    const { state, cgroup } = rows.columns;
    for (let row = OVERFLOW + 1; row < rows.end(); row++)
      if (state[row] === rowState.told && !shows(cgroup[row]!)) endSeries(rows, row, timeNs);
  };

  return {
    begin(classes, startNs, nowMs, readings, classOf) {
      if (readings !== undefined) {
        noteGeneration(readings);
        const entries = allEntries(readings, classOf, (ofClass) => classes.has(ofClass));
        for (const rows of all) {
          if (levels(rows)) continue;
          rows.add(entries, count, nowMs);
          rows.prime();
        }
      }
      for (const ofClass of classes) began[ofClass] = startNs;
      beganNs ??= startNs;
      if (lastNs === 0n) lastNs = startNs;
    },
    end(classes) {
      for (const ofClass of classes) began[ofClass] = undefined;
      for (const rows of all) forgetClasses(rows, began);
    },
    collect(readings, how) {
      const { nowMs, timeNs, classOf, config, shows } = how;
      count++;
      noteGeneration(readings);
      gone = new Map();
      isLooking = nowMs - lookedMs >= config.expiryMs / LOOKS;
      if (isLooking) lookedMs = nowMs;
      const entries = allEntries(readings, classOf, isCounted);
      const moment: Moment = { count, nowMs, timeNs, lastNs, began, maxSeries: config.maxSeries };
      const telling = { timeNs, toldNs: lastNs, beganNs: beganNs ?? timeNs, temporality: config.temporality };
      const told = all.flatMap((rows): readonly Metric[] => {
        rows.add(entries, count, nowMs);
        const isLevel = levels(rows);
        if (shows !== undefined && !isLevel) hide(rows, shows, timeNs);
        const waiting = isLevel ? 0 : settleGrowing(rows, entries, moment);
        if (isLevel) settleLevel(rows, entries, moment);
        const metric = metricOf(rows, telling);
        if (!isLevel && (isLooking || waiting > 0)) expire(rows, waiting, how);
        return metric === undefined ? [] : [metric];
      });
      lastNs = timeNs;
      lastMs = nowMs;
      return told;
    },
    dead(readings, { nowMs, classOf, config: { expiryMs }, isGone }) {
      const reading = readings[0];
      if (!isLooking || isGone === undefined || cgroupAt === undefined || reading === undefined) return [];
      const entries = entriesOf(reading, classOf[0]!, isCounted);
      const { words, keyBytes: bytes, classes } = entries;
      const before = doomed;
      doomed = new Set();
      const keys: Uint8Array[] = [];
      for (let entry = 0; entry < reading.count; entry++) {
        const at = (entry * bytes + cgroupAt) >> 2;
        if (classes[entry] === NO_CLASS || !isDead(words[at]! + words[at + 1]! * 0x1_0000_0000, isGone)) continue;
        if (!all.every((rows) => hasRested(rows, entries, entry, nowMs - expiryMs))) continue;
        const key = reading.keys.subarray(entry * reading.keyBytes, (entry + 1) * reading.keyBytes);
        const text = key.toString('latin1');
        if (before.has(text)) keys.push(key);
        else doomed.add(text);
      }
      return keys;
    },
    retire(taken, classOf) {
      const entries = entriesOf(taken, classOf[0]!, isCounted);
      for (const rows of all)
        for (const [index, part] of rows.metric.parts.entries()) if (part.reading === 0) rows.retire(index, entries, count, lastMs);
    },
    get rows() {
      return all.reduce((sum, { end }) => sum + end(), 0);
    },
  };
};
