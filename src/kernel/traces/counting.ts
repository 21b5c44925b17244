/** What becomes of the traces of a receiver, on the page of metrics. */
import type { Counters } from '../../core/counters.ts';
import type { SamplerCounts } from './sampling.ts';

export type TraceCounts = {
  readonly sampled: () => SamplerCounts;
  /** Processes of which nothing more is told, because there were too many. */
  readonly forgotten: () => number;
};

/** Returns a function that takes them out again: what grew stays in the sums. */
export const countTraces = (counters: Counters, receiver: string, { sampled, forgotten }: TraceCounts): (() => void) => {
  const trees = {
    told: () => sampled().kept,
    not_sampled: () => sampled().notSampled,
    rate_limited: () => sampled().rateLimited,
    not_kept: () => sampled().notKept,
  } as const;
  const spans = { told: () => sampled().spans.told, dropped: () => sampled().spans.dropped, forgotten } as const;
  const removals = [
    ...Object.entries(trees).map(([outcome, read]) => counters.observed('ringtail_traces', { receiver, outcome }, read)),
    counters.gauge('ringtail_traces', { receiver, outcome: 'waiting' }, () => sampled().waiting),
    ...Object.entries(spans).map(([outcome, read]) => counters.observed('ringtail_trace_spans', { receiver, outcome }, read)),
    counters.gauge('ringtail_trace_spans', { receiver, outcome: 'waiting' }, () => sampled().spans.waiting),
  ];
  return () => {
    for (const remove of removals) remove();
  };
};
