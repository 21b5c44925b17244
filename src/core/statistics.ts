/** What Ringtail's own metrics say of itself: by what it follows the kernel, what it knows, how often, how fast. Made of the samples of its page. */
import type { CounterSample } from './counters.ts';

type Sample = Pick<CounterSample, 'name' | 'labels' | 'value'>;

export type HookStatistics = { readonly receiver: string; readonly hook: string; readonly rung: string; readonly health: string };
export type OpenStatistics = { readonly transport: string; readonly family: string; readonly open: number };
export type MapStatistics = { readonly map: string; readonly entries: number; readonly capacity?: number; readonly bytes?: number };
export type CacheStatistics = {
  readonly cache: string;
  readonly hits?: number;
  readonly misses?: number;
  readonly hitRate?: number;
  readonly entries?: number;
  readonly evictions?: number;
  readonly bytes?: number;
};
export type LookupStatistics = {
  readonly source: string;
  readonly transport: string;
  readonly family: string;
  readonly found: number;
  readonly missing: number;
  readonly failed: number;
  readonly hitRate?: number;
};
export type LookupTime = {
  readonly source: string;
  readonly lookups: number;
  readonly meanSeconds?: number;
  readonly longestSeconds?: number;
};
export type NamingStatistics = {
  readonly source: string;
  /** Of sessions only. */
  readonly transport?: string;
  readonly family?: string;
  readonly named: number;
  readonly unnamed: number;
  readonly namedRate?: number;
};

/** Traces of a receiver, and their spans, by what became of them. */
export type TraceStatistics = {
  readonly receiver: string;
  readonly traces: Readonly<Record<string, number>>;
  readonly spans: Readonly<Record<string, number>>;
};

/** What is not known is left out, and never 0. Rates are from 0 to 1. */
export type Statistics = {
  readonly hooks: readonly HookStatistics[];
  readonly sessions: readonly OpenStatistics[];
  readonly maps: readonly MapStatistics[];
  readonly caches: readonly CacheStatistics[];
  readonly lookups: readonly LookupStatistics[];
  readonly lookupTimes: readonly LookupTime[];
  readonly failures: readonly { readonly source: string; readonly reason: string; readonly count: number }[];
  readonly naming: readonly NamingStatistics[];
  readonly traces: readonly TraceStatistics[];
  readonly incidents: readonly { readonly incident: string; readonly count: number }[];
};

type Labels = Sample['labels'];
type Known<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the fields that are undefined. */
const known = <T extends object>(fields: T): Known<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Known<T>;

const rateOf = (part: number | undefined, other: number | undefined): number | undefined =>
  part === undefined || other === undefined || part + other === 0 ? undefined : part / (part + other);

