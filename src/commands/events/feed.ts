/** Where `ringtail events` has its events from: a running Ringtail, else this process itself. */
import { UsageError } from '../../core/errors.ts';
import type { EventFilter, EventsFeed, LiveMessage } from '../../live/events/types.ts';
import { eventFilterOf, type EventFilterName } from '../../live/events/filter.ts';
import { QueryError } from '../../live/route.ts';
import type { CommandContext } from '../context.ts';
import type { ControlClient } from '../live/control-client.ts';
import { openAloneEvents } from './alone.ts';
import { receiversOf, wantedEvents } from './plan.ts';
import { findRunning, type SourceOptions } from '../live/source.ts';

/** A filter from options, with errors that name them. */
export const filterOf = (values: Readonly<Partial<Record<EventFilterName, readonly (string | number)[]>>>): EventFilter => {
  try {
    return eventFilterOf(values);
  } catch (error) {
    if (error instanceof QueryError) throw new UsageError(`--${error.message}`, { cause: undefined });
    throw error;
  }
};

/** Receivers that could tell of what is asked for, and that the running Ringtail does not have. */
const missingNotes = (filter: EventFilter, { info }: Pick<ControlClient, 'info'>): readonly string[] => {
  const there = new Set(info.receivers.map((id) => id.split('/')[0]));
  // what it was recorded from is not known
  if (there.has('replay') || (filter.events.length === 0 && filter.paths.length === 0 && filter.ports.length === 0)) return [];
  const missing = [...receiversOf(wantedEvents(filter))].filter((type) => !there.has(type));
  return missing.length === 0
    ? []
    : [`it has no receiver ${missing.join(' and no ')}, so a part of what is asked for cannot be seen; --alone looks at the kernel itself`];
};

const openAttached = async (filter: EventFilter, client: ControlClient): Promise<EventsFeed> => {
  const abort = new AbortController();
  const { events, containers, processes, pids, users, ports, paths } = filter;
  const query = {
    event: events, container: containers, process: processes, pid: pids, user: users, port: ports, path: paths,
    // what this program reads and writes would be told to it for ever
    exclude_pid: [...filter.excludedPids, process.pid],
  }; // prettier-ignore
  const messages = await client.stream<LiveMessage>('/v1/events', query, abort.signal);
  return {
    source: `${client.source} (${client.info.receivers.join(', ')})`,
    notes: missingNotes(filter, client),
    close: async () => abort.abort(),
    [Symbol.asyncIterator]: () => messages[Symbol.asyncIterator](),
  };
};

/**
 * Throws a UsageError when no event can match, a KernelError when this user may not look, and a RuntimeError when no Ringtail listens at the socket that was
 * named.
 */
export const openEventsFeed = async (filter: EventFilter, options: SourceOptions, context: CommandContext): Promise<EventsFeed> => {
  if (wantedEvents(filter).length === 0)
    throw new UsageError('no event has all that the filter asks for', {
      advice: 'ports are of sessions and network calls, paths of processes, files and unix sockets',
    });
  const client = await findRunning(options);
  return client === undefined ? openAloneEvents(filter, context, options.rootPath ?? '/') : openAttached(filter, client);
};
