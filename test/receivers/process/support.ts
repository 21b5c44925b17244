/** A kernel side that counts what the test says. */
import type { MetricBatch, MetricPoint } from '../../../src/core/metric-batch.ts';
import { mapLayout } from '../../../src/kernel/layouts.gen.ts';
import { readingsOfAlive, type ProcessCounts } from '../../../src/kernel/process-counts.ts';
import type { Reading } from '../../../src/kernel/sums.ts';
import type { UserQuestion } from '../../../src/kernel/users.ts';
import { processConfig } from '../../../src/receivers/process/config.ts';
import { createProcessMetrics } from '../../../src/receivers/process/metrics.ts';
import { recordingLogger } from '../../service/fakes.ts';

const S = 1000;
const NS = 1_000_000n;

export type Counted = {
  readonly cgroup?: number;
  readonly netns?: number;
  readonly uid?: number;
  readonly flags?: number;
  readonly execs?: number;
  readonly exits?: number;
};

const { processCountKey: at } = mapLayout;

export const readingOf = (inputs: readonly Counted[], generation = 1): Reading => {
  const keys = Buffer.alloc(inputs.length * at.size);
  inputs.forEach(({ cgroup = 0, netns = 0, uid = 0, flags = 0 }, entry) => {
    const place = entry * at.size;
    keys.writeBigUInt64LE(BigInt(cgroup), place + at.cgroupId);
    keys.writeBigUInt64LE(BigInt(netns), place + at.netnsCookie);
    keys.writeUInt32LE(uid, place + at.uid);
    keys.writeUInt32LE(flags, place + at.flags);
  });
  const sums = Float64Array.from(inputs.flatMap(({ execs = 0, exits = 0 }) => [execs, exits]));
  return { count: inputs.length, keyBytes: at.size, keys, words: 2, sums, missed: 0, generation };
};

const restOf = ({ execs = 0, exits = 0 }: Counted, generation = 1): Reading => ({
  count: 1,
  keyBytes: 4,
  keys: Buffer.alloc(4),
  words: 2,
  sums: Float64Array.of(execs, exits),
  missed: 0,
  generation,
});

export const setUp = () => {
  const logger = recordingLogger();
  const claims: { ended: boolean }[] = [];
  const quiet = new Set<() => void | Promise<void>>();
  const asked: UserQuestion[] = [];
  const state = {
    counts: [] as readonly Counted[] | Error | undefined,
    rest: {} as Counted,
    alive: new Map<number, number>() as ReadonlyMap<number, number>,
    names: new Map<number, string>(),
  };
  const processCounts: ProcessCounts = {
    async read() {
      if (state.counts instanceof Error) throw state.counts;
      const [nothing, noRest, ...alive] = readingsOfAlive(state.alive, 1);
      return state.counts === undefined ? [nothing, noRest, ...alive] : [readingOf(state.counts), restOf(state.rest), ...alive];
    },
    take: async () => readingOf([]),
  };
  const kernel = {
    processCounts,
    needProcessCounts() {
      const claim = { ended: false };
      claims.push(claim);
      return () => void (claim.ended = true);
    },
    users: {
      async lookup(question: UserQuestion) {
        asked.push(question);
        return state.names.get(question.uid);
      },
    },
    caughtUp: async () => {},
    gate: { requires: () => true },
    cgroups: { size: 0, info: () => undefined },
    onQuiet(listener: () => void | Promise<void>) {
      quiet.add(listener);
      return () => quiet.delete(listener);
    },
  };
  const open = (metrics: Readonly<Record<string, unknown>> = {}) => {
    const batches: MetricBatch[] = [];
    const config = processConfig.parse({ metrics });
    const metrics$ = createProcessMetrics({ receiver: 'process/x', config, kernel: kernel as never, logger });
    const subscription = metrics$.subscribe((batch) => void batches.push(batch));
    return { batches, close: () => subscription.unsubscribe() };
  };
  return { open, state, claims, asked, logger, rest: () => Promise.all(Array.from(quiet, (listener) => listener())) };
};

/** `name{attributes} value from..to`, in seconds. */
export const linesOf = ({ metrics }: MetricBatch): readonly string[] =>
  metrics.flatMap(({ name, points }) =>
    (points as readonly MetricPoint[]).map(({ attributes, value, startUnixNs, timeUnixNs }) => {
      const seconds = (ns: bigint) => Number(ns / NS) / S;
      const of = attributes.map(([key, one]) => `${key.split('.').slice(1).join('.')}=${String(one)}`).join();
      return `${name.split('.').slice(2).join('.')}{${of}} ${value} ${seconds(startUnixNs)}..${seconds(timeUnixNs)}`;
    }),
  );
