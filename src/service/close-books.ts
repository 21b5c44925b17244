import type { Counters } from '../core/counters.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { computeLedger, formatRow, type Ledger } from './ledger.ts';

const readLedger = (counters: Counters, logger: Logger): Ledger | undefined => {
  try {
    return computeLedger(counters.samples());
  } catch (error) {
    logger.error({ error: messageOf(error) }, 'stopped; the books cannot be read');
    return undefined;
  }
};

/** Reads the books when everything has stopped, and says whether they balance. */
export const closeBooks = (counters: Counters, logger: Logger): Ledger => {
  const ledger = readLedger(counters, logger);
  if (ledger === undefined) return { rows: [], balanced: false };
  const sum = (book: string, part: string) =>
    ledger.rows.filter((row) => row.book === book).reduce((all, { parts }) => all + (parts[part] ?? 0), 0);
  const read = ledger.rows.filter(({ book }) => book === 'pipeline').reduce((all, { total }) => all + total, 0);
  if (ledger.balanced) {
    const dropped = sum('exporter', 'rejected') + sum('exporter', 'failed') + sum('exporter', 'dropped');
    logger.info(
      { read, sent: sum('exporter', 'sent'), lost: sum('kernel', 'lost'), refused: sum('pipeline', 'refused'), dropped },
      'stopped; the books balance',
    );
  } else {
    logger.error({ rows: ledger.rows.filter(({ difference }) => difference !== 0).map(formatRow) }, 'stopped; the books do not balance');
  }
  return ledger;
};
