/** A kernel side that adds sessions up, the program that makes them, and what a receiver emits of them. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { Observable } from 'rxjs';
import { createCounters } from '../../../src/core/counters.ts';
import type { Logger } from '../../../src/core/logger.ts';
import type { MetricBatch, MetricHistogramPoint, MetricPoint } from '../../../src/core/metric-batch.ts';
import { createKernelServices, type KernelServices } from '../../../src/kernel/services.ts';
import { socketsConfig } from '../../../src/receivers/sockets/config.ts';
import { createSessionMetrics } from '../../../src/receivers/sockets/metrics.ts';
import { waitFor } from './pipeline.ts';
import { startProgram } from './runner.ts';
import type { Context } from './scenario.ts';

export const STOP_MS = 5000;
const logger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

type Point = { readonly value: number; readonly buckets: number; readonly startNs: bigint };

/** Of one network, by `metric transport type state role direction error`. */
export type Points = ReadonlyMap<string, Point>;

const flatten = ({ metrics }: MetricBatch) =>
  metrics.flatMap(({ name, points }) =>
    (points as readonly (MetricPoint | MetricHistogramPoint)[]).map((point) => ({ name, point, of: Object.fromEntries(point.attributes) })),
  );

/** Kernels before 5.14 tell no program its network: it is the one in which the most was opened or is open. Where nothing is, undefined. */
const busiestOf = (all: ReturnType<typeof flatten>): unknown => {
  const sums = new Map<unknown, number>();
  for (const { name, point, of } of all) {
    if (!/\.(opened|count)$/.test(name) || of['network.connection.state'] === 'time_wait' || 'buckets' in point) continue;
    const network = of['ringtail.netns.cookie'];
    sums.set(network, (sums.get(network) ?? 0) + Number(point.value));
  }
  return [...sums].toSorted(([, a], [, b]) => b - a)[0]?.[0];
};

const pointsOf = (batch: MetricBatch, network: bigint): Points => {
  const all = flatten(batch);
  const wanted = network === 0n ? busiestOf(all) : network;
  return new Map(
    all.flatMap(({ name, point, of }) => {
      if (of['ringtail.netns.cookie'] !== wanted) return [];
      const words = ['network.transport', 'network.type', 'network.connection.state', 'ringtail.session.role', 'network.io.direction', 'error.type'];
      const key = [name.split('.').at(-1), ...words.flatMap((word) => of[word] ?? [])].join(' ');
      const isHistogram = 'buckets' in point;
      const value = Number(isHistogram ? point.count : point.value);
      const buckets = isHistogram ? point.buckets.reduce((sum, many) => sum + Number(many), 0) : 0;
      return [[key, { value, buckets, startNs: point.startUnixNs }] as const];
    }),
  ); // prettier-ignore
};

export const openKernel = (): { readonly kernel: KernelServices; readonly written: () => number } => {
  const counters = createCounters();
  const kernel = createKernelServices({
    ringBytes: 1 << 20,
    flushRows: 8192,
    flushIntervalMs: 5,
    rootPath: '/',
    rung: 'auto',
    procfsIntervalMs: 100,
    counters,
    logger,
  });
  const written = (): number =>
    counters
      .samples()
      .filter(
        ({ name, labels }) => name === 'ringtail_kernel_events' && labels['outcome'] === 'written' && labels['receiver'] === 'sockets',
      )
      .reduce((sum, { value }) => sum + value, 0);
  return { kernel, written };
};

/** The program that is asked for sessions, in a cgroup. */
export const startSums = async ({ program }: Pick<Context, 'program'>, cgroup?: string) => {
  const { child, ended, output } = startProgram(program('session-sums'), []);
  if (cgroup !== undefined) writeFileSync(`${cgroup}/cgroup.procs`, String(child.pid));
  const lines = (): readonly string[] => output().split('\n');
  await waitFor('the program', () => lines().some((line) => line.startsWith('network ')));
  const network = BigInt(
    lines()
      .find((line) => line.startsWith('network '))!
      .split(' ')[1]!,
  );
  let asked = 0;
  return {
    network,
    pid: child.pid!,
    /** Resolves when all of it is done. */
    async act(...steps: readonly string[]): Promise<void> {
      for (const step of steps) child.stdin.write(`${step}\n`);
      asked += steps.length;
      await waitFor(steps.join(', '), () => lines().filter((line) => line.startsWith('done ')).length === asked);
    },
    /** In TIME_WAIT, when it was asked last. */
    waiting: (): number =>
      Number(
        lines()
          .findLast((line) => line.startsWith('waiting '))!
          .split(' ')[1],
      ),
    async end(): Promise<void> {
      child.stdin.end();
      assert.equal((await ended).code, 0);
    },
  };
};

export const metricsOf = (kernel: KernelServices, config: object = {}): Observable<MetricBatch> =>
  createSessionMetrics({
    receiver: 'sockets',
    config: socketsConfig.parse({ mode: 'ebpf', ...config, metrics: { collection_interval: '100ms', ...(config as { metrics?: object }).metrics } }),
    kernel,
    logger,
  }); // prettier-ignore

export const collect = (metrics$: Observable<MetricBatch>, network: bigint) => {
  const all: Points[] = [];
  const subscription = metrics$.subscribe((batch) => void all.push(pointsOf(batch, network)));
  return {
    all,
    /** A collection that began behind this moment. */
    async next(): Promise<Points> {
      const before = all.length;
      await waitFor('two collections', () => all.length >= before + 2);
      return all.at(-1)!;
    },
    close: () => subscription.unsubscribe(),
  };
};

export const valuesOf = (points: Points, metric: string): Readonly<Record<string, number>> =>
  Object.fromEntries([...points].flatMap(([key, { value }]) => (key.startsWith(`${metric} `) && value > 0 ? [[key.slice(metric.length + 1), value]] : []))); // prettier-ignore
