/** The question for a page of sessions, as parameters of the control socket have it. */
import { sessionProtocols, sessionStateNames } from '../../kernel/sockets/needs.ts';
import { readQuery } from '../query.ts';
import { OPEN } from './filter.ts';
import { sessionSorts, sessionViews, type SessionSort, type SessionsQuery } from './types.ts';

const LARGEST_PID = 4_194_304;
const LARGEST_PORT = 65_535;
/** More than this is no page. */
const MOST_ROWS = 10_000;
const DEFAULT_ROWS = 50;
const FURTHEST_ROW = 10_000_000;
/** Values of `state`; what has none is open. */
export const shownStates: readonly string[] = [...new Set([...sessionStateNames.values(), OPEN])];

const names = ['view', 'sort', 'descending', 'offset', 'limit', 'search', 'container', 'process', 'pid', 'user', 'port', 'state', 'transport', 'listening']; // prettier-ignore

/** Numbers from the largest, texts from A. */
const textSorts: ReadonlySet<SessionSort> = new Set(['process', 'container', 'state', 'peer', 'port']);
const descendsByDefault = (sort: SessionSort): boolean => !textSorts.has(sort);

/** Throws a QueryError that says what is allowed. */
export const parseSessionsQuery = (parameters: URLSearchParams): SessionsQuery => {
  const query = readQuery(parameters, names);
  const sort = query.choice('sort', 'rate', sessionSorts);
  return {
    view: query.choice('view', 'sessions', sessionViews),
    sort,
    descending: query.flag('descending', descendsByDefault(sort)),
    offset: query.integer('offset', 0, { min: 0, max: FURTHEST_ROW }),
    limit: query.integer('limit', DEFAULT_ROWS, { min: 0, max: MOST_ROWS }),
    search: query.text('search', ''),
    containers: query.list('container'),
    processes: query.list('process'),
    pids: query.integers('pid', { min: 0, max: LARGEST_PID }),
    users: query.list('user'),
    ports: query.integers('port', { min: 1, max: LARGEST_PORT }),
    states: query.choices('state', shownStates),
    transports: query.choices('transport', sessionProtocols),
    listening: query.flag('listening', false),
  };
};

/** The same query as parameters; what is as it is by default is left out. */
export const sessionsParameters = (
  query: SessionsQuery,
): Readonly<Record<string, string | number | boolean | readonly (string | number)[]>> => ({
  view: query.view,
  sort: query.sort,
  descending: query.descending,
  offset: query.offset,
  limit: query.limit,
  ...(query.search === '' ? {} : { search: query.search }),
  container: query.containers,
  process: query.processes,
  pid: query.pids,
  user: query.users,
  port: query.ports,
  state: query.states,
  transport: query.transports,
  listening: query.listening,
});
