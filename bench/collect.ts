/**
 * What a collection of the metrics of sockets takes of the main thread: five series a key, all of which moved since the one before; everything behind the
 * reading of the kernel's maps, which is done elsewhere, and before encoding. A copy of what was read is part of it, as the addon makes one.
 *
 * usage: node bench/collect.ts [rounds] [folder of another checkout, which is measured beside it]
 */
import { pathToFileURL } from 'node:url';
import * as config from '../src/receivers/sockets/config.ts';
import * as metrics from '../src/receivers/sockets/metrics.ts';
import { mapLayout, netTransport, sessionState } from '../src/kernel/layouts.gen.ts';
import { quartiles, ratios, show } from './measure.ts';

const rounds = Number(process.argv[2] ?? 20);
const other = process.argv[3];
const SERIES_A_KEY = 5;
const sizes = [10, 100, 1_000, 10_000, 50_000];
const WARM_UP = 3;
const LEAST_POINTS = 50_000;

const { sessionCountKey: key, sessionCount: count, sessionLive: live, sessionRest: rest } = mapLayout;

type Kernel = Parameters<typeof metrics.createSessionMetrics>[0]['kernel'];
type Entries = { readonly keys: Buffer; readonly values: Buffer; readonly valueBytes: number };

/** Maps of so many keys, on one CPU, whose values grow with each round. */
const createMaps = (keys: number) => {
  const keyBytes = Buffer.alloc(keys * key.size);
  for (let entry = 0; entry < keys; entry++) {
    const at = entry * key.size;
    keyBytes.writeBigUInt64LE(BigInt(1000 + entry), at + key.cgroupId);
    keyBytes.writeBigUInt64LE(BigInt(1 + (entry % 50)), at + key.netnsCookie);
    keyBytes[at + key.transport] = netTransport.tcp;
    keyBytes[at + key.family] = 4;
    keyBytes[at + key.role] = 1;
  }
  const liveKeys = Buffer.from(keyBytes);
  for (let entry = 0; entry < keys; entry++) liveKeys[entry * key.size + key.state] = sessionState.tcpEstablished;
  const all: Record<string, Entries> = {
    session_counts: { keys: keyBytes, values: Buffer.alloc(keys * count.size), valueBytes: count.size },
    session_live: { keys: liveKeys, values: Buffer.alloc(keys * live.size), valueBytes: live.size },
    session_rest: { keys: Buffer.alloc(4), values: Buffer.alloc(rest.size), valueBytes: rest.size },
  };
  const grow = (): void => {
    for (let entry = 0; entry < keys; entry++) {
      const add = (map: string, at: number, by: bigint): void => {
        const { values } = all[map]!;
        values.writeBigUInt64LE(values.readBigUInt64LE(at) + by, at);
      };
      const at = entry * count.size;
      add('session_counts', at + count.opened, 1n);
      add('session_counts', at + count.ended, 1n);
      add('session_counts', at + count.sent, BigInt(100_000 + entry));
      add('session_counts', at + count.received, 2_000n);
      add('session_counts', at + count.durationNs, 123_456_789n);
      add('session_counts', at + count.durations + 8 * (entry % 14), 1n);
      add('session_live', entry * live.size + live.open, 1n);
      add('session_live', entry * live.size + live.sent, 777n);
    }
  };
  const wholeSums = (values: Buffer): Float64Array =>
    Float64Array.from({ length: values.length / 8 }, (_, word) => Number(values.readBigUInt64LE(8 * word)));
  let sums = new Map<string, Float64Array>();
  const sizesOf = ({ keys: bytes }: Entries, map: string) => {
    const size = map === 'session_rest' ? 4 : key.size;
    return { count: bytes.length / size, keyBytes: size };
  };
  return {
    /** What the kernel did since the last collection, and what is done of the reading on another thread. */
    advance(): void {
      grow();
      sums = new Map(Object.entries(all).map(([map, { values }]) => [map, wholeSums(values)]));
    },
    maps: {
      read: (map: string) => ({
        ...sizesOf(all[map]!, map),
        ...all[map]!,
        keys: Buffer.from(all[map]!.keys),
        values: Buffer.from(all[map]!.values),
      }),
      readSums: async (map: string) => ({
        ...sizesOf(all[map]!, map),
        keys: Buffer.from(all[map]!.keys),
        words: all[map]!.valueBytes / 8,
        sums: sums.get(map)!.slice(),
        missed: 0,
        generation: 1,
      }),
      takeSums: async () => undefined,
      walk: async () => true,
      walkNamespaces: async () => true,
      timeWait: async () => undefined,
    },
  };
};

