/**
 * Counters of hot loops: a plain number behind a name and labels, read at collection time by the own telemetry.
 * An increment is one addition; nothing is allocated after `counter`.
 */
export type Counter = { value: number };

export type Labels = Readonly<Record<string, string>>;

export type CounterSample = {
  readonly name: string;
  readonly labels: Labels;
  readonly kind: 'counter' | 'gauge';
  readonly value: number;
};

export type Counters = {
  /** The same name and labels give the same counter. */
  counter(name: string, labels?: Labels): Counter;
  /** `read` is called at collection time; several readers of one name and labels add up. Returns a function that takes this one out again. */
  gauge(name: string, labels: Labels, read: () => number): () => void;
  /**
   * Like `gauge` for a number that only grows and that is kept elsewhere, in the kernel for instance. What it was when it is taken out
   * stays in the sum: a counter never goes back.
   */
  observed(name: string, labels: Labels, read: () => number): () => void;
  samples(): readonly CounterSample[];
};

type Kind = CounterSample['kind'];
/** `base` is the sum of what was taken out; `last` is what a reader said last, should it fail when it is taken out. */
type Reader = { readonly read: () => number; last: number };
type Read = { readonly name: string; readonly labels: Labels; readonly kind: Kind; readonly readers: Set<Reader>; base: number };

const sumOf = ({ readers, base }: Read): number => {
  let sum = base;
  for (const reader of readers) sum += reader.last = reader.read();
  return sum;
};

const lastOf = (reader: Reader): number => {
  try {
    return reader.read();
  } catch {
    return reader.last;
  }
};

const keyOf = (...parts: readonly [name: string, labels: Labels, kind?: Kind]) => {
  const [name, labels, kind] = parts;
  return JSON.stringify([name, Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)), kind]);
};

export const createCounters = (): Counters => {
  const counters = new Map<string, { readonly name: string; readonly labels: Labels; readonly counter: Counter }>();
  const reads = new Map<string, Read>();
  const register =
    (kind: Kind): Counters['gauge'] =>
    (name, labels, read) => {
      const key = keyOf(name, labels, kind);
      const entry = reads.get(key) ?? { name, labels, kind, readers: new Set(), base: 0 };
      reads.set(key, entry);
      const reader = { read, last: 0 };
      entry.readers.add(reader);
      return () => {
        if (!entry.readers.delete(reader)) return;
        if (kind === 'counter') entry.base += lastOf(reader);
        else if (entry.readers.size === 0) reads.delete(key);
      };
    };
  return {
    counter(name, labels = {}) {
      const key = keyOf(name, labels);
      let entry = counters.get(key);
      if (entry === undefined) {
        entry = { name, labels, counter: { value: 0 } };
        counters.set(key, entry);
      }
      return entry.counter;
    },
    gauge: register('gauge'),
    observed: register('counter'),
    samples: () => [
      ...Array.from(counters.values(), ({ name, labels, counter }) => ({ name, labels, kind: 'counter' as const, value: counter.value })),
      ...Array.from(reads.values(), (entry) => ({ name: entry.name, labels: entry.labels, kind: entry.kind, value: sumOf(entry) })),
    ],
  };
};

/** The same counters for one user of them, whose readers can be told apart and taken out together. */
export type CountersScope = {
  readonly counters: Counters;
  /** What the gauges of this user that have these labels say together. */
  sumOfGauges(name: string, labels: Labels): number;
  /** Takes out every reader of this user; its counters stay. */
  close(): void;
};

export const scopeOf = (shared: Counters): CountersScope => {
  const gauges = new Set<{ readonly name: string; readonly labels: Labels; readonly read: () => number }>();
  const removals = new Set<() => void>();
  const removal = (...removers: readonly (() => unknown)[]): (() => void) => {
    const remove = () => {
      removals.delete(remove);
      for (const remover of removers) remover();
    };
    removals.add(remove);
    return remove;
  };
  return {
    counters: {
      counter: shared.counter,
      gauge(name, labels, read) {
        const gauge = { name, labels, read };
        gauges.add(gauge);
        return removal(shared.gauge(name, labels, read), () => gauges.delete(gauge));
      },
      observed: (name, labels, read) => removal(shared.observed(name, labels, read)),
      samples: shared.samples,
    },
    sumOfGauges(name, labels) {
      const wanted = Object.entries(labels);
      let sum = 0;
      for (const gauge of gauges)
        if (gauge.name === name && wanted.every(([key, value]) => gauge.labels[key] === value)) sum += gauge.read();
      return sum;
    },
    close() {
      for (const remove of removals) remove();
    },
  };
};
