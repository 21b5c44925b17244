/** Keeps the latest of every series, and shows them to who asks. */
import { isDeepStrictEqual } from 'node:util';
import type { Exporter, Settings } from '../../core/component.ts';
import { messageOf } from '../../core/errors.ts';
import { pointsOf } from '../../core/metric-batch.ts';
import { createRateLimit } from '../../core/rate-limit.ts';
import { createBooks } from '../shared/books.ts';
import { hasSuffixes, type PrometheusConfig } from './config.ts';
import { createLabeller } from './labels.ts';
import { moveIn, type Tenancy } from './listeners.ts';
import { pageText } from './page.ts';
import { labelChoice } from './resource-labels.ts';
import { createTable } from './table.ts';
import { readServerTls } from './tls.ts';

/** Longest time between two looks for what has expired. */
const LONGEST_SWEEP_MS = 60_000;

export type PrometheusExporterOptions = {
  readonly settings: Settings<unknown>;
  readonly config: PrometheusConfig;
  /** Monotonic, ms. */
  readonly nowMs?: () => number;
};

export const createPrometheusExporter = ({ settings, config, nowMs = () => performance.now() }: PrometheusExporterOptions): Exporter => {
  const { id, logger, counters, version, resource } = settings;
  const { endpoint, max_series: maxSeries, metric_expiration: expirationMs, send_timestamps: timestamps } = config;
  const books = createBooks(counters, id, () => 0, 'metrics');
  const limit = createRateLimit();
  const warn = (key: string, fields: object, message: string): void => limit(key, (some, text) => logger.warn(some, text), fields, message);
  const labeller = createLabeller({
    constLabels: config.const_labels,
    withScope: !config.without_scope_info,
    fromResource: labelChoice(config),
  });
  const table = createTable({
    labeller,
    naming: { namespace: config.namespace ?? '', suffixes: hasSuffixes(config) },
    version,
    maxSeries,
    expirationMs,
    hostResource: { attributes: resource },
  });
  const pages = {
    hasOpenMetrics: config.enable_open_metrics,
    make: (format: 'text' | 'openmetrics') => pageText(table.view(nowMs()), { format, timestamps }),
  };
  let tenancy: Tenancy | undefined;
  let isStopped = false;
  let isFull = false;
  let sweeping: NodeJS.Timeout | undefined;
  let rereading: NodeJS.Timeout | undefined;

  const keepReading = (first: Awaited<ReturnType<typeof readServerTls>>): void => {
    const { reload_interval: intervalMs } = config.tls;
    if (intervalMs === 0 || first === undefined) return;
    let current = first;
    rereading = setInterval(async () => {
      try {
        const read = await readServerTls(config.tls);
        if (read === undefined || isDeepStrictEqual(read, current)) return;
        current = read;
        tenancy?.renew(read);
        logger.info({}, 'certificates were read again; new connections use them');
      } catch (error) {
        logger.warn({ error: messageOf(error) }, 'changed certificates cannot be used; the ones before stay');
      }
    }, intervalMs);
    rereading.unref();
  };

  return {
    async start() {
      const tls = await readServerTls(config.tls);
      tenancy = await moveIn({ id, endpoint, tls, logger, table, pages });
      const { host, port } = tenancy.address;
      logger.info({ endpoint: `${host}:${port}` }, 'metrics are served');
      keepReading(tls);
      sweeping = setInterval(() => table.sweep(nowMs()), Math.min(expirationMs, LONGEST_SWEEP_MS));
      sweeping.unref();
    },
    metrics(batch) {
      const points = pointsOf(batch);
      books.accept(points);
      if (isStopped) return books.dropped(points, 'shutdown');
      tenancy?.takeOver();
      const { taken, overLimit, conflicts } = table.take(batch, nowMs());
      books.sent(taken);
      if (overLimit > 0) {
        isFull = true;
        books.dropped(overLimit, 'max_series');
        warn('max_series', { points: overLimit, max_series: maxSeries }, 'there are more series than max_series; newcomers are dropped');
      }
      for (const { metric, points: refused, reason } of conflicts) {
        books.failed(refused, 'conflict');
        warn(`conflict ${metric}`, { metric, points: refused, reason }, 'points of a metric cannot be shown');
      }
    },
    health() {
      const details = { series: table.size(), max_series: maxSeries };
      isFull &&= details.series >= maxSeries;
      return isFull
        ? { status: 'recoverable', message: 'there are more series than max_series', details }
        : { status: 'ok', message: '', details };
    },
    async stop(deadlineMs) {
      isStopped = true;
      clearInterval(sweeping);
      clearInterval(rereading);
      const left = tenancy;
      tenancy = undefined;
      await left?.release(deadlineMs);
    },
  };
};
