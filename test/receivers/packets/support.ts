/** A kernel side that has counted what the test says. */
import type { MetricBatch, MetricPoint } from '../../../src/core/metric-batch.ts';
import { mapLayout } from '../../../src/kernel/layouts.gen.ts';
import type { PacketMaps, PacketNeeds, PacketServices, PacketsStatus } from '../../../src/kernel/packets/needs.ts';
import type { Reading } from '../../../src/kernel/sums.ts';
import { packetsConfig } from '../../../src/receivers/packets/config.ts';
import { createPacketMetrics } from '../../../src/receivers/packets/metrics.ts';
import { recordingLogger } from '../../service/fakes.ts';

const S = 1000;
const NS = 1_000_000n;
const { packetKey } = mapLayout;

export type Counted = {
  readonly index: number;
  readonly family?: number;
  readonly transport?: number;
  packets: number;
  bytes?: number;
};

const keyOf = ({ index, family = 1, transport = 2 }: Pick<Counted, 'index' | 'family' | 'transport'>): Buffer => {
  const key = Buffer.alloc(packetKey.size);
  key.writeUInt32LE(index, packetKey.ifindex);
  key[packetKey.family] = family;
  key[packetKey.transport] = transport;
  return key;
};

export const createFakeMaps = () => {
  const listeners = new Set<(index: number, before: string) => void>();
  const state = {
    counts: [] as Counted[] | undefined | Error,
    rest: { packets: 0, bytes: 0 },
    names: new Map<number, string>(),
    gone: new Set<number>(),
    generation: 1,
    taken: [] as number[],
    reads: 0,
  };
  const readingOf = (list: readonly Counted[]): Reading => ({
    count: list.length,
    keyBytes: packetKey.size,
    keys: Buffer.concat(list.map(keyOf)),
    words: 2,
    sums: Float64Array.from(list.flatMap(({ packets, bytes = packets * 100 }) => [packets, bytes])),
    missed: 0,
    generation: state.generation,
  });
  const maps: PacketMaps = {
    async readSums() {
      state.reads++;
      if (state.counts instanceof Error) throw state.counts;
      return state.counts && readingOf(state.counts);
    },
    async readRest() {
      return state.counts && readingOf([{ index: 0, ...state.rest }]);
    },
    async takeSums(keys) {
      if (!Array.isArray(state.counts)) return undefined;
      const wanted = Array.from({ length: keys.length / packetKey.size }, (_, i) =>
        Buffer.from(keys.subarray(i * packetKey.size, (i + 1) * packetKey.size)),
      );
      const isWanted = (one: Counted) => wanted.some((key) => key.equals(keyOf(one)));
      const taken = state.counts.filter(isWanted);
      state.taken.push(...taken.map(({ index }) => index));
      state.counts = state.counts.filter((one) => !isWanted(one));
      return readingOf(taken);
    },
    nameOf: (index) => state.names.get(index),
    onRename(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    isGone: (index) => state.gone.has(index),
  };
  /** As the kernel side tells it. */
  const rename = (index: number, name: string) => {
    const before = state.names.get(index);
    if (before !== undefined && before !== name) for (const listener of listeners) listener(index, before);
    state.names.set(index, name);
    state.gone.delete(index);
  };
  return { maps, state, rename };
};

export const setUp = () => {
  const logger = recordingLogger();
  const claims: { needs: PacketNeeds; ended: boolean }[] = [];
  const quiet = new Set<() => void | Promise<void>>();
  const { maps, state, rename } = createFakeMaps();
  const kernel = {
    packetMaps: maps,
    packets: (): PacketsStatus => ({ rung: 'ebpf', notes: [], interfaces: [] }),
    needPackets(needs: PacketNeeds) {
      const claim = { needs, ended: false };
      claims.push(claim);
      return { change: (next: PacketNeeds) => void (claim.needs = next), end: () => void (claim.ended = true) };
    },
    onQuiet(listener: () => void | Promise<void>) {
      quiet.add(listener);
      return () => quiet.delete(listener);
    },
  } satisfies PacketServices & { onQuiet: unknown };
  const open = (options: Readonly<Record<string, unknown>> = {}, receiver = 'packets/x') => {
    const batches: MetricBatch[] = [];
    const config = packetsConfig.parse(options);
    const subscription = createPacketMetrics({ receiver, config, kernel, logger }).subscribe((batch) => void batches.push(batch));
    return { batches, last: () => batches.flatMap(linesOf).slice(-lengthOfLast(batches)), close: () => subscription.unsubscribe() };
  };
  const lengthOfLast = (batches: readonly MetricBatch[]) => (batches.length === 0 ? 0 : linesOf(batches.at(-1)!).length);
  return { open, state, rename, claims, kernel, logger, rest: () => Promise.all(Array.from(quiet, (listener) => listener())) };
};

/** `name{attributes} value from..to`, in seconds. */
export const linesOf = ({ metrics }: MetricBatch): readonly string[] =>
  metrics.flatMap(({ name, points }) =>
    (points as readonly MetricPoint[]).map(({ attributes, value, startUnixNs, timeUnixNs }) => {
      const seconds = (ns: bigint) => Number(ns / NS) / S;
      const of = attributes.map(([key, one]) => `${key.split('.').at(-1)!}=${String(one)}`).join();
      return `${name.split('.').at(-1)!}{${of}} ${value} ${seconds(startUnixNs)}..${seconds(timeUnixNs)}`;
    }),
  );
