/** Metrics of sessions, which the kernel adds up whatever becomes of their records: `ringtail.session.*` and `ringtail.network.io`. */
import { Observable } from 'rxjs';
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Metric, MetricBatch, MetricHistogramPoint, MetricPoint } from '../../core/metric-batch.ts';
import { createRateLimit } from '../../core/rate-limit.ts';
import { type CountMaps, durationBoundsMs } from '../../kernel/sockets/counts.ts';
import { sessionFamilies, type SocketNeeds, type SocketsClaim } from '../../kernel/sockets/needs.ts';
import { metricName } from '../../otlp/names.ts';
import { transportOf } from '../shared/session-names.ts';
import type { SocketsConfig } from './config.ts';
import { beginCounting, type CountedSeries, type Counting, difference } from './metrics-counting.ts';
import type { SessionMetric } from './metrics-series.ts';
import { needsOf } from './needs.ts';

export type SessionMetricsOptions = {
  /** Id of the receiver, as it stands on the batches. */
  readonly receiver: string;
  readonly config: SocketsConfig;
  readonly kernel: {
    needSockets(needs: SocketNeeds): SocketsClaim;
    readonly socketMaps: CountMaps;
    onQuiet(listener: () => void | Promise<void>): () => void;
  };
  readonly logger: Logger;
  /** Whether sessions of sockets in a cgroup, by its number, count here; without it all do. */
  readonly showsCgroup?: ((id: bigint) => boolean) | undefined;
  /** Unix time, ms. */
  readonly nowMs?: () => number;
};

const boundsSeconds: readonly number[] = durationBoundsMs.map((ms) => ms / 1000);
const familyNumbers = { ipv4: 4, ipv6: 6 } as const;

/** Less what was told before; what did not change is left out. From now on this counts as told. */
const sinceTold = (series: readonly CountedSeries[], told: Counting['told']): readonly CountedSeries[] => {
  const { atNs, values: before } = told;
  told.values = new Map(series.map(({ key, values }) => [key, values]));
  return series.flatMap((one): CountedSeries[] => {
    const startNs = one.startNs > atNs ? one.startNs : atNs;
    const values = difference(one.values, before.get(one.key));
    return values[0]! > 0n ? [{ ...one, startNs, values }] : [];
  });
};

const pointOf = ({ attributes, startNs, values }: CountedSeries, timeUnixNs: bigint): MetricPoint => ({
  attributes,
  startUnixNs: startNs,
  timeUnixNs,
  value: values[0]!,
});

const histogramPointOf = ({ attributes, startNs, values }: CountedSeries, timeUnixNs: bigint): MetricHistogramPoint => {
  const [count, sumNs, ...buckets] = values;
  return { attributes, startUnixNs: startNs, timeUnixNs, count: count!, sum: Number(sumNs!) / 1e9, bounds: boundsSeconds, buckets };
};

/** What was open when the last batch was made and is not any more is told once as 0; behind that its series has ended. */
const createOpenSeries = () => {
  let last = new Map<string, CountedSeries>();
  return (open: readonly CountedSeries[]): readonly CountedSeries[] => {
    const now = new Map(open.map((one) => [one.key, one]));
    const gone = [...last].filter(([key]) => !now.has(key)).map(([, one]) => ({ ...one, values: [0n] }));
    last = now;
    return [...open, ...gone];
  };
};

/** Counts while somebody listens, and emits at each interval; once more when the kernel side has come to rest. */
export const createSessionMetrics = (options: SessionMetricsOptions): Observable<MetricBatch> => {
  const { receiver, config, kernel, logger, showsCgroup = () => true, nowMs = Date.now } = options;
  const { collection_interval: intervalMs, temporality } = config.metrics;
  const transports = new Set<number>(config.protocols.map((name) => transportOf[name]));
  const families = new Set<number>(config.families.map((name) => familyNumbers[name]));
  const isWhole = families.size === sessionFamilies.length && config.loopback && config.cgroup === undefined;
  /** What procfs counts of TCP is of both families, whoever's it was. */
  const isWanted = ({ transport, family, cgroupId }: CountedSeries): boolean =>
    transport === undefined ||
    (showsCgroup(cgroupId) && (families.has(family) || (family === 0 && (isWhole || transport !== transportOf.tcp))));
  const nowNs = (): bigint => BigInt(Math.trunc(nowMs() * 1000)) * 1000n;
  const limit = createRateLimit();

  return new Observable<MetricBatch>((subscriber) => {
    const claim = kernel.needSockets({ ...needsOf(config), events: new Set(), states: new Set(), counted: true, ruleSets: [] });
    const counting = beginCounting(kernel.socketMaps, receiver, transports, nowNs);
    const openSeries = createOpenSeries();

    const metricsOf = (all: readonly CountedSeries[], timeNs: bigint): readonly Metric[] => {
      const sums = all.filter(({ metric }) => metric !== 'open');
      const since = sinceTold(sums, counting.told);
      const told = temporality === 'delta' ? since : sums;
      counting.told.atNs = timeNs;
      const by = (metric: SessionMetric): readonly CountedSeries[] => told.filter((one) => one.metric === metric);
      const points = (series: readonly CountedSeries[]): readonly MetricPoint[] => series.map((one) => pointOf(one, timeNs));
      const open = openSeries(all.filter(({ metric }) => metric === 'open'));
      const sum = { type: 'sum', monotonic: true, temporality } as const;
      const level = { type: 'sum', monotonic: false, temporality: 'cumulative' } as const;
      const durations = by('duration').map((one) => histogramPointOf(one, timeNs));
      const metrics: readonly Metric[] = [
        { name: metricName.sessionCount, description: 'Sessions that are open.', unit: '{session}', ...level, points: points(open) },
        { name: metricName.sessionOpened, description: 'Sessions that opened.', unit: '{session}', ...sum, points: points(by('opened')) },
        { name: metricName.sessionFailed, description: 'Sessions that could not be opened.', unit: '{session}', ...sum, points: points(by('failed')) },
        { name: metricName.sessionDuration, description: 'How long sessions lasted that ended.', unit: 's', type: 'histogram', temporality, points: durations },
        { name: metricName.networkIo, description: 'Payload bytes of sessions.', unit: 'By', ...sum, points: points(by('io')) },
      ]; // prettier-ignore
      return metrics.filter((metric) => metric.points.length > 0);
    };

    const collect = async (): Promise<void> => {
      try {
        const counted = await counting.read();
        if (subscriber.closed || counted === undefined) return;
        const metrics = metricsOf(counted.filter(isWanted), nowNs());
        if (metrics.length > 0) subscriber.next({ receiver, resource: undefined, metrics });
      } catch (error) {
        limit(
          'collect',
          logger.warn.bind(logger),
          { error: messageOf(error) },
          'what the kernel has added up of sessions could not be read',
        );
      }
    };
    let underWay = false;
    const timer = setInterval(async () => {
      if (underWay) return;
      underWay = true;
      await collect();
      underWay = false;
    }, intervalMs);
    const forget = kernel.onQuiet(() => {
      clearInterval(timer);
      return collect();
    });
    return () => {
      clearInterval(timer);
      forget();
      counting.end();
      claim.end();
    };
  });
};
