/** Options of `ringtail top`, read and checked. */
import { parseDurationMs } from '../../core/config-types.ts';
import { UsageError } from '../../core/errors.ts';
import { didYouMean, oneOf } from '../../core/nearest.ts';
import { type SessionSort, type SessionView, sessionViews } from '../../live/sessions/types.ts';
import { sessionProtocols } from '../../kernel/sockets/needs.ts';
import { shownStates } from '../../live/sessions/query.ts';
import { liveSourceOf, type LiveOptions } from '../options.ts';
import { sortsOf } from './columns.ts';
import { descendsFirst, type TopQuery } from './state.ts';

export type TopOptions = LiveOptions & {
  readonly interval: string;
  readonly view: string;
  readonly sort: string;
  readonly reverse?: boolean;
  readonly search?: string;
  readonly container?: readonly string[];
  readonly process?: readonly string[];
  readonly pid?: readonly string[];
  readonly user?: readonly string[];
  readonly port?: readonly string[];
  readonly state?: readonly string[];
  readonly transport?: readonly string[];
  readonly listening?: boolean;
  readonly once?: boolean;
  readonly count?: string;
  readonly limit?: string;
  readonly json?: boolean;
  /** false: `--no-colour`. */
  readonly colour?: boolean;
};

export type TopSettings = {
  readonly query: TopQuery;
  readonly intervalMs: number;
  /** Pages that are printed; undefined: until it is stopped. */
  readonly count: number | undefined;
  readonly limit: number | undefined;
  /** A screen, where there is a terminal. */
  readonly isScreen: boolean;
  readonly isJson: boolean;
  readonly source: LiveOptions;
};

const LEAST_INTERVAL_MS = 100;
const MOST_INTERVAL_MS = 3_600_000;
const MOST_PAGES = 1_000_000;
/** As the control socket has it. */
const MOST_ROWS = 10_000;
/** Linux has no pid above. */
const MOST_PID = 4_194_304;

const quoted = (value: string): string => JSON.stringify(value);

const choice = <T extends string>(option: string, value: string, values: readonly T[]): T => {
  const found = values.find((candidate) => candidate === value);
  if (found === undefined)
    throw new UsageError(`${option} ${quoted(value)} is not known${didYouMean(value, values)}`, { advice: `write ${oneOf(values)}` });
  return found;
};

const wholeNumber = (option: string, value: string, least: number, most: number): number => {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= least && number <= most))
    throw new UsageError(`${option} ${quoted(value)} is not a whole number from ${least} to ${most}`);
  return number;
};

const intervalOf = (value: string): number => {
  const ms = parseDurationMs(value);
  if (ms === undefined)
    throw new UsageError(`--interval ${quoted(value)} is not a duration`, { advice: 'write it with a unit, as in 500ms or 5s' });
  if (ms < LEAST_INTERVAL_MS || ms > MOST_INTERVAL_MS)
    throw new UsageError(`--interval ${quoted(value)} is out of range`, { advice: 'write 100ms to 1h' });
  return ms;
};

const orderOf = (view: SessionView, value: string): SessionSort => choice(`--sort of the view ${view}`, value, sortsOf(view));

/** Throws a UsageError that says what is allowed. */
export const topSettings = (options: TopOptions): TopSettings => {
  const view = choice('--view', options.view, sessionViews);
  const sort = orderOf(view, options.sort);
  const { container = [], process = [], pid = [], user = [], port = [], state = [], transport = [], once = false } = options;
  const count = options.count === undefined ? (once ? 1 : undefined) : wholeNumber('--count', options.count, 1, MOST_PAGES);
  if (once && options.count !== undefined) throw new UsageError('--once and --count say different things', { advice: 'give one of them' });
  return {
    query: {
      view,
      sort,
      descending: descendsFirst(sort) !== (options.reverse === true),
      search: options.search ?? '',
      containers: container,
      processes: process,
      pids: pid.map((value) => wholeNumber('--pid', value, 0, MOST_PID)),
      users: user,
      ports: port.map((value) => wholeNumber('--port', value, 1, 65_535)),
      states: state.map((value) => choice('--state', value, shownStates)),
      transports: transport.map((value) => choice('--transport', value, sessionProtocols)),
      listening: options.listening === true,
    },
    intervalMs: intervalOf(options.interval),
    count,
    limit: options.limit === undefined ? undefined : wholeNumber('--limit', options.limit, 1, MOST_ROWS),
    isScreen: options.json !== true && count === undefined,
    isJson: options.json === true,
    source: liveSourceOf(options),
  };
};
