/** What a person looks at: the rows of a sample that a query is about, in its order, and the totals of all. */
import { groupRows } from './groups.ts';
import { LISTENING, OPEN, portOf, sessionTest, type Details } from './filter.ts';
import { byKey, pageOf, type Keyed } from './order.ts';
import type {
  LiveSession,
  SessionDetails,
  SessionGroupRow,
  SessionRow,
  SessionSample,
  SessionSampler,
  SessionSort,
  SessionsPage,
  SessionsQuery,
} from './types.ts';

const NS_PER_SECOND = 1e9;

type Totals = SessionsPage['totals'];

/** One sample is shown to several, and by several queries. */
const totalsOfSample = new WeakMap<SessionSample, Totals>();

const countTotals = ({ sessions, timeWaits }: SessionSample, details: Details): Totals => {
  const states: Record<string, Record<string, number>> = {};
  const [containers, cgroups] = [new Set<string>(), new Map<bigint, LiveSession>()];
  let [count, sentRate, receivedRate] = [0, 0, 0];
  let lastCgroup: bigint | undefined;
  for (const session of sessions) {
    const { transport, state = OPEN, cgroupId } = session;
    const ofTransport = (states[transport] ??= {});
    ofTransport[state] = (ofTransport[state] ?? 0) + 1;
    sentRate += session.sentRate;
    receivedRate += session.receivedRate;
    if (state === LISTENING) continue;
    count++;
    if (cgroupId === lastCgroup) continue;
    lastCgroup = cgroupId;
    if (!cgroups.has(cgroupId)) cgroups.set(cgroupId, session);
  }
  for (const session of cgroups.values()) {
    const id = details(session).container?.id;
    if (id !== undefined) containers.add(id);
  }
  const waiting = timeWaits.reduce((sum, one) => sum + one.count, 0);
  if (waiting > 0) (states['tcp'] ??= {})['time_wait'] = waiting;
  return { sessions: count, sentRate, receivedRate, states, containers: containers.size };
};

const totalsOf = (sample: SessionSample, details: Details): Totals => {
  const known = totalsOfSample.get(sample) ?? countTotals(sample, details);
  totalsOfSample.set(sample, known);
  return known;
};

const ageOf = ({ beganNs }: LiveSession, { bootNs }: SessionSample): number | undefined =>
  beganNs === undefined || bootNs === undefined ? undefined : Math.max(0, Number(bootNs - beganNs) / NS_PER_SECOND);

const rowOf = (session: LiveSession, sample: SessionSample, details: SessionDetails): SessionRow => {
  const { id, transport, family, role, state, pid, sentBytes, receivedBytes, sentRate, receivedRate } = session;
  return {
    ...details,
    id,
    transport,
    family,
    role,
    state,
    pid,
    sentBytes,
    receivedBytes,
    sentRate,
    receivedRate,
    ageSeconds: ageOf(session, sample),
  };
};

/** The port that the session is about: that of whoever serves. Where nobody knows who that is, the lower one. */
const servicePort = ({ role }: LiveSession, { local, peer }: SessionDetails): number => {
  const [ours, theirs] = [portOf(local), portOf(peer)];
  if (role !== 'unknown' && (ours === 0 || theirs === 0)) return ours || theirs;
  if (role === 'client') return theirs;
  return role === 'server' || theirs === 0 || (ours !== 0 && ours < theirs) ? ours : theirs;
};

const containerText = ({ container }: SessionDetails): string => (container === undefined ? '' : container.name || container.id);

/** What a session is sorted by. What is not known stands behind everything, the oldest age in front of all. */
const keysOf = (sort: SessionSort, details: Details): ((session: LiveSession) => number | string) => {
  switch (sort) {
    case 'sent':
      return ({ sentBytes = -1 }) => sentBytes;
    case 'received':
      return ({ receivedBytes = -1 }) => receivedBytes;
    case 'total':
      return ({ sentBytes = -1, receivedBytes = -1 }) => sentBytes + receivedBytes;
    case 'age':
      return ({ beganNs }) => (beganNs === undefined ? Number.MAX_VALUE : -Number(beganNs));
    case 'process':
      return (session) => details(session).process;
    case 'container':
      return (session) => containerText(details(session));
    case 'state':
      return ({ state = OPEN }) => state;
    case 'peer':
      return (session) => details(session).peer;
    case 'port':
      return (session) => servicePort(session, details(session));
    case 'rate':
    case 'sessions':
      return ({ sentRate, receivedRate }) => sentRate + receivedRate;
  }
};

const searchText = (session: LiveSession, { local, peer, process, user, container }: SessionDetails): string =>
  `${local} ${peer} ${process} ${user} ${container?.name ?? ''} ${container?.id ?? ''} ${session.transport} ${session.state ?? ''} ${session.pid}`.toLowerCase();

const groupText = ({ name, user, container, pid }: SessionGroupRow): string =>
  `${name} ${user} ${container?.name ?? ''} ${container?.id ?? ''} ${pid}`.toLowerCase();

type Rows = Pick<SessionsPage, 'matched' | 'rows'>;

const sessionRows = (sample: SessionSample, wanted: readonly LiveSession[], query: SessionsQuery, details: Details): Rows => {
  const search = query.search.toLowerCase();
  const found = search === '' ? wanted : wanted.filter((session) => searchText(session, details(session)).includes(search));
  const keyOf = keysOf(query.sort, details);
  const keyed = found.map((session): Keyed<LiveSession> => ({ row: session, key: keyOf(session), id: session.id }));
  const page = pageOf(keyed, byKey(query.descending), query.offset, query.limit);
  return { matched: keyed.length, rows: page.map(({ row }) => rowOf(row, sample, details(row))) };
};

const groupsOf = (wanted: readonly LiveSession[], query: SessionsQuery, details: Details): Rows => {
  const search = query.search.toLowerCase();
  const groups = groupRows(wanted, query, details);
  const found = search === '' ? groups : groups.filter(({ row }) => groupText(row).includes(search));
  const page = pageOf(found, byKey(query.descending), query.offset, query.limit);
  return { matched: found.length, rows: page.map(({ row }) => row) };
};

/** Of one sample; `sampler` is who took it. */
export const makePage = (
  sample: SessionSample,
  query: SessionsQuery,
  { details, notes }: Pick<SessionSampler, 'details' | 'notes'>,
): SessionsPage => {
  const isWanted = sessionTest(query, details);
  const wanted = isWanted === undefined ? sample.sessions : sample.sessions.filter(isWanted);
  const { view } = query;
  return {
    type: 'sessions',
    atMs: sample.atMs,
    sinceMs: sample.sinceMs,
    view,
    totals: totalsOf(sample, details),
    ...(view === 'sessions' ? sessionRows(sample, wanted, query, details) : groupsOf(wanted, query, details)),
    notes: notes(),
  };
};