export const computeStatistics = (samples: readonly Sample[]): Statistics => {
  const byName = Map.groupBy(samples, ({ name }) => name);
  const of = (name: string): readonly Sample[] => byName.get(name) ?? [];
  const isSame = (labels: Labels, wanted: Labels): boolean => Object.entries(wanted).every(([key, value]) => labels[key] === value);
  /** Sum of the samples that have these labels; undefined: there are none. */
  const sum = (name: string, wanted: Labels): number | undefined => {
    const found = of(name).filter(({ labels }) => isSame(labels, wanted));
    return found.length === 0 ? undefined : found.reduce((all, { value }) => all + value, 0);
  };
  /** Every value of a label, or of several, in the order of the page. */
  const each = (names: readonly string[], labels: readonly string[]): readonly Record<string, string>[] => {
    const all = names.flatMap((name) => of(name).map((sample) => labels.map((label) => [label, sample.labels[label] ?? ''] as const)));
    return [...new Map(all.map((pairs) => [JSON.stringify(pairs), Object.fromEntries(pairs)])).values()];
  };

  const rungs = of('ringtail_receiver_rung').flatMap(({ labels, value }): HookStatistics[] =>
    value === 1 ? [{ receiver: labels['receiver'] ?? '?', hook: '', rung: labels['rung'] ?? '?', health: '' }] : [],
  );
  const hooks = of('ringtail_hook').flatMap(({ labels, value }): HookStatistics[] =>
    value === 1
      ? [{ receiver: labels['receiver'] ?? '?', hook: labels['hook'] ?? '?', rung: labels['rung'] ?? '?', health: labels['health'] ?? '' }]
      : [],
  );

  return {
    hooks: [...rungs, ...hooks],
    sessions: of('ringtail_session_open').map(({ labels, value }) => ({
      transport: labels['transport'] ?? '?',
      family: labels['family'] ?? '?',
      open: value,
    })),
    maps: of('ringtail_session_entries').map(({ labels: { map = '?' }, value }) => ({
      map,
      entries: value,
      ...known({ capacity: sum('ringtail_session_capacity', { map }), bytes: sum('ringtail_session_bytes', { map }) }),
    })),
    caches: each(['ringtail_cache_hits', 'ringtail_cache_misses', 'ringtail_cache_entries'], ['cache']).map(({ cache = '?' }) => {
      const [hits, misses] = [sum('ringtail_cache_hits', { cache }), sum('ringtail_cache_misses', { cache })];
      return {
        cache,
        ...known({
          hits,
          misses,
          hitRate: rateOf(hits, misses),
          entries: sum('ringtail_cache_entries', { cache }),
          evictions: sum('ringtail_cache_evictions', { cache }),
          bytes: sum('ringtail_cache_bytes', { cache }),
        }),
      };
    }),
    lookups: each(['ringtail_lookups'], ['source', 'transport', 'family']).map((labels) => {
      const count = (result: string): number => sum('ringtail_lookups', { ...labels, result }) ?? 0;
      const [found, missing, failed] = [count('found'), count('missing'), count('failed')];
      const { source = '?', transport = '?', family = '?' } = labels;
      return { source, transport, family, found, missing, failed, ...known({ hitRate: rateOf(found, missing + failed) }) };
    }),
    lookupTimes: each(['ringtail_lookup_seconds'], ['source']).map(({ source = '?' }) => {
      const lookups = sum('ringtail_lookups', { source }) ?? 0;
      const seconds = sum('ringtail_lookup_seconds', { source });
      const meanSeconds = lookups === 0 || seconds === undefined ? undefined : seconds / lookups;
      return { source, lookups, ...known({ meanSeconds, longestSeconds: sum('ringtail_lookup_longest_seconds', { source }) }) };
    }),
    failures: of('ringtail_lookup_failures').map(({ labels, value }) => ({
      source: labels['source'] ?? '?',
      reason: labels['reason'] ?? '?',
      count: value,
    })),
    naming: each(['ringtail_attribution'], ['source', 'transport', 'family']).flatMap(
      ({ source = '?', transport = '', family = '' }): NamingStatistics[] => {
        const own = of('ringtail_attribution').filter(
          ({ labels }) => labels['source'] === source && (labels['transport'] ?? '') === transport && (labels['family'] ?? '') === family,
        );
        const count = (result: string): number =>
          own.filter(({ labels }) => labels['result'] === result).reduce((all, { value }) => all + value, 0);
        const [named, unnamed] = [count('named'), count('unnamed')];
        if (named + unnamed === 0) return [];
        const place = transport === '' ? {} : { transport, family };
        return [{ source, ...place, named, unnamed, ...known({ namedRate: rateOf(named, unnamed) }) }];
      },
    ),
    traces: each(['ringtail_traces'], ['receiver']).map(({ receiver = '?' }) => {
      const byOutcome = (name: string): Readonly<Record<string, number>> =>
        Object.fromEntries(
          of(name).flatMap(({ labels, value }) => (labels['receiver'] === receiver ? [[labels['outcome'] ?? '?', value]] : [])),
        );
      return { receiver, traces: byOutcome('ringtail_traces'), spans: byOutcome('ringtail_trace_spans') };
    }),
    incidents: of('ringtail_session_incidents').map(({ labels, value }) => ({ incident: labels['incident'] ?? '?', count: value })),
  };
};
