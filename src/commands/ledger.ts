import http from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { type Address, DEFAULT_METRICS_ADDRESS, parseAddress } from '../config/schema.ts';
import { exitCode, type ExitCode, messageOf, RuntimeError, UsageError } from '../core/errors.ts';
import { books, computeLedger, type Ledger } from '../service/ledger.ts';
import { parsePrometheusText } from '../service/prometheus-text.ts';
import type { CommandContext } from './context.ts';
import { formatTable } from './table.ts';

const TIMEOUT_MS = 5000;
/** Ringtail's page has some tens of KiB; what answers with more is something else. */
const MAX_PAGE_BYTES = 16 * 2 ** 20;
/** The kernel counts while the page is read: a book that is off by what is just under way balances a moment later. */
const ATTEMPTS = 5;
const BETWEEN_ATTEMPTS_MS = 100;

const fetchPage = ({ host, port }: Address): Promise<string> => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = http.get({ host, port, path: '/metrics', agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_PAGE_BYTES) response.destroy(new Error(`the page is larger than ${MAX_PAGE_BYTES} bytes`));
      else chunks.push(chunk);
    });
    response.on('error', reject);
    response.on('end', () => {
      if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString());
      else reject(new Error(`it answers with status ${response.statusCode}`));
    });
  });
  request.on('error', reject);
  return promise;
};

const readLedger = async (text: string, address: Address): Promise<Ledger> => {
  const advice = 'is Ringtail running there? Its address is service.telemetry.metrics.address';
  let page: string;
  try {
    page = await fetchPage(address);
  } catch (error) {
    throw new RuntimeError(`cannot read the metrics of ${text}: ${messageOf(error)}`, { advice });
  }
  const ledger = computeLedger(parsePrometheusText(page));
  if (ledger.rows.length === 0) throw new RuntimeError(`there are no books on the page of ${text}`, { advice });
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
  const text = options.address ?? DEFAULT_METRICS_ADDRESS;
  const address = parseAddress(text);
  if (address === undefined)
    throw new UsageError(`${JSON.stringify(text)} is not an address`, {
      advice: `write it as host:port, as in ${DEFAULT_METRICS_ADDRESS}`,
    });
  let ledger = await readLedger(text, address);
  for (let attempt = 1; attempt < ATTEMPTS && !ledger.balanced; attempt++) {
    await wait(BETWEEN_ATTEMPTS_MS);
    ledger = await readLedger(text, address);
  }
  context.stdout.write(options.json === true ? `${JSON.stringify(ledger, null, 2)}\n` : humanLedger(ledger));
  return ledger.balanced ? exitCode.done : exitCode.runtime;
};
