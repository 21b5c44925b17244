/** A feed of made-up sessions, which sorts, searches and cuts as the real one does. */
import type {
  ContainerName,
  SessionGroupRow,
  SessionRow,
  SessionsFeed,
  SessionsPage,
  SessionsQuery,
} from '../../src/live/sessions/types.ts';

export const madeSession = (index: number, given: Partial<SessionRow> = {}): SessionRow => ({
  id: `session-${index}`,
  transport: index % 7 === 6 ? 'udp' : 'tcp',
  family: 'ipv4',
  role: index % 2 === 0 ? 'server' : 'client',
  state: index % 7 === 6 ? undefined : 'established',
  pid: 1000 + (index % 5),
  process: `/usr/bin/prog${index % 5}`,
  user: index % 3 === 0 ? 'root' : 'www-data',
  uid: index % 3 === 0 ? 0 : 33,
  container: index % 4 === 0 ? { id: 'c'.repeat(64), name: 'web' } : undefined,
  cgroup: '/system.slice/some.service',
  local: `10.0.0.1:${8000 + index}`,
  peer: `192.0.2.${index % 250}:443`,
  sentBytes: index * 1000,
  receivedBytes: index * 100,
  sentRate: index * 10,
  receivedRate: index,
  ageSeconds: index,
  ...given,
});

const groups = (sessions: readonly SessionRow[], view: 'process' | 'container'): readonly SessionGroupRow[] => {
  const rows = new Map<string, SessionGroupRow>();
  for (const one of sessions) {
    const key = view === 'process' ? String(one.pid) : (one.container?.id ?? '');
    const row = rows.get(key) ?? {
      pid: view === 'process' ? one.pid : 0,
      name: view === 'process' ? one.process : (one.container?.name ?? ''),
      user: view === 'process' ? one.user : '',
      container: one.container as ContainerName | undefined,
      sessions: 0,
      established: 0,
      sentBytes: 0,
      receivedBytes: 0,
      sentRate: 0,
      receivedRate: 0,
    };
    rows.set(key, {
      ...row,
      sessions: row.sessions + 1,
      established: row.established + (one.state === 'established' ? 1 : 0),
      sentBytes: row.sentBytes + (one.sentBytes ?? 0),
      receivedBytes: row.receivedBytes + (one.receivedBytes ?? 0),
      sentRate: row.sentRate + one.sentRate,
      receivedRate: row.receivedRate + one.receivedRate,
    });
  }
  return [...rows.values()];
};

const statesOf = (sessions: readonly SessionRow[]) => {
  const states: Record<string, Record<string, number>> = {};
  for (const { transport, state = 'open' } of sessions) {
    const of = (states[transport] ??= {});
    of[state] = (of[state] ?? 0) + 1;
  }
  return states;
};

export const pageOf = (
  sessions: readonly SessionRow[],
  query: SessionsQuery,
  { atMs = 0, sinceMs = 1000, notes = [] }: { atMs?: number; sinceMs?: number; notes?: readonly string[] } = {},
): SessionsPage => {
  const wanted = sessions.filter(
    (one) =>
      (query.pids.length === 0 || query.pids.includes(one.pid)) &&
      (query.ports.length === 0 || query.ports.some((port) => one.local.endsWith(`:${port}`) || one.peer.endsWith(`:${port}`))) &&
      (query.listening || one.state !== 'listen') &&
      (query.search === '' || JSON.stringify(one).includes(query.search)),
  );
  const all: readonly (SessionRow | SessionGroupRow)[] = query.view === 'sessions' ? wanted : groups(wanted, query.view);
  const rows = all.toSorted((a, b) => (b.sentRate + b.receivedRate - a.sentRate - a.receivedRate) * (query.descending ? 1 : -1));
  const sum = (of: (one: SessionRow) => number) => sessions.reduce((total, one) => total + of(one), 0);
  return {
    type: 'sessions',
    atMs,
    sinceMs,
    view: query.view,
    totals: {
      sessions: sessions.length,
      sentRate: sum(({ sentRate }) => sentRate),
      receivedRate: sum(({ receivedRate }) => receivedRate),
      states: statesOf(sessions),
      containers: new Set(sessions.flatMap(({ container }) => container?.id ?? [])).size,
    },
    matched: rows.length,
    rows: rows.slice(query.offset, query.offset + query.limit),
    notes,
  };
};

export type FakeFeed = SessionsFeed & {
  sessions: readonly SessionRow[];
  notes: readonly string[];
  sinceMs: number;
  /** What the next question is answered with instead. */
  failure: Error | undefined;
  readonly queries: SessionsQuery[];
  isClosed: boolean;
};

/** Clock at 12:34:56 of a day in the local time zone, a second later with each page. */
export const createFeed = (sessions: readonly SessionRow[] = []): FakeFeed => {
  const startMs = new Date(2026, 0, 2, 12, 34, 56).getTime();
  const feed: FakeFeed = {
    source: 'the Ringtail of pid 4711',
    sessions,
    notes: [],
    sinceMs: 1000,
    failure: undefined,
    queries: [],
    isClosed: false,
    async page(query) {
      feed.queries.push(query);
      if (feed.failure !== undefined) throw feed.failure;
      return pageOf(feed.sessions, query, { atMs: startMs + (feed.queries.length - 1) * 1000, sinceMs: feed.sinceMs, notes: feed.notes });
    },
    async close() {
      feed.isClosed = true;
    },
  };
  return feed;
};
