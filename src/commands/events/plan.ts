/** What the filter of `ringtail events` asks of the receivers, so that what nobody wants to see is not made. Pure. */
import { hasWildcard } from '../../core/glob.ts';
import { nameMatches, plainName } from '../../live/events/event-names.ts';
import type { EventFilter } from '../../live/events/types.ts';
import { eventName } from '../../otlp/names.ts';

export type ReceiverType = 'process' | 'sockets' | 'syscalls';

export type EventsPlan = {
  /** What is shown: as `filter`, with the events that are meant when none are named. */
  readonly filter: EventFilter;
  /** Options by type of receiver; only of those that can tell of something wanted. */
  readonly receivers: Readonly<Partial<Record<ReceiverType, object>>>;
  /** Options of a filter processor that lets everything through that is wanted, and little else. */
  readonly rules: object | undefined;
};

/** What people want to see first: what ran, how it ended, and who talked to whom. */
const first = [
  eventName.processExec,
  eventName.processExit,
  eventName.sessionStart,
  eventName.sessionEnd,
  eventName.sessionListen,
] as const;
/** And with paths. */
const ofFiles = [eventName.fileOpen, eventName.fileUnlink] as const;

type Source = { readonly receiver: ReceiverType; readonly options: readonly string[] };

/** The receiver of each event, and the values of its option `events` or `calls`. */
const sources: Readonly<Record<string, Source>> = {
  [eventName.processExec]: { receiver: 'process', options: ['exec'] },
  [eventName.processFork]: { receiver: 'process', options: ['fork'] },
  [eventName.processExit]: { receiver: 'process', options: ['exit'] },
  [eventName.sessionStart]: { receiver: 'sockets', options: ['start'] },
  [eventName.sessionState]: { receiver: 'sockets', options: ['state'] },
  [eventName.sessionEnd]: { receiver: 'sockets', options: ['end'] },
  [eventName.sessionListen]: { receiver: 'sockets', options: ['listen'] },
  [eventName.fileOpen]: { receiver: 'syscalls', options: ['open', 'creat', 'openat', 'openat2'] },
  [eventName.fileUnlink]: { receiver: 'syscalls', options: ['unlink', 'unlinkat', 'rmdir'] },
  [eventName.fileRead]: { receiver: 'syscalls', options: ['read', 'pread64', 'readv', 'preadv', 'preadv2'] },
  [eventName.fileWrite]: { receiver: 'syscalls', options: ['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2'] },
  [eventName.networkConnect]: { receiver: 'syscalls', options: ['connect'] },
  [eventName.networkAccept]: { receiver: 'syscalls', options: ['accept', 'accept4'] },
  [eventName.networkSend]: { receiver: 'syscalls', options: ['sendto', 'sendmsg', 'sendmmsg'] },
  [eventName.networkReceive]: { receiver: 'syscalls', options: ['recvfrom', 'recvmsg', 'recvmmsg'] },
  [eventName.networkClose]: { receiver: 'syscalls', options: ['close'] },
  [eventName.syscallFailed]: { receiver: 'syscalls', options: ['clone', 'clone3', 'fork', 'vfork'] },
};

const groupOf = (event: string): string => plainName(event).split('.')[0]!;
const hasPorts = (event: string): boolean => ['session', 'network'].includes(groupOf(event));
const hasPaths = (event: string): boolean => groupOf(event) !== 'syscall';

/** Names of the events that can match; empty when none can. */
export const wantedEvents = ({ events, ports, paths }: EventFilter): readonly string[] => {
  const meant: readonly string[] = paths.length === 0 ? first : [...first, ...ofFiles];
  return Object.keys(sources).filter(
    (event) =>
      (events.length === 0 ? meant.includes(event) : events.some((pattern) => nameMatches(pattern, event))) &&
      (ports.length === 0 || hasPorts(event)) &&
      (paths.length === 0 || hasPaths(event)) &&
      // what has ports has no path
      (ports.length === 0 || paths.length === 0),
  );
};

/** Types of receivers that tell of these events. */
export const receiversOf = (events: readonly string[]): ReadonlySet<ReceiverType> =>
  new Set(events.map((event) => sources[event]!.receiver));

