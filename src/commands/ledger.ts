import { setTimeout as wait } from 'node:timers/promises';
import { exitCode, type ExitCode } from '../core/errors.ts';
import { books, computeLedger, type Ledger } from '../service/ledger.ts';
import type { CommandContext } from './context.ts';
import { type MetricsPage, metricsPageAt } from './metrics-page.ts';
import { formatTable } from './table.ts';

/** The kernel counts while the page is read: a book that is off by what is just under way balances a moment later. */
const ATTEMPTS = 5;
const BETWEEN_ATTEMPTS_MS = 100;

const readLedger = async (page: MetricsPage): Promise<Ledger> => {
  const ledger = computeLedger(await page.read());
  if (ledger.rows.length === 0) throw page.missing('books');
  return ledger;
};

const humanLedger = ({ rows }: Ledger): string =>
  books
    .flatMap(({ book, by, total, parts }) => {
      const own = rows.filter((row) => row.book === book);
      if (own.length === 0) return [];
      // An outcome that the book does not know gets a column too.
      const outcomes = [...new Set([...parts, ...own.flatMap((row) => Object.keys(row.parts))])];
      const table = formatTable(
        [
          { title: by.join(' ').toUpperCase() },
          ...[total, ...outcomes, 'difference'].map((title) => ({ title: title.toUpperCase(), align: 'right' as const })),
        ],
        own.map((row) => [row.name, ...[row.total, ...outcomes.map((outcome) => row.parts[outcome] ?? 0), row.difference].map(String)]),
      );
      const wrong = own.filter(({ difference }) => difference !== 0).length;
      const line = wrong === 0 ? 'balanced' : `NOT balanced in ${wrong} of ${own.length} rows`;
      return [`${table}${book}: ${total} = ${parts.join(' + ')}: ${line}\n`];
    })
    .join('\n');

/** `ringtail ledger`: the books of a running instance. Exit code 4 when they do not balance. */
export const ledgerCommand = async (
  options: { readonly address?: string; readonly json?: boolean },
  context: CommandContext,
): Promise<ExitCode> => {
  const page = metricsPageAt(options.address);
  let ledger = await readLedger(page);
  for (let attempt = 1; attempt < ATTEMPTS && !ledger.balanced; attempt++) {
    await wait(BETWEEN_ATTEMPTS_MS);
    ledger = await readLedger(page);
  }
  context.stdout.write(options.json === true ? `${JSON.stringify(ledger, null, 2)}\n` : humanLedger(ledger));
  return ledger.balanced ? exitCode.done : exitCode.runtime;
};
