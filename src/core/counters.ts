/**
 * Counters of hot loops: a plain number behind a name and labels, read at collection time by the own telemetry.
 * An increment is one addition; nothing is allocated after `counter`.
 */
export type Counter = { value: number };

export type CounterSample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly kind: 'counter' | 'gauge';
  readonly value: number;
};

export type Counters = {
  /** The same name and labels give the same counter. */
  counter(name: string, labels?: Readonly<Record<string, string>>): Counter;
  /** `read` is called at collection time; returns a function that takes it out again. */
  gauge(name: string, labels: Readonly<Record<string, string>>, read: () => number): () => void;
  /** Like `gauge` for a number that only grows and that is kept elsewhere, in the kernel for instance. */
  observed(name: string, labels: Readonly<Record<string, string>>, read: () => number): () => void;
  samples(): readonly CounterSample[];
};

export const createCounters = (): Counters => {
  const counters = new Map<string, { name: string; labels: Readonly<Record<string, string>>; counter: Counter }>();
  const readers = new Map<
    string,
    { name: string; labels: Readonly<Record<string, string>>; kind: 'counter' | 'gauge'; read: () => number }
  >();
  const keyOf = (name: string, labels: Readonly<Record<string, string>>) =>
    JSON.stringify([name, Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
  const register = (kind: 'counter' | 'gauge') => (name: string, labels: Readonly<Record<string, string>>, read: () => number) => {
    const key = keyOf(name, labels);
    const entry = { name, labels, kind, read };
    readers.set(key, entry);
    return () => {
      if (readers.get(key) === entry) readers.delete(key);
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
      ...Array.from(readers.values(), ({ name, labels, kind, read }) => ({ name, labels, kind, value: read() })),
    ],
  };
};
