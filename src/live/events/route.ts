/** `/v1/events`: events as they come, one a line. */
import { readPasswd } from '../../kernel/procfs/passwd.ts';
import { didYouMean, oneOf } from '../../core/nearest.ts';
import { readQuery } from '../query.ts';
import { QueryError, type Route, type RouteSettings } from '../route.ts';
import { eventFilterNames, parseEventFilter } from './filter.ts';
import { createEventStreams } from './stream.ts';

export type EventsRouteOptions = {
  /** For one reader. */
  readonly eventsPerSecond: number;
  readonly bufferBytes: number;
};

const PIPELINE = 'pipeline';

/** Numbers of the users of this host by name; none when they cannot be read. */
const userNumbers = async (): Promise<(name: string) => number | undefined> => {
  const users = await readPasswd('');
  const numbers = new Map(users.ok ? Array.from(users.value, ([id, name]) => [name, id] as const) : []);
  return (name) => numbers.get(name);
};

export const createEventsRoute = (settings: RouteSettings, { eventsPerSecond, bufferBytes }: EventsRouteOptions): Route => {
  const { service, counters } = settings;
  const outcomes = {
    sent: counters.counter('ringtail_live_events', { outcome: 'sent' }),
    slow_reader: counters.counter('ringtail_live_events', { outcome: 'slow_reader' }),
    rate: counters.counter('ringtail_live_events', { outcome: 'rate' }),
  };
  const streams = createEventStreams({ tap: service.tap, count: (taken) => void outcomes[taken].value++ });
  counters.gauge('ringtail_live_readers', {}, streams.readers);

  const pipelineOf = (query: URLSearchParams): string | undefined => {
    const wanted = readQuery(query, [...eventFilterNames, PIPELINE]).text(PIPELINE, '');
    if (wanted === '') return undefined;
    const ids = service.pipelines().flatMap(({ id }) => (id.split('/')[0] === 'logs' ? [id] : []));
    if (ids.includes(wanted)) return wanted;
    throw new QueryError(
      `pipeline: no pipeline of logs is called ${JSON.stringify(wanted.slice(0, 64))}${didYouMean(wanted, ids)}; there is ${oneOf(ids)}`,
    );
  };

  return {
    path: '/v1/events',
    anytime: true,
    async open(query, signal) {
      const filter = parseEventFilter(query, [PIPELINE]);
      const pipeline = pipelineOf(query);
      const userId = filter.users.length > 0 ? await userNumbers() : undefined;
      return streams.open({ filter, pipeline, eventsPerSecond, bufferBytes, signal, ...(userId && { userId }) });
    },
    async close() {
      streams.end(service.state() === 'stopping' ? 'ended' : 'reloaded');
    },
  };
};
