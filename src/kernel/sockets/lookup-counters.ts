/** What became of look-ups, by source; read by the own telemetry and `ringtail stats`. */
import type { Counters } from '../../core/counters.ts';
import type { SocketQuestion } from './question.ts';

export type LookupSource = 'map' | 'cache' | 'procfs';
export type LookupResult = 'found' | 'missing' | 'failed';

export type LookupCounters = {
  count(source: LookupSource, result: LookupResult, question: SocketQuestion, reason?: string): void;
  /** Counts how long it took, ms; `nowMs` is called at the beginning and at the end. */
  begin(source: LookupSource): () => void;
  evicted(): void;
  close(): void;
};

const familyOf = ({ local, peer, either }: SocketQuestion): string => {
  const address = local?.address ?? peer?.address ?? either?.find((end) => end.address !== undefined)?.address;
  return address === undefined ? 'any' : address.length === 4 ? 'ipv4' : 'ipv6';
};

/** `entries` and `bytes`: of the cache. */
export const createLookupCounters = (
  counters: Counters,
  nowMs: () => number,
  cache: { readonly entries: () => number; readonly bytes: () => number },
): LookupCounters => {
  const longestMs = new Map<LookupSource, number>();
  const removals = [
    counters.gauge('ringtail_cache_entries', { cache: 'socket' }, cache.entries),
    counters.gauge('ringtail_cache_bytes', { cache: 'socket' }, cache.bytes),
    ...(['map', 'cache', 'procfs'] as const).map((source) =>
      counters.gauge('ringtail_lookup_longest_seconds', { source }, () => (longestMs.get(source) ?? 0) / 1000),
    ),
  ];
  const evictions = counters.counter('ringtail_cache_evictions', { cache: 'socket' });
  const hits = counters.counter('ringtail_cache_hits', { cache: 'socket' });
  const misses = counters.counter('ringtail_cache_misses', { cache: 'socket' });
  return {
    count(source, result, question, reason) {
      const labels = { source, result, transport: question.protocol ?? 'any', family: familyOf(question) };
      counters.counter('ringtail_lookups', labels).value++;
      if (reason !== undefined) counters.counter('ringtail_lookup_failures', { source, reason }).value++;
      if (source === 'cache') (result === 'found' ? hits : misses).value++;
    },
    begin(source) {
      const startMs = nowMs();
      return () => {
        const tookMs = nowMs() - startMs;
        counters.counter('ringtail_lookup_seconds', { source }).value += tookMs / 1000;
        if (tookMs > (longestMs.get(source) ?? 0)) longestMs.set(source, tookMs);
      };
    },
    evicted: () => void evictions.value++,
    close() {
      for (const remove of removals) remove();
    },
  };
};
