/** `ringtail top` without a screen: tables one below the other, or JSON. */
import { exitCode, type ExitCode } from '../../core/errors.ts';
import type { SessionsFeed, SessionsPage } from '../../live/sessions/types.ts';
import { escapeText } from '../../text/escape.ts';
import { objectLine } from '../../text/json.ts';
import { renderLine, type LineOptions } from '../../text/line.ts';
import type { Part } from '../../text/parts.ts';
import type { CommandContext } from '../context.ts';
import { allColumns, fitColumns } from './columns.ts';
import { clockOf, statesOf, totalsOf } from './head.ts';
import type { TopSettings } from './options.ts';
import { rowLine, titleLine, wholeTable } from './table.ts';

/** Rows of a page when nobody says how many. */
const USUAL_ROWS = 50;

/** Ends with a line feed. Without a width nothing is cut. */
export const pageText = (page: SessionsPage, host: string, { query }: Pick<TopSettings, 'query'>, options: LineOptions): string => {
  const { width = Number.POSITIVE_INFINITY } = options;
  const layout = Number.isFinite(width) ? fitColumns(page.view, width) : allColumns(page.view);
  const table = Number.isFinite(width)
    ? [titleLine(layout, query.sort), ...page.rows.map((row) => rowLine(layout, row))]
    : wholeTable(layout, page.rows, query.sort);
  const more = page.matched - page.rows.length;
  const lines: readonly (readonly Part[])[] = [
    [{ text: `${clockOf(page.atMs)}  ${escapeText(host)}   `, style: 'dim' }, ...totalsOf(page, width)],
    statesOf(page, width),
    ...(page.rows.length === 0 ? [[{ text: 'nothing that is open matches', style: 'dim' as const }]] : table),
    ...(more > 0 && page.rows.length > 0 ? [[{ text: `… and ${more} more; --limit shows more of them`, style: 'dim' as const }]] : []),
  ];
  return lines.map((line) => `${renderLine(line, options).trimEnd()}\n`).join('');
};

/** What it comes from and what cannot be seen, for a person. */
const sourceLine = ({ source }: SessionsFeed, { notes }: SessionsPage): string =>
  `ringtail: sessions of ${escapeText(source)}${notes.length === 0 ? '' : `; ${notes.map(escapeText).join(' ')}`}\n`;

/** Until it is stopped or has told `count` pages. A page without rates, the first one of all, is waited for and not told. */
export const printPages = async (
  feed: SessionsFeed,
  settings: TopSettings,
  { context, host, options }: { readonly context: CommandContext; readonly host: string; readonly options: LineOptions },
): Promise<ExitCode> => {
  const stop = Promise.withResolvers<'stop'>();
  const ask = (): void => stop.resolve('stop');
  const handlers = [context.onSignal, context.onReload, context.onOutputClosed].map((on) => on(ask));
  const query = { ...settings.query, offset: 0, limit: settings.limit ?? USUAL_ROWS };
  let timer: NodeJS.Timeout | undefined;
  try {
    let told = 0;
    for (let isFirst = true; ; isFirst = false) {
      const page = await Promise.race([feed.page(query), stop.promise]);
      if (page === 'stop') return exitCode.done;
      if (isFirst) context.stderr.write(sourceLine(feed, page));
      if (page.sinceMs > 0) {
        const text = settings.isJson ? `${objectLine(page)}\n` : pageText(page, host, settings, options);
        context.stdout.write(told > 0 && !settings.isJson ? `\n${text}` : text);
        told += 1;
        if (told === settings.count) return exitCode.done;
      }
      const pause = new Promise<'on'>((resolve) => (timer = setTimeout(() => resolve('on'), settings.intervalMs)));
      if ((await Promise.race([pause, stop.promise])) === 'stop') return exitCode.done;
    }
  } finally {
    clearTimeout(timer);
    for (const off of handlers) off();
  }
};
