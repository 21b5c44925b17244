import { expect, test } from 'vitest';
import { makePage } from '../../../src/live/sessions/page.ts';
import { parseSessionsQuery, sessionsParameters } from '../../../src/live/sessions/query.ts';
import type {
  LiveSession,
  SessionDetails,
  SessionGroupRow,
  SessionRow,
  SessionSample,
  SessionsPage,
} from '../../../src/live/sessions/types.ts';

type Made = Partial<LiveSession> & { readonly details?: Partial<SessionDetails> };

const CONTAINER = { id: 'ab12'.repeat(16), name: 'web' };
const NAMELESS = { id: 'cd34'.repeat(16), name: '' };

const made = (rows: readonly Made[], more: Partial<SessionSample> = {}) => {
  const details = new Map<LiveSession, SessionDetails>();
  const sessions = rows.map(({ details: given, ...row }, index): LiveSession => {
    const session: LiveSession = {
      id: String(100 + index),
      transport: 'tcp',
      family: 'ipv4',
      role: 'client',
      state: 'established',
      pid: 1,
      cgroupId: BigInt(given?.container === undefined ? 1 : 2 + given.container.id.charCodeAt(0)),
      netnsCookie: 1n,
      beganNs: undefined,
      sentBytes: 0,
      receivedBytes: 0,
      sentRate: 0,
      receivedRate: 0,
      ...row,
    };
    details.set(session, {
      local: '10.0.0.1:1000',
      peer: '10.0.0.2:80',
      process: '/usr/bin/curl',
      user: 'root',
      uid: 0,
      container: undefined,
      cgroup: '/',
      ...given,
    });
    return session;
  });
  const sample: SessionSample = { atMs: 1, sinceMs: 1000, bootNs: 100_000_000_000n, sessions, timeWaits: [], ...more };
  return {
    sample,
    page: (query = ''): SessionsPage =>
      makePage(sample, parseSessionsQuery(new URLSearchParams(query)), {
        details: (session) => details.get(session)!,
        notes: () => ['a note'],
      }),
  };
};

const ids = (page: SessionsPage): readonly string[] => (page.rows as readonly SessionRow[]).map(({ id }) => id);
const groups = (page: SessionsPage) =>
  (page.rows as readonly SessionGroupRow[]).map(({ pid, name, container, sessions }) => [
    pid,
    name,
    container?.id.slice(0, 4) ?? '',
    sessions,
  ]);

test('totals are of all, whatever is asked for', () => {
  const { page } = made(
    [
      { sentRate: 10 },
      { state: 'listen' },
      { state: 'close_wait', receivedRate: 5, details: { container: CONTAINER } },
      { transport: 'udp', state: undefined, details: { container: CONTAINER } },
      { details: { container: NAMELESS } },
    ],
    { timeWaits: [{ netnsCookie: 1n, family: undefined, count: 3 }, { netnsCookie: 0n, family: undefined, count: 2 }] }, // prettier-ignore
  );
  const totals = {
    sessions: 4,
    sentRate: 10,
    receivedRate: 5,
    states: { tcp: { established: 2, listen: 1, close_wait: 1, time_wait: 5 }, udp: { open: 1 } },
    containers: 2,
  };
  expect(page()).toMatchObject({ type: 'sessions', view: 'sessions', totals, matched: 4, notes: ['a note'] });
  expect(page('pid=99&view=container')).toMatchObject({ view: 'container', totals, matched: 0, rows: [] });
});

test('a row has what a person sees, as JSON takes it', () => {
  const { page } = made([{ beganNs: 40_000_000_000n, sentBytes: undefined, receivedBytes: 7 }]);
  expect(JSON.parse(JSON.stringify(page())).rows).toEqual([
    {
      id: '100', transport: 'tcp', family: 'ipv4', role: 'client', state: 'established', pid: 1, receivedBytes: 7, sentRate: 0, receivedRate: 0,
      ageSeconds: 60, local: '10.0.0.1:1000', peer: '10.0.0.2:80', process: '/usr/bin/curl', user: 'root', uid: 0, cgroup: '/',
    },
  ]); // prettier-ignore
});

