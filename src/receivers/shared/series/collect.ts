/** The metrics of a receiver, emitted at each interval while somebody listens; once more when the kernel side has come to rest. */
import { Observable } from 'rxjs';
import { messageOf } from '../../../core/errors.ts';
import type { Logger } from '../../../core/logger.ts';
import type { MetricBatch } from '../../../core/metric-batch.ts';
import { createRateLimit } from '../../../core/rate-limit.ts';
import { beginCounting, type CountingOptions } from './counting.ts';
import type { IsGone, SeriesConfig } from './types.ts';

export type SeriesMetricsOptions = Omit<CountingOptions, 'nowMs'> & {
  readonly config: SeriesConfig & { readonly intervalMs: number };
  /** Without it nothing is known to be gone. */
  readonly isGone?: IsGone | undefined;
  /** Series of other cgroups end; without it there are none. */
  readonly shows?: ((cgroupId: number) => boolean) | undefined;
  /** Asks the kernel side to count, when somebody listens. */
  readonly claim: () => { end(): void };
  /** See `KernelServices.onQuiet`. */
  readonly onQuiet: (listener: () => void | Promise<void>) => () => void;
  readonly logger: Logger;
  /** What is logged when the kernel cannot be read. */
  readonly failure: string;
  /** Unix time, ms. */
  readonly nowMs?: () => number;
};

export const createSeriesMetrics = (options: SeriesMetricsOptions): Observable<MetricBatch> => {
  const { receiver, config, isGone, shows, claim, onQuiet, logger, failure, nowMs = Date.now } = options;
  const limit = createRateLimit();

  return new Observable<MetricBatch>((subscriber) => {
    const claimed = claim();
    const counting = beginCounting({ ...options, nowMs });
    let isOver = false;

    const collect = async (): Promise<void> => {
      try {
        const metrics = (await counting.collect({ config, isGone, shows }, () => !subscriber.closed)) ?? [];
        if (!subscriber.closed && metrics.length > 0) subscriber.next({ receiver, resource: undefined, metrics });
      } catch (error) {
        limit('collect', logger.warn.bind(logger), { error: messageOf(error) }, failure);
      }
    };
    let underWay = false;
    const timer = setInterval(async () => {
      if (underWay || isOver) return;
      underWay = true;
      await collect();
      underWay = false;
    }, config.intervalMs);
    const forget = onQuiet(() => {
      isOver = true;
      clearInterval(timer);
      return collect();
    });
    return () => {
      clearInterval(timer);
      forget();
      counting.end();
      claimed.end();
    };
  });
};
