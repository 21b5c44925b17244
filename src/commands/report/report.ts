/** `ringtail report`: what sessions there were in each interval, of host and containers. */
import { formatDuration, parseDurationMs } from '../../core/config-types.ts';
import { exitCode, type ExitCode, UsageError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { INTERVAL_MS, RECENT } from '../../live/report/query.ts';
import type { ReportFeed, ReportPage, ReportQuery } from '../../live/report/types.ts';
import { wantsColour } from '../../text/colour.ts';
import { objectLine } from '../../text/json.ts';
import type { CommandContext } from '../context.ts';
import type { SourceOptions } from '../live/source.ts';
import { openReportFeed } from './feed.ts';
import { reportLines } from './text.ts';

export type ReportOptions = SourceOptions & {
  readonly interval: string;
  readonly count?: string;
  readonly showContainers?: boolean;
  /** true: as many as by default. */
  readonly showEvents?: string | true;
  readonly cgroup?: string;
  readonly json?: boolean;
  /** false: `--no-colour`. */
  readonly colour?: boolean;
};

/** As many as have room below the tables. */
const DEFAULT_RECENT = 10;

const wholeNumber = (option: string, value: string, { min, max }: { readonly min: number; readonly max: number }): number => {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= min && number <= max))
    throw new UsageError(`${option} ${JSON.stringify(value)} is not a whole number from ${min}${max === Infinity ? '' : ` to ${max}`}`);
  return number;
};

const intervalOf = (value: string): number => {
  const ms = parseDurationMs(value);
  const { min, max } = INTERVAL_MS;
  if (ms === undefined)
    throw new UsageError(`--interval ${JSON.stringify(value)} is not a duration`, { advice: 'write it with a unit, as in 1s or 5m' });
  if (ms < min || ms > max)
    throw new UsageError(`--interval ${JSON.stringify(value)} is out of range`, {
      advice: `write ${formatDuration(min)} to ${formatDuration(max)}`,
    });
  return ms;
};

const queryOf = ({ interval, showContainers = false, showEvents, cgroup = '' }: ReportOptions): ReportQuery => ({
  intervalMs: intervalOf(interval),
  cgroup,
  containers: showContainers,
  recent:
    showEvents === undefined ? 0 : showEvents === true ? DEFAULT_RECENT : wholeNumber('--show-events', showEvents, { ...RECENT, min: 1 }),
});

/** Of a terminal; undefined: nothing is cut. */
const widthOf = ({ isTTY, columns }: { readonly isTTY?: boolean; readonly columns?: number }): number | undefined =>
  isTTY === true && columns !== undefined && columns > 0 ? columns : undefined;

/** `open` stands in for the feed in tests. */
export const reportCommand = async (options: ReportOptions, context: CommandContext, open = openReportFeed): Promise<ExitCode> => {
  const query = queryOf(options);
  const most = options.count === undefined ? Infinity : wholeNumber('--count', options.count, { min: 1, max: Infinity });
  const { stdout, stderr, environment } = context;
  const tell = (text: string): void => void stderr.write(`ringtail: ${printable(text)}\n`);
  const stop = Promise.withResolvers<'stopped'>();
  const ask = (): void => stop.resolve('stopped');
  const endings = [context.onSignal(ask), context.onReload(ask), context.onOutputClosed(ask)];

  const told = new Set<string>();
  const print = (page: ReportPage, isFirst: boolean): void => {
    if (options.json === true) return void stdout.write(`${objectLine(page)}\n`);
    for (const note of page.notes.filter((one) => !told.has(one))) {
      told.add(note);
      tell(note);
    }
    const lines = reportLines(page, {
      colour: options.colour !== false && wantsColour({ isTTY: stdout.isTTY, env: environment }),
      width: widthOf(stdout as { readonly isTTY?: boolean; readonly columns?: number }),
      hasContainers: query.containers,
      hasEvents: query.recent > 0,
      cgroup: query.cgroup,
    });
    stdout.write(`${isFirst ? '' : '\n'}${lines.join('\n')}\n`);
  };

  let feed: ReportFeed | undefined;
  try {
    feed = await open(query, options, context);
    tell(`sessions of ${feed.source}, every ${formatDuration(query.intervalMs)}; Ctrl-C ends`);
    const pages = feed[Symbol.asyncIterator]();
    for (let shown = 0; shown < most; shown++) {
      const next = await Promise.race([pages.next(), stop.promise]);
      if (next === 'stopped' || next.done === true) break;
      print(next.value, shown === 0);
    }
  } finally {
    for (const ending of endings) ending();
    await feed?.close();
  }
  return exitCode.done;
};