const various: readonly Made[] = [
  { sentRate: 5, sentBytes: 10, receivedBytes: 1, beganNs: 30n, details: { process: '/bin/b', peer: '10.0.0.9:443', container: CONTAINER } },
  { receivedRate: 9, sentBytes: 5, receivedBytes: 100, beganNs: 10n, state: 'close_wait', details: { process: '/bin/a', peer: '10.0.0.3:22' } },
  { sentBytes: undefined, receivedBytes: undefined, beganNs: undefined, role: 'server', details: { process: 'c', local: '10.0.0.1:8080', peer: '9.9.9.9:5' } },
]; // prettier-ignore

test.each([
  ['', ['101', '100', '102']],
  ['sort=rate&descending=false', ['102', '100', '101']],
  ['sort=sent', ['100', '101', '102']],
  ['sort=received', ['101', '100', '102']],
  ['sort=total', ['101', '100', '102']],
  ['sort=age', ['102', '101', '100']],
  ['sort=process', ['101', '100', '102']],
  ['sort=process&descending=true', ['102', '100', '101']],
  ['sort=container&descending=true', ['100', '101', '102']],
  ['sort=state', ['101', '100', '102']],
  ['sort=peer', ['101', '100', '102']],
  ['sort=port', ['101', '100', '102']],
  ['sort=sessions', ['101', '100', '102']],
  ['limit=1&offset=1', ['100']],
  ['offset=7', []],
  ['limit=0', []],
])('%j: %j', (query, expected) => {
  const page = made(various).page(query);
  expect(ids(page)).toEqual(expected);
  expect(page.matched).toBe(3);
});

test.each([
  ['container=web', ['0']],
  ['container=w*', ['0']],
  ['container=ab12ab', ['0']],
  ['container=ab1', []],
  ['container=any', ['0', '1']],
  ['container=host', ['2', '3', '4']],
  ['container=host&container=web', ['0', '2', '3', '4']],
  ['process=nginx', ['0']],
  ['process=ngin?', ['0']],
  ['process=/usr/*/nginx', ['0']],
  ['process=usr', []],
  ['process=kworker', ['2']],
  ['pid=5&pid=7', ['1', '2']],
  ['user=ada', ['3']],
  ['user=1000', ['3']],
  ['port=443', ['0']],
  ['port=1000&port=53', ['1', '2', '3', '4']],
  ['state=close_wait', ['1']],
  ['state=open', ['4']],
  ['state=listen', ['5']],
  ['transport=udp', ['4']],
  ['listening=true&limit=100', ['0', '1', '2', '3', '4', '5']],
  ['search=NGINX', ['0']],
  ['search=close_w', ['1']],
  ['search=cd34', ['1']],
  ['search=10.0.0.9', ['0']],
  ['search=ada&pid=1', ['3']],
  ['search=nothing', []],
])('%j shows %j', (query, expected) => {
  const { page } = made([
    { details: { process: '/usr/sbin/nginx', container: CONTAINER, local: '10.0.0.1:443', peer: '10.0.0.9:2000' } },
    { pid: 5, state: 'close_wait', details: { container: NAMELESS } },
    { pid: 7, details: { process: 'kworker' } },
    { details: { user: 'ada', uid: 1000 } },
    { transport: 'udp', state: undefined, details: { process: '', peer: '[::1]:53' } },
    { state: 'listen' },
  ]);
  expect(ids(page(query)).map((id) => String(Number(id) - 100)).toSorted()).toEqual(expected); // prettier-ignore
});

