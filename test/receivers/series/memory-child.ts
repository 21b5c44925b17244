/**
 * Offers the series of sessions a million keys, each of a cgroup that lives for a moment: `node --expose-gc memory-child.ts`. Prints as JSON the bytes of
 * RssAnon before and behind, the totals as they were and as they were told, and the most series and rows that there were.
 */
import type { Metric } from '../../../src/core/metric-batch.ts';
import { mapLayout, netTransport } from '../../../src/kernel/layouts.gen.ts';
import { ownAnonymousBytes } from '../../../src/kernel/procfs/own-memory.ts';
import { countWord, restWord } from '../../../src/kernel/sockets/counts.ts';
import { sessionSeries } from '../../../src/receivers/sockets/metrics-series.ts';
import { createSeriesTable } from '../../../src/receivers/shared/series/table.ts';
import { metricName } from '../../../src/otlp/names.ts';

const KEYS = 1_000_000;
const ROUNDS = 250;
const WARM_UP = 5;
const ROOM = 10_240;
const S = 1000;
const { sessionCountKey: layout, sessionCount, sessionLive, sessionRest } = mapLayout;
const [COUNT_WORDS, REST_WORDS] = [sessionCount.size / 8, sessionRest.size / 8];

const rssAnon = (): number => {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  return ownAnonymousBytes();
};

/** By number, which is that of the cgroup too. */
const entries = new Map<number, { opened: number; sent: number }>();
const rest = new Float64Array(REST_WORDS);
const truth = { opened: 0, sent: 0 };

const add = (id: number, sent: number): void => {
  truth.opened++;
  truth.sent += sent;
  const entry = entries.get(id);
  if (entry !== undefined) {
    entry.opened++;
    entry.sent += sent;
  } else if (entries.size < ROOM) entries.set(id, { opened: 1, sent });
  else {
    rest[restWord.ended.opened]!++;
    rest[restWord.ended.sent]! += sent;
  }
};

const readingOf = (all: readonly (readonly [number, { opened: number; sent: number }])[]) => {
  const keys = Buffer.alloc(all.length * layout.size);
  const sums = new Float64Array(all.length * COUNT_WORDS);
  for (const [at, [id, { opened, sent }]] of all.entries()) {
    keys.writeUInt32LE(id, at * layout.size + layout.cgroupId);
    keys[at * layout.size + layout.transport] = netTransport.tcp;
    keys[at * layout.size + layout.family] = 4;
    sums[at * COUNT_WORDS + countWord.opened] = opened;
    sums[at * COUNT_WORDS + countWord.sent] = sent;
  }
  return { count: all.length, keyBytes: layout.size, keys, words: COUNT_WORDS, sums, missed: 0, generation: 1 };
};
const nothing = {
  count: 0,
  keyBytes: layout.size,
  keys: Buffer.alloc(0),
  words: sessionLive.size / 8,
  sums: new Float64Array(0),
  missed: 0,
  generation: 1,
};
const restReading = () => ({
  count: 1,
  keyBytes: 4,
  keys: Buffer.alloc(4),
  words: REST_WORDS,
  sums: rest.slice(),
  missed: 0,
  generation: 1,
});

const table = createSeriesTable(sessionSeries);
const classOf = [() => 1, () => 1, () => 2];
const config = { temporality: 'cumulative', maxSeries: 2000, expiryMs: 60 * S } as const;
let nowMs = 1000 * S;
let next = 1;
let mostRows = 0;
let mostSeries = 0;

/** Of each metric the series that are told, by their attributes, which are one object as long as a series lasts; and the sum of those that ended. */
const told = new Map<string, { now: ReadonlyMap<unknown, number>; ended: number }>();
const take = (metrics: readonly Metric[]): void => {
  for (const { name, points } of metrics) {
    const before = told.get(name) ?? { now: new Map<unknown, number>(), ended: 0 };
    const now = new Map<unknown, number>(
      points.map((point) => [point.attributes, 'value' in point ? Number(point.value) : Number(point.count)] as const),
    );
    for (const [series, value] of before.now) if (!now.has(series)) before.ended += value;
    told.set(name, { now, ended: before.ended });
    mostSeries = Math.max(mostSeries, points.length);
  }
};
const totalOf = (name: string): number => {
  const { now, ended } = told.get(name)!;
  return [...now.values()].reduce((sum, value) => sum + value, ended);
};

const collect = (): void => {
  nowMs += 30 * S;
  const readings = [readingOf([...entries]), nothing, restReading()];
  // all but the newest are gone
  const how = { nowMs, timeNs: BigInt(nowMs) * 1_000_000n, classOf, config, isGone: (id: number) => id < next - KEYS / ROUNDS };
  take(table.collect(readings, how));
  const ids = table.dead(readings, how).map((key) => Buffer.from(key).readUInt32LE(layout.cgroupId));
  table.retire(readingOf(ids.map((id) => [id, entries.get(id)!] as const)), classOf);
  for (const id of ids) entries.delete(id);
  mostRows = Math.max(mostRows, table.rows);
};

table.begin(new Set([1, 2]), BigInt(nowMs) * 1_000_000n, nowMs, [readingOf([]), nothing, restReading()], classOf);
const offer = (rounds: number): void => {
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < KEYS / ROUNDS; i++) add(next, (next++ % 1000) + 1);
    collect();
  }
};

// the code is there, and the maps are full, before it counts
offer(WARM_UP);
const before = rssAnon();
offer(ROUNDS);
console.log(
  JSON.stringify({
    offered: next - 1,
    grown: rssAnon() - before,
    truth,
    told: { opened: totalOf(metricName.sessionOpened), sent: totalOf(metricName.networkIo) },
    mostSeries,
    mostRows,
  }),
);