const socketOptions = (events: readonly string[], { paths }: EventFilter): object => ({
  events,
  // of the others none has a path, and of unix sockets there are many that nobody asks for
  protocols: paths.length === 0 ? ['tcp', 'udp', 'icmp', 'raw'] : ['unix'],
});

/** The number of a user by name. */
export type UserId = (name: string) => number | undefined;

/** Undefined when one of them is not known. */
const numbersOf = (users: EventFilter['users'], userId: UserId): readonly number[] | undefined => {
  const numbers = users.flatMap((user) => (/^\d{1,9}$/.test(user) ? Number(user) : (userId(user) ?? [])));
  return numbers.length > 0 && numbers.length === users.length ? numbers : undefined;
};

/** A text of a rule stands for itself or, with one `*` at its end, for a beginning; everything else of a pattern is more than the kernel can do. */
const pathTexts = (paths: EventFilter['paths']): readonly string[] | undefined => {
  if (!paths.every((path) => /^\/[^*?\\]*\*?$/.test(path) && !/\/(\.{0,2})(\/|$)/.test(path.replace(/\/$/, '')))) return undefined;
  return paths.flatMap((path) => (hasWildcard(path) ? [path] : path.endsWith('/') ? [`${path}*`] : [path, `${path}/*`]));
};

/** Keep rules of which one holds for everything that is wanted; undefined: no rule says it, and all comes up. */
const rulesOf = (filter: EventFilter, wanted: readonly string[], userId: UserId): object | undefined => {
  const { pids, ports, paths } = filter;
  const events = wanted.filter((event) => sources[event]!.receiver !== 'process');
  const uids = numbersOf(filter.users, userId);
  const who = { ...(pids.length > 0 && { pid: pids }), ...(uids && { uid: uids }) };
  const texts = paths.length > 0 ? pathTexts(paths) : undefined;
  if (events.length === 0 || (Object.keys(who).length === 0 && ports.length === 0 && texts === undefined)) return undefined;
  const keep: object[] = [];
  if (ports.length > 0) keep.push({ event: events, ...who, port: ports }, { event: events, ...who, local_port: ports });
  else if (texts !== undefined) {
    const [files, others] = [events.filter((event) => groupOf(event) === 'file'), events.filter((event) => groupOf(event) !== 'file')];
    if (files.length > 0) keep.push({ event: files, ...who, path: texts });
    if (others.length > 0) keep.push({ event: others, ...who });
  } else keep.push({ event: events, ...who });
  return { preset: 'none', never_drop: [eventName.loss], context: { drop: [{ event: events }], keep } };
};

/** Undefined: nothing can match. */
export const planEvents = (filter: EventFilter, userId: UserId = () => undefined): EventsPlan | undefined => {
  const wanted = wantedEvents(filter);
  if (wanted.length === 0) return undefined;
  const optionsOf = (receiver: ReceiverType): readonly string[] =>
    wanted.flatMap((event) => (sources[event]!.receiver === receiver ? sources[event]!.options : []));
  const [process, sockets, syscalls] = [optionsOf('process'), optionsOf('sockets'), optionsOf('syscalls')];
  return {
    filter: filter.events.length === 0 ? { ...filter, events: wanted.map(plainName) } : filter,
    receivers: {
      // a shell that looks for a program in each folder of PATH is nothing that people want to see first
      ...(process.length > 0 && { process: { events: process, failed_execs: filter.events.length > 0 } }),
      ...(sockets.length > 0 && { sockets: socketOptions(sockets, filter) }),
      ...(syscalls.length > 0 && { syscalls: { calls: syscalls } }),
    },
    rules: rulesOf(filter, wanted, userId),
  };
};

/** As a configuration, without a pipeline's end that anybody sees. */
export const configOf = ({ receivers, rules }: EventsPlan, rootPath: string): object => {
  const resolve = ['resolve_container', 'resolve_process', 'resolve_user'];
  return {
    receivers,
    processors: { ...(rules && { filter: rules }), ...Object.fromEntries(resolve.map((type) => [type, {}])) },
    exporters: { nop: {} },
    service: {
      // what cannot be seen is told as notes
      telemetry: { logs: { level: 'error' }, metrics: { level: 'none' } },
      pipelines: {
        logs: { receivers: Object.keys(receivers), processors: [...(rules ? ['filter'] : []), ...resolve], exporters: ['nop'] },
      },
    },
    kernel: { root_path: rootPath },
  };
};