test('by process', () => {
  const { page } = made([
    { pid: 5, sentRate: 3, sentBytes: 10, details: { process: '/bin/b', container: CONTAINER, user: 'ada' } },
    { pid: 5, state: 'close_wait', receivedBytes: 7, details: { process: '/bin/b', container: CONTAINER, user: 'ada' } },
    { pid: 6, sentRate: 100, details: { process: '/usr/bin/a' } },
    { pid: 6, state: 'listen', details: { process: '/usr/bin/a' } },
    { pid: 0, details: { process: '', user: 'root' } },
  ]);
  expect(groups(page('view=process'))).toEqual([[6, '/usr/bin/a', '', 1], [5, '/bin/b', 'ab12', 2], [0, '', '', 1]]); // prettier-ignore
  expect(page('view=process&pid=5').rows).toEqual([
    {
      pid: 5, name: '/bin/b', user: 'ada', container: CONTAINER, sessions: 2, established: 1, sentBytes: 10, receivedBytes: 7, sentRate: 3, receivedRate: 0,
    },
  ]); // prettier-ignore
  expect(groups(page('view=process&sort=sessions&limit=1'))).toEqual([[5, '/bin/b', 'ab12', 2]]);
  expect(groups(page('view=process&sort=process&listening=true'))).toEqual([[0, '', '', 1], [6, '/usr/bin/a', '', 1], [5, '/bin/b', 'ab12', 2]]); // prettier-ignore
  expect(groups(page('view=process&search=ADA'))).toEqual([[5, '/bin/b', 'ab12', 2]]);
});

test('by container, what is in none is of the host', () => {
  const { page } = made([
    { sentRate: 1, details: { container: CONTAINER } },
    { sentRate: 1, pid: 8, details: { container: CONTAINER } },
    { sentRate: 9 },
    { details: { container: NAMELESS } },
  ]);
  const rows = [[0, '', '', 1], [0, 'web', 'ab12', 2], [0, NAMELESS.id, 'cd34', 1]]; // prettier-ignore
  expect(groups(page('view=container'))).toEqual(rows);
  expect(groups(page('view=container&search=web'))).toEqual([rows[1]]);
  expect(groups(page('view=container&container=any&sort=container'))).toEqual([rows[2], rows[1]]);
});

test('rows do not jump while nothing changes', () => {
  const rows = Array.from({ length: 500 }, (_, index): Made => ({ sentRate: index % 3 }));
  const { sample, page } = made(rows);
  const before = ids(page('limit=100'));
  (sample.sessions as LiveSession[]).reverse();
  expect(ids(page('limit=100'))).toEqual(before);
});

test('an age is never below zero, and not known without a clock', () => {
  const began = { beganNs: 200_000_000_000n };
  expect((made([began]).page().rows[0] as SessionRow).ageSeconds).toBe(0);
  expect((made([began], { bootNs: undefined }).page().rows[0] as SessionRow).ageSeconds).toBeUndefined();
});

test.each([
  ['view=table', 'view: "table" is none of them; allowed is sessions, process or container'],
  ['sort=name', 'sort: "name" is none of them'],
  ['pid=x', 'pid: "x" is not a whole number from 0 to 4194304'],
  ['port=0', 'port: "0" is not a whole number from 1 to 65535'],
  ['state=opened', 'state: "opened" is none of them'],
  ['transport=sctp', 'transport: "sctp" is none of them; allowed is tcp, udp, icmp, raw or unix'],
  ['limit=1000000', 'limit: "1000000" is not a whole number from 0 to 10000'],
  ['offset=-1', 'offset: "-1" is not a whole number'],
  ['listening=yes', 'listening: "yes" is none of them; allowed is true or false'],
  ['ports=80', 'there is no parameter "ports"; did you mean "port"?'],
  ['search=a&search=b', 'search: stands 2 times; once is allowed'],
])('%s: %s', (query, message) => {
  expect(() => parseSessionsQuery(new URLSearchParams(query))).toThrow(message);
});

test.each([
  '',
  'view=process&sort=sessions&descending=false&offset=5&limit=7&search=a%26b&container=x&container=y&pid=1&user=u&port=80&port=81&state=open&transport=udp&listening=true&process=p',
])(
  // prettier-ignore
  'as parameters it is the same query: %j',
  (text) => {
    const query = parseSessionsQuery(new URLSearchParams(text));
    const pairs = Object.entries(sessionsParameters(query)).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, String(one)]),
    );
    expect(parseSessionsQuery(new URLSearchParams(pairs))).toEqual(query);
  },
);