type Code = Pick<typeof metrics, 'createSessionMetrics'> & Pick<typeof config, 'socketsConfig'>;

/** A receiver whose collections are asked for by hand; what each took, ms. */
const subject = async ({ createSessionMetrics, socketsConfig }: Code, options: object, keys: number) => {
  const { advance, maps } = createMaps(keys);
  let collect = async (): Promise<void> => {};
  let points = 0;
  // the kernel tells the time of a thread in ticks of milliseconds
  const collections = Math.ceil(Math.min(100, LEAST_POINTS / (keys * SERIES_A_KEY)));
  const kernel = {
    needSockets: () => ({ change: () => {}, end: () => {} }),
    socketMaps: maps,
    gate: { requires: () => true },
    caughtUp: async () => {},
    cgroups: { size: 1, info: (id: bigint) => ({ id, path: '/', hierarchy: 0, goneAtMs: undefined }) },
    onQuiet(listener: () => Promise<void>) {
      collect = listener;
      return () => {};
    },
  } as unknown as Kernel;
  const logger = { debug() {}, info() {}, warn: (...words: unknown[]) => console.error(...words), error() {} };
  const parsed = socketsConfig.parse({ metrics: { collection_interval: '1h', ...options } });
  const subscription = createSessionMetrics({ receiver: 'sockets', config: parsed, kernel, logger }).subscribe((batch) => {
    points = batch.metrics.reduce((sum, one) => sum + one.points.length, 0);
  });
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  return {
    points: () => points,
    async round(): Promise<number> {
      let spentUs = 0;
      for (let i = 0; i < collections; i++) {
        advance();
        const start = process.threadCpuUsage();
        await collect();
        const { user, system } = process.threadCpuUsage(start);
        spentUs += user + system;
      }
      return spentUs / collections / 1000;
    },
    close: () => subscription.unsubscribe(),
  };
};

const codeIn = async (folder: string): Promise<Code> => {
  const load = (name: string): Promise<object> => import(pathToFileURL(`${folder}/src/receivers/sockets/${name}.ts`).href);
  return { ...(await load('metrics')), ...(await load('config')) } as Code;
};

const before = other === undefined ? undefined : await codeIn(other);
console.log(`a collection, CPU time of the main thread, ms; ${rounds} rounds, median [quartiles]`);
for (const series of sizes) {
  const keys = series / SERIES_A_KEY;
  const mine = await subject({ ...metrics, ...config }, { max_series: 100_000 }, keys);
  const theirs = before && (await subject(before, {}, keys));
  const [now, then]: [number[], number[]] = [[], []];
  for (let round = -WARM_UP; round < rounds; round++) {
    const [one, beside] = [await mine.round(), await theirs?.round()];
    if (round < 0) continue;
    now.push(one);
    if (beside !== undefined) then.push(beside);
  }
  const parts = [`${String(mine.points()).padStart(7)} points`, show(quartiles(now), 2)];
  if (theirs !== undefined)
    parts.push(`the other ${show(quartiles(then), 2)} (${theirs.points()} points)`, `ratio ${show(ratios(now, then), 3)}`);
  console.log(parts.join('   '));
  mine.close();
  theirs?.close();
}
