/** Metrics of system calls, which the kernel counts whatever becomes of their records: `ringtail.syscall.count` and `ringtail.file.io`. */
import { Observable } from 'rxjs';
import type { Attribute } from '../../core/batch.ts';
import { errnoNames } from '../../core/errno.ts';
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Metric, MetricBatch, MetricPoint } from '../../core/metric-batch.ts';
import { createRateLimit } from '../../core/rate-limit.ts';
import type { CallName } from '../../kernel/calls/needs.ts';
import { callId } from '../../kernel/layouts.gen.ts';
import type { KernelServices } from '../../kernel/services.ts';
import { attributeName, metricAttributeName, metricName } from '../../otlp/names.ts';
import { callGroups, callNameOf } from '../shared/call-names.ts';
import { beginCounting, type CountedSeries, type Counting } from './counting.ts';
import type { SyscallsConfig } from './config.ts';

export type CallMetricsOptions = {
  /** Id of the receiver, as it stands on the batches. */
  readonly receiver: string;
  readonly config: Pick<SyscallsConfig, 'metrics'>;
  readonly calls: ReadonlySet<CallName>;
  readonly kernel: Pick<KernelServices, 'needCalls' | 'callMaps' | 'onQuiet'>;
  readonly logger: Logger;
  /** Unix time, ms. */
  readonly nowMs?: () => number;
};

/** One series: what it is, and how much. */
type Value = {
  readonly key: string;
  readonly attributes: readonly Attribute[];
  readonly startNs: bigint;
  readonly calls: bigint;
  readonly bytes: bigint;
};

const readOrWrite: ReadonlySet<number> = new Set(callGroups.io.map((name) => callId[name]));
const OVERFLOW_KEY = 'overflow';
const overflowAttributes: readonly Attribute[] = [[metricAttributeName.overflow, true]];

const attributesOf = ({ call, errno, name }: CountedSeries): readonly Attribute[] => {
  const error = errnoNames.get(-errno) ?? String(errno);
  return [
    [attributeName.syscallName, callNameOf.get(call) ?? String(call)],
    ...(name === '' ? [] : [[attributeName.processExecutableName, name] as const]),
    ...(errno === 0 ? [] : [[attributeName.errorType, error] as const]),
  ];
};

/** The lists of attributes of series, each one object for as long as the receiver, so that they are encoded once. */
const createSeries = () => {
  const known = new Map<string, readonly Attribute[]>();
  return (counts: readonly CountedSeries[]): readonly Value[] => {
    const values: Value[] = [];
    const rest = counts.filter(({ isOverflow }) => isOverflow);
    for (const count of counts) {
      if (count.isOverflow) continue;
      let attributes = known.get(count.key);
      if (attributes === undefined) known.set(count.key, (attributes = attributesOf(count)));
      values.push({ ...count, attributes, bytes: readOrWrite.has(count.call) ? count.bytes : 0n });
    }
    if (rest.length > 0) {
      values.push({
        key: OVERFLOW_KEY,
        attributes: overflowAttributes,
        startNs: rest.reduce((first, { startNs }) => (startNs < first ? startNs : first), rest[0]!.startNs),
        calls: rest.reduce((sum, { calls }) => sum + calls, 0n),
        bytes: rest.reduce((sum, { call, bytes }) => (readOrWrite.has(call) ? sum + bytes : sum), 0n),
      });
    }
    return values;
  };
};

/** Less what was told before; what did not change is left out. From now on this counts as told. */
const sinceTold = (values: readonly Value[], told: Counting['told']): readonly Value[] => {
  const { atNs, values: before } = told;
  told.values = new Map(values.map((value) => [value.key, value]));
  return values.flatMap((value): Value[] => {
    const last = before.get(value.key);
    const startNs = value.startNs > atNs ? value.startNs : atNs;
    const calls = value.calls - (last?.calls ?? 0n);
    return calls > 0n ? [{ ...value, startNs, calls, bytes: value.bytes - (last?.bytes ?? 0n) }] : [];
  });
};

const pointsOf = (values: readonly Value[], timeUnixNs: bigint, read: (value: Value) => bigint): readonly MetricPoint[] =>
  values.map((value) => ({ attributes: value.attributes, startUnixNs: value.startNs, timeUnixNs, value: read(value) }));

/** Counts while somebody listens, and emits at each interval; once more when the kernel side has come to rest. */
export const createCallMetrics = (options: CallMetricsOptions): Observable<MetricBatch> => {
  const { receiver, config, calls, kernel, logger, nowMs = Date.now } = options;
  const { collection_interval: intervalMs, temporality } = config.metrics;
  const ids = new Set(Array.from(calls, (name) => callId[name]));
  const nowNs = (): bigint => BigInt(Math.trunc(nowMs() * 1000)) * 1000n;
  const limit = createRateLimit();

  return new Observable<MetricBatch>((subscriber) => {
    const claim = kernel.needCalls({
      events: new Set(),
      failures: new Set(),
      limit: undefined,
      aggregateWindowMs: undefined,
      counted: calls,
      ruleSets: [],
    });
    const counting = beginCounting(kernel.callMaps, receiver, ids, nowNs);
    const seriesOf = createSeries();

    const metricsOf = (timeNs: bigint): readonly Metric[] => {
      const counts = counting.read();
      if (counts === undefined) return [];
      const all = seriesOf(counts);
      const since = sinceTold(all, counting.told);
      const values = temporality === 'delta' ? since : all;
      counting.told.atNs = timeNs;
      const moved = values.filter(({ bytes }) => bytes > 0n);
      const sum = { type: 'sum', monotonic: true, temporality } as const;
      const metrics: readonly Metric[] = [
        { name: metricName.syscallCount, description: 'System calls that ended.', unit: '{call}', ...sum, points: pointsOf(values, timeNs, (value) => value.calls) },
        { name: metricName.fileIo, description: 'Bytes that reads and writes transferred.', unit: 'By', ...sum, points: pointsOf(moved, timeNs, (value) => value.bytes) },
      ]; // prettier-ignore
      return metrics.filter(({ points }) => points.length > 0);
    };

    const collect = (): void => {
      try {
        const metrics = metricsOf(nowNs());
        if (metrics.length > 0) subscriber.next({ receiver, resource: undefined, metrics });
      } catch (error) {
        limit('collect', logger.warn.bind(logger), { error: messageOf(error) }, 'what the kernel has counted could not be read');
      }
    };
    const timer = setInterval(collect, intervalMs);
    const forget = kernel.onQuiet(() => {
      clearInterval(timer);
      collect();
    });
    return () => {
      clearInterval(timer);
      forget();
      counting.end();
      claim.end();
    };
  });
};
