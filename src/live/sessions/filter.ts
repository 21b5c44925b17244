/** Which sessions a query is about. */
import { wildcardTest } from '../shared/wildcard.ts';
import type { ContainerName, LiveSession, SessionDetails, SessionsQuery } from './types.ts';

export type Details = (session: LiveSession) => SessionDetails;

/** As short as the beginning of an id may be. */
const SHORTEST_ID = 4;
export const LISTENING = 'listen';

/** `any`, `host`, a name, or an id or its beginning. */
const containerTest = (wanted: readonly string[]): ((container: ContainerName | undefined) => boolean) => {
  if (wanted.length === 0) return () => true;
  const [any, host] = [wanted.includes('any'), wanted.includes('host')];
  const isName = wildcardTest(wanted);
  const beginnings = wanted.filter((text) => text.length >= SHORTEST_ID);
  return (container) => {
    if (container === undefined) return host;
    return any || (container.name !== '' && isName(container.name)) || beginnings.some((beginning) => container.id.startsWith(beginning));
  };
};

export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** What has a slash is about whole paths. */
const processTest = (wanted: readonly string[]): ((process: string) => boolean) => {
  const paths = wanted.filter((text) => text.includes('/'));
  const names = wanted.filter((text) => !text.includes('/'));
  const [isPath, isName] = [wildcardTest(paths), wildcardTest(names)];
  return (process) => (paths.length > 0 && isPath(process)) || (names.length > 0 && process !== '' && isName(baseName(process)));
};

/** Of the end, as it is shown; 0: it has none. */
export const portOf = (end: string): number => {
  const digits = /:(\d+)$/.exec(end)?.[1];
  return digits === undefined ? 0 : Number(digits);
};

/** What a session is in when its protocol has no states. */
export const OPEN = 'open';

/** Undefined: the query is about all sessions. */
export const sessionTest = (query: SessionsQuery, details: Details): ((session: LiveSession) => boolean) | undefined => {
  const tests: ((session: LiveSession) => boolean)[] = [];
  const { containers, processes, pids, users, ports, states, transports, listening } = query;
  const among = <T>(wanted: readonly T[], of: (session: LiveSession) => T): void => {
    const set = new Set(wanted);
    if (set.size > 0) tests.push((session) => set.has(of(session)));
  };
  // what costs least stands first
  if (!listening && !states.includes(LISTENING)) tests.push(({ state }) => state !== LISTENING);
  among(transports, ({ transport }): string => transport);
  among(states, ({ state }) => state ?? OPEN);
  among(pids, ({ pid }) => pid);
  if (containers.length > 0) {
    const isWanted = containerTest(containers);
    tests.push((session) => isWanted(details(session).container));
  }
  if (processes.length > 0) {
    const isWanted = processTest(processes);
    tests.push((session) => isWanted(details(session).process));
  }
  if (users.length > 0) {
    const isWanted = wildcardTest(users);
    tests.push((session) => {
      const { user, uid } = details(session);
      return isWanted(user) || (uid !== undefined && isWanted(String(uid)));
    });
  }
  if (ports.length > 0) {
    const wanted = new Set(ports);
    tests.push((session) => {
      const { local, peer } = details(session);
      return wanted.has(portOf(local)) || wanted.has(portOf(peer));
    });
  }
  return tests.length === 0 ? undefined : (session) => tests.every((test) => test(session));
};
