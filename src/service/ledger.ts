/** The books: what went in must have come out, to the unit. Computed from the counters, here or on the metrics page of another process. */
import type { CounterSample } from '../core/counters.ts';

export type Sample = Pick<CounterSample, 'name' | 'labels' | 'value'>;

export type BooksRow = {
  readonly book: 'kernel' | 'ring' | 'pipeline' | 'exporter';
  /** For instance `process exec`, `logs`, `otlp_grpc/a`. */
  readonly name: string;
  /** What went in ... */
  readonly total: number;
  /** ... and where it is; every outcome of the book, also those that are 0. */
  readonly parts: Readonly<Record<string, number>>;
  /** `total` less the sum of `parts`: 0 when the book balances. */
  readonly difference: number;
};

export type Ledger = { readonly rows: readonly BooksRow[]; readonly balanced: boolean };

type Book = {
  readonly book: BooksRow['book'];
  readonly metric: string;
  /** Labels that name a row. */
  readonly by: readonly string[];
  readonly total: string;
  readonly parts: readonly string[];
};

export const books: readonly Book[] = [
  {
    book: 'kernel',
    metric: 'ringtail_kernel_events',
    by: ['receiver', 'event'],
    total: 'seen',
    parts: ['filtered', 'limited', 'aggregated', 'lost', 'written'],
  },
  { book: 'ring', metric: 'ringtail_ring_records', by: ['ring'], total: 'written', parts: ['read', 'malformed', 'abandoned', 'waiting'] },
  { book: 'pipeline', metric: 'ringtail_pipeline_items', by: ['pipeline'], total: 'read', parts: ['filtered', 'refused', 'accepted'] },
  {
    book: 'exporter',
    metric: 'ringtail_exporter_items',
    by: ['exporter'],
    total: 'accepted',
    parts: ['sent', 'rejected', 'failed', 'dropped', 'held'],
  },
];

/** An outcome that a book does not know makes it unbalanced, so that nothing hides. */
const balance = ({ book, metric, by, total, parts }: Book, samples: readonly Sample[]): BooksRow[] => {
  const rows = new Map<string, Map<string, number>>();
  for (const { name, labels, value } of samples) {
    if (name !== metric) continue;
    const key = by.map((label) => labels[label] ?? '?').join(' ');
    const outcomes = rows.get(key) ?? new Map<string, number>();
    const outcome = labels['outcome'] ?? '?';
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + value);
    rows.set(key, outcomes);
  }
  return Array.from(rows, ([name, outcomes]) => {
    const entered = outcomes.get(total) ?? 0;
    outcomes.delete(total);
    const known = Object.fromEntries([...parts.map((part) => [part, 0] as const), ...outcomes]);
    const sum = Object.values(known).reduce((all, value) => all + value, 0);
    return { book, name, total: entered, parts: known, difference: entered - sum };
  }).toSorted((a, b) => a.name.localeCompare(b.name));
};

/** Rows by book, in the order in which data flows. */
export const computeLedger = (samples: readonly Sample[]): Ledger => {
  const rows = books.flatMap((book) => balance(book, samples));
  return { rows, balanced: rows.every(({ difference }) => difference === 0) };
};

/** `seen` 10 = filtered 1 + ...; the word for what goes into a book. */
export const totalName = (book: BooksRow['book']): string => books.find((one) => one.book === book)!.total;

/** One line, for the log. */
export const formatRow = ({ book, name, total, parts, difference }: BooksRow): string =>
  `${book} ${name}: ${totalName(book)} ${total} = ${Object.entries(parts)
    .map(([part, value]) => `${part} ${value}`)
    .join(' + ')}${difference === 0 ? '' : `, difference ${difference}`}`;
