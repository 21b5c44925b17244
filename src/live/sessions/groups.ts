/** Sessions together by the process that owns them, or by container. */
import { baseName, LISTENING, OPEN, type Details } from './filter.ts';
import type { Keyed } from './order.ts';
import type { LiveSession, SessionGroupRow, SessionSort, SessionsQuery } from './types.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Group = { readonly first: LiveSession; readonly row: Mutable<SessionGroupRow> };

const emptyOf = (first: LiveSession): Group => ({
  first,
  row: {
    pid: 0,
    name: '',
    user: '',
    container: undefined,
    sessions: 0,
    established: 0,
    sentBytes: 0,
    receivedBytes: 0,
    sentRate: 0,
    receivedRate: 0,
  },
});

/** What is established, or is open and has no states. */
const isEstablished = ({ state = OPEN }: LiveSession): boolean => state === 'established' || state === OPEN;

const addTo = ({ row }: Group, session: LiveSession): void => {
  if (session.state !== LISTENING) row.sessions++;
  if (isEstablished(session)) row.established++;
  row.sentBytes += session.sentBytes ?? 0;
  row.receivedBytes += session.receivedBytes ?? 0;
  row.sentRate += session.sentRate;
  row.receivedRate += session.receivedRate;
};

const groupBy = <K>(sessions: readonly LiveSession[], keyOf: (session: LiveSession) => K): ReadonlyMap<K, Group> => {
  const groups = new Map<K, Group>();
  for (const session of sessions) {
    const key = keyOf(session);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = emptyOf(session)));
    addTo(group, session);
  }
  return groups;
};

const byProcess = (sessions: readonly LiveSession[], details: Details): readonly Group[] => {
  const groups = groupBy(sessions, ({ pid }) => pid);
  for (const [pid, { first, row }] of groups) {
    const { process, user, container } = details(first);
    Object.assign(row, {
      pid,
      name: pid === 0 ? '' : process,
      user: pid === 0 ? '' : user,
      container: pid === 0 ? undefined : container,
    });
  }
  return [...groups.values()];
};

/** What is in no container is of the host: one row, whose name is empty. */
const byContainer = (sessions: readonly LiveSession[], details: Details): readonly Group[] => {
  // a container is asked for once a cgroup
  const ofCgroup = new Map<bigint, string>();
  const keyOf = (session: LiveSession): string => {
    let id = ofCgroup.get(session.cgroupId);
    if (id === undefined) ofCgroup.set(session.cgroupId, (id = details(session).container?.id ?? ''));
    return id;
  };
  const groups = groupBy(sessions, keyOf);
  for (const { first, row } of groups.values()) {
    const { container } = details(first);
    Object.assign(row, { name: container === undefined ? '' : container.name || container.id, container });
  }
  return [...groups.values()];
};

const keyOfGroup = (group: SessionGroupRow, sort: SessionSort): number | string => {
  switch (sort) {
    case 'rate':
      return group.sentRate + group.receivedRate;
    case 'sent':
      return group.sentBytes;
    case 'received':
      return group.receivedBytes;
    case 'total':
      return group.sentBytes + group.receivedBytes;
    case 'process':
      return baseName(group.name);
    case 'container':
      return group.container === undefined ? '' : group.container.name || group.container.id;
    case 'age':
    case 'state':
    case 'peer':
    case 'port':
    case 'sessions':
      return group.sessions;
  }
};

/** With what they are sorted by; orders that groups do not have are by the number of sessions. */
export const groupRows = (sessions: readonly LiveSession[], { view, sort }: SessionsQuery, details: Details): Keyed<SessionGroupRow>[] =>
  (view === 'process' ? byProcess : byContainer)(sessions, details).map(({ row }) => ({
    row,
    key: keyOfGroup(row, sort),
    id: `${row.container?.id ?? ''} ${row.pid}`,
  }));
