import { setTimeout as wait } from 'node:timers/promises';
import { amountText } from '../core/amount-text.ts';
import { exitCode, type ExitCode } from '../core/errors.ts';
import { computeStatistics, type Statistics } from '../core/statistics.ts';
import type { CommandContext } from './context.ts';
import { metricsPageAt } from './metrics-page.ts';
import { formatTable } from './table.ts';

/** What is open is walked when a page is asked for, and stands on the next one. */
const BETWEEN_PAGES_MS = 250;

type Row = readonly [what: string, name: string, value: string, more: string];

const percent = (rate: number | undefined): string => (rate === undefined ? '' : `${(rate * 100).toFixed(rate === 1 ? 0 : 1)} %`);
const timeText = (seconds: number): string => {
  if (seconds >= 1) return `${seconds.toFixed(1)} s`;
  return seconds >= 0.001 ? `${(seconds * 1e3).toFixed(1)} ms` : `${(seconds * 1e6).toFixed(1)} µs`;
};
/** Those that are known, with commas between them. */
const listed = (...parts: readonly (string | undefined)[]): string => parts.filter((part) => part !== undefined && part !== '').join(', ');
const counted = (count: number | undefined, word: string): string | undefined => (count === undefined ? undefined : `${count} ${word}`);
const place = (...names: readonly (string | undefined)[]): string =>
  names.filter((name) => name !== undefined && name !== '' && name !== 'none').join(' ');

/** What was told stands first, and of the others those that there are. */
const outcomes = (counts: Readonly<Record<string, number>>): string =>
  listed(
    'told',
    ...Object.entries(counts).map(([outcome, count]) =>
      outcome === 'told' || count === 0 ? '' : `${count} ${outcome.replaceAll('_', ' ')}`,
    ),
  );

const rowsOf = (statistics: Statistics): readonly Row[] => {
  const { hooks, sessions, maps, caches, lookups, lookupTimes, failures, naming, traces, incidents } = statistics;
  return [
    ...hooks.map(({ receiver, hook, rung, health }): Row => ['hook', place(receiver, hook), rung, health]),
    ...sessions.map(({ transport, family, open }): Row => ['sessions', place(transport, family), String(open), 'open']),
    ...maps.map(({ map, entries, capacity, bytes }): Row => {
      const share = capacity === undefined ? undefined : `${percent(entries / capacity)} of ${capacity}`;
      return ['map', map, String(entries), listed('entries', share, bytes === undefined ? undefined : amountText(bytes))];
    }),
    ...caches.map(({ cache, hits, misses, hitRate, entries, evictions, bytes }): Row => {
      const counts = [counted(hits, 'hits'), counted(misses, 'misses'), counted(entries, 'entries'), counted(evictions, 'evicted')];
      return ['cache', cache, percent(hitRate), listed(...counts, bytes === undefined ? undefined : amountText(bytes))];
    }),
    ...lookups.map(({ source, transport, family, found, missing, failed, hitRate }): Row => {
      const name = place(source, transport === 'any' ? '' : transport, family === 'any' ? '' : family);
      return ['look-up', name, percent(hitRate), `${found} found, ${missing} missing, ${failed} failed`];
    }),
    ...lookupTimes.map(({ source, meanSeconds, longestSeconds }): Row => {
      const longest = longestSeconds === undefined ? undefined : `longest ${timeText(longestSeconds)}`;
      return ['look-up time', source, meanSeconds === undefined ? '' : timeText(meanSeconds), listed('mean', longest)];
    }),
    ...failures.map(({ source, reason, count }): Row => ['failure', place(source, reason), String(count), '']),
    ...naming.map(({ source, transport, family, named, unnamed, namedRate }): Row => {
      const name = source === 'none' ? 'nobody' : source;
      return ['named by', place(name, transport, family), percent(namedRate), `${named} named, ${unnamed} not`];
    }),
    ...traces.flatMap(({ receiver, traces: trees, spans }): Row[] => [
      ['traces', receiver, String(trees['told'] ?? 0), outcomes(trees)],
      ['trace spans', receiver, String(spans['told'] ?? 0), outcomes(spans)],
    ]),
    ...incidents.map(({ incident, count }): Row => ['incident', incident.replaceAll('_', ' '), String(count), '']),
  ];
};

export const statisticsText = (statistics: Statistics): string =>
  formatTable([{ title: 'WHAT' }, { title: 'OF' }, { title: 'VALUE', align: 'right' }, { title: 'MORE' }], rowsOf(statistics));

/** `ringtail stats`: what a running instance knows of itself, in one table. */
export const statsCommand = async (
  options: { readonly address?: string; readonly json?: boolean },
  context: CommandContext,
): Promise<ExitCode> => {
  const page = metricsPageAt(options.address);
  await page.read();
  await wait(BETWEEN_PAGES_MS);
  const statistics = computeStatistics(await page.read());
  if (Object.values(statistics).every(({ length }) => length === 0)) throw page.missing('statistics');
  context.stdout.write(options.json === true ? `${JSON.stringify(statistics, null, 2)}\n` : statisticsText(statistics));
  return exitCode.done;
};
