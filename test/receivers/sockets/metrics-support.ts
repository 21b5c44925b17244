/** A receiver's metrics over maps that a test fills, and what they say in lines. */
import { vi } from 'vitest';
import type { MetricBatch, MetricHistogramPoint, MetricPoint } from '../../../src/core/metric-batch.ts';
import type { SocketNeeds } from '../../../src/kernel/sockets/needs.ts';
import { socketsConfig } from '../../../src/receivers/sockets/config.ts';
import { createSessionMetrics } from '../../../src/receivers/sockets/metrics.ts';
import { recordingLogger } from '../../service/fakes.ts';
import { createSessionMaps } from './maps.ts';

export const S = 1000;
const NS = 1_000_000n;

/** A kernel side whose maps the test fills. */
export const setUp = () => {
  const logger = recordingLogger();
  const claims: { readonly needs: SocketNeeds; ended: boolean }[] = [];
  const quiet = new Set<() => void | Promise<void>>();
  const side = createSessionMaps();
  /** Cgroups that were removed. */
  const gone = new Set<number>();
  const kernel = {
    needSockets(needs: SocketNeeds) {
      const claim = { needs, ended: false };
      claims.push(claim);
      return { change: () => {}, end: () => void (claim.ended = true) };
    },
    socketMaps: side.maps,
    gate: { requires: () => true },
    caughtUp: async () => {},
    cgroups: {
      size: 1,
      info: (id: bigint) => ({ id, path: `/${id}`, hierarchy: 0, goneAtMs: gone.has(Number(id)) ? 1 : undefined }),
    },
    onQuiet(listener: () => void | Promise<void>) {
      quiet.add(listener);
      return () => quiet.delete(listener);
    },
  };
  const open = (config: object = {}, showsCgroup?: (id: bigint) => boolean, receiver = 'sockets/x') => {
    const batches: MetricBatch[] = [];
    const metrics$ = createSessionMetrics({
      receiver,
      config: socketsConfig.parse(config),
      kernel: kernel as never,
      logger,
      showsCgroup,
    });
    const subscription = metrics$.subscribe((batch) => void batches.push(batch));
    return { batches, close: () => subscription.unsubscribe() };
  };
  return { open, claims, logger, gone, ...side, rest: () => Promise.all([...quiet].map((listener) => listener())) };
};

export const pass = (seconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(seconds * S);

const nameOf = (attribute: string): string => attribute.split('.').slice(-2).join('.');
const seconds = (ns: bigint): number => Number(ns / NS) / S;

/** `name{attributes} value from..to`, in seconds; of a histogram count, sum and the buckets that are not empty. */
export const linesOf = ({ metrics }: MetricBatch): readonly string[] =>
  metrics.flatMap(({ name, points }) =>
    (points as readonly (MetricPoint | MetricHistogramPoint)[]).map((point) => {
      const { attributes, startUnixNs, timeUnixNs } = point;
      const of = attributes.map(([key, one]) => `${nameOf(key)}=${String(one)}`).join();
      const value =
        'value' in point
          ? point.value
          : `${point.count} ${point.sum}s ${point.buckets.flatMap((many, at) => (many > 0n ? [`le${point.bounds[at] ?? '∞'}:${many}`] : [])).join()}`;
      return `${name.split('.').slice(1).join('.')}{${of}} ${value} ${seconds(startUnixNs)}..${seconds(timeUnixNs)}`;
    }),
  );
export const valuesOf = (batch: MetricBatch, name: string): readonly string[] =>
  linesOf(batch).filter((line) => line.startsWith(name)).map((line) => line.split(' ')[1]!); // prettier-ignore
