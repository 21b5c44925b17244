/** Which events somebody wants to see: read from parameters, with errors that say what is allowed. */
import { hasWildcard } from '../../core/glob.ts';
import { didYouMean } from '../../core/nearest.ts';
import { eventName } from '../../otlp/names.ts';
import { readQuery } from '../query.ts';
import { QueryError } from '../route.ts';
import { nameMatches, plainName } from './event-names.ts';
import type { EventFilter } from './types.ts';

/** Names of parameters; each may be repeated. */
export const eventFilterNames = ['event', 'container', 'process', 'pid', 'user', 'port', 'path', 'exclude_pid'] as const;
export type EventFilterName = (typeof eventFilterNames)[number];

export const everyEvent: EventFilter = {
  events: [],
  containers: [],
  processes: [],
  pids: [],
  excludedPids: [],
  users: [],
  ports: [],
  paths: [],
};

/** Linux has no larger ones (`PID_MAX_LIMIT` of include/linux/threads.h). */
const pids = { min: 1, max: 4_194_304 };
const ports = { min: 1, max: 65_535 };
const LONGEST_PATTERN = 256;

const known = Object.values(eventName);

const checkEvent = (pattern: string): string => {
  if (hasWildcard(pattern) || known.some((name) => nameMatches(pattern, name))) return pattern;
  const words = [...new Set(known.flatMap((name) => [plainName(name), ...plainName(name).split('.')]))];
  throw new QueryError(
    `event: there is no ${JSON.stringify(pattern.slice(0, 64))}${didYouMean(pattern, words)}; allowed are ${known.map(plainName).join(', ')}, a part of a name as in exec or session, and * and ? in it`,
  );
};

const checkText =
  (name: string, longest: number) =>
  (text: string): string => {
    if (text === '') throw new QueryError(`${name}: it is empty`);
    if (text.length > longest) throw new QueryError(`${name}: longer than ${longest} characters`);
    return text;
  };

const checkPath = (path: string): string => {
  if (path.startsWith('/') || path.startsWith('*') || path.startsWith('?') || path.startsWith('@')) return path;
  throw new QueryError(
    `path: ${JSON.stringify(path.slice(0, 64))} has no beginning; a path begins with /, a pattern with *, an abstract socket with @`,
  );
};

/** Throws a QueryError for what is not a filter; other parameters are the caller's. */
export const parseEventFilter = (query: URLSearchParams, others: readonly string[] = []): EventFilter => {
  const reader = readQuery(query, [...eventFilterNames, ...others]);
  const texts = (name: EventFilterName, longest = LONGEST_PATTERN) => reader.list(name).map(checkText(name, longest));
  return {
    events: texts('event').map(checkEvent),
    containers: texts('container'),
    processes: texts('process'),
    pids: reader.integers('pid', pids),
    excludedPids: reader.integers('exclude_pid', pids),
    users: texts('user'),
    ports: reader.integers('port', ports),
    paths: texts('path', 1024).map(checkPath),
  };
};

/** The same of options: values by name, as they were typed. */
export const eventFilterOf = (values: Readonly<Partial<Record<EventFilterName, readonly (string | number)[]>>>): EventFilter => {
  const query = new URLSearchParams();
  for (const [name, list] of Object.entries(values)) for (const value of list) query.append(name, String(value));
  return parseEventFilter(query);
};
