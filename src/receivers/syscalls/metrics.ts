/** Metrics of system calls, which the kernel counts whatever becomes of their records: `ringtail.syscall.count` and `ringtail.file.io`. */
import type { Observable } from 'rxjs';
import type { Logger } from '../../core/logger.ts';
import type { MetricBatch } from '../../core/metric-batch.ts';
import { readCallCounts } from '../../kernel/calls/counts.ts';
import type { CallName } from '../../kernel/calls/needs.ts';
import { callId } from '../../kernel/layouts.gen.ts';
import type { KernelServices } from '../../kernel/services.ts';
import { createSeriesMetrics } from '../shared/series/collect.ts';
import { goneBy } from '../shared/series/gone.ts';
import { createExecutables, type Executables } from './executables.ts';
import { callOf, callOfOverflow, callSeries } from './metrics-series.ts';
import type { SyscallsConfig } from './config.ts';

export type CallMetricsOptions = {
  /** Id of the receiver, as it stands on the batches. */
  readonly receiver: string;
  readonly config: Pick<SyscallsConfig, 'metrics'>;
  readonly calls: ReadonlySet<CallName>;
  readonly kernel: Pick<KernelServices, 'needCalls' | 'onQuiet' | 'callMaps' | 'caughtUp'> & {
    readonly cgroups: Pick<KernelServices['cgroups'], 'info' | 'size' | 'start'>;
    readonly gate: Pick<KernelServices['gate'], 'requires'>;
  };
  readonly logger: Logger;
  /** Unix time, ms. */
  readonly nowMs?: () => number;
};

/** By kernel side: all receivers of it find an executable under the same name. */
const executablesOf = new WeakMap<object, Executables>();

/** Counts while somebody listens, and emits at each interval; once more when the kernel side has come to rest. */
export const createCallMetrics = ({ receiver, config, calls, kernel, logger, nowMs }: CallMetricsOptions): Observable<MetricBatch> => {
  const { collection_interval: intervalMs, temporality, max_series: maxSeries, expiry: expiryMs } = config.metrics;
  const { callMaps } = kernel;
  const classes = new Set<number>(Array.from(calls, (name) => callId[name]));
  const executables = executablesOf.get(callMaps) ?? createExecutables();
  executablesOf.set(callMaps, executables);
  const wanted = (call: number): number => (classes.has(call) ? call : -1);
  return createSeriesMetrics({
    receiver,
    side: callMaps,
    definition: callSeries,
    classes,
    classOf: [(keys, at) => wanted(callOf(keys, at)), (keys, at) => wanted(callOfOverflow(keys, at))],
    config: { intervalMs, temporality, maxSeries, expiryMs },
    async read() {
      const read = await readCallCounts(callMaps);
      // then the cgroups are known that it is about
      if (read !== undefined) await kernel.caughtUp();
      return read && [executables.nameAll(read.counts, () => callMaps.read('call_names')), read.overflow];
    },
    async take(keys) {
      const taken = await callMaps.takeSums('call_counts', keys);
      return taken && executables.name(taken);
    },
    isGone: goneBy({ kernel, expiryMs, nowMs }),
    claim: () =>
      kernel.needCalls({
        events: new Set(),
        failures: new Set(),
        limit: undefined,
        aggregateWindowMs: undefined,
        counted: calls,
        ruleSets: [],
      }),
    onQuiet: kernel.onQuiet,
    logger,
    failure: 'what the kernel has counted could not be read',
    ...(nowMs === undefined ? {} : { nowMs }),
  });
};
