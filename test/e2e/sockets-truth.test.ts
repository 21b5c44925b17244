/** Sessions of programs that people use, against what these know themselves, against `ss`, and with addresses that another process uses at once. */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { makeConnections, saidNumbers, startConnections } from './support/connections.ts';
import { readSessionMaps } from './support/session-maps.ts';
import { compare, same, startSockets, summaryOf, type Told, toldOfAll } from './support/sessions.ts';
import { comparedWithSs, snapshotOfSs } from './support/ss.ts';
import { type Known, tools } from './support/tools.ts';

const endLine = (one: Known | Told, port: (port: number) => number, sent: number): string =>
  `${one.transport} ${one.type} ${one.role} ${one.local}:${port(one.localPort)} ${one.peer}:${port(one.peerPort)} of ${one.pid} of ${one.uid}: ` +
  `${sent} sent, ${one.received} received ${one.error ?? ''}`;

/** Ports that the tool does not know say nothing. */
const NOT_KNOWN = -1;
const only =
  (ports: ReadonlySet<number>) =>
  (port: number): number =>
    ports.has(port) ? port : NOT_KNOWN;

/** Of sockets that nobody resets. Both ends may close at one moment; the other's last word may come together with its receipt. */
const PATH =
  /^(client syn_sent|server syn_received) established (close_wait last_ack|fin_wait_1( fin_wait_2| closing)?) closed$|^client syn_sent closed$|^server listen closed$/;

describe('programs that people use', () => {
  test('each session once, with its process, user, role, addresses, bytes and result', async () => {
    const sockets = await startSockets({ receiver: '{events: [start, state, end, listen]}' });
    const known = new Map<string, readonly Known[]>();
    for (const { name, use } of tools) known.set(name, await use());
    await sockets.finish();
    const told = toldOfAll(await sockets.records());
    const results: Record<string, unknown> = {};
    for (const [name, sessions] of known) {
      const ports = new Set(sessions.flatMap(({ localPort, peerPort }) => [localPort, peerPort]).filter((port) => port > 0));
      const masked = only(ports);
      const mine = told.filter(({ localPort, peerPort }) => ports.has(localPort) || ports.has(peerPort));
      const ends = mine.filter(({ event }) => event === 'end');
      const starts = mine.filter(({ event }) => event === 'start');
      const startLine = (one: Known | Told, pid: number) => endLine({ ...one, pid, sent: 0, received: 0, error: '' }, masked, 0);
      results[name] = {
        ends: compare(sessions.map((one) => endLine(one, masked, one.sent)), ends.map((one) => endLine(one, masked, one.sent + (one.unacknowledged || 0)))),
        starts: compare(sessions.filter(({ error }) => error === undefined).map((one) => startLine(one, one.startPid ?? one.pid)), starts.map((one) => startLine(one, one.pid))),
        ids: compare(starts.map(({ id }) => id), ends.filter(({ error }) => error !== 'ECONNREFUSED').map(({ id }) => id)),
        paths: pathsOf(mine).filter((path) => !PATH.test(path)),
      }; // prettier-ignore
      console.log(`${name}: ${ends.length} sessions; ${[...new Set(pathsOf(mine))].join('; ')}`);
    }
    expect(results).toEqual(Object.fromEntries(tools.map(({ name }) => [name, { ends: same, starts: same, ids: same, paths: [] }])));
  });
});

/** The states that each session of TCP went through. */
const pathsOf = (told: readonly Told[]): readonly string[] => {
  const paths = new Map<string, string[]>();
  for (const { id, event, state, role } of told) if (event === 'state') paths.set(id, [...(paths.get(id) ?? [role]), state]);
  return [...paths.values()].map((path) => path.join(' '));
};

const ROUNDS = 2000;

test(`two processes use one 4-tuple in turn, ${ROUNDS} times: never the former owner`, async () => {
  const sockets = await startSockets();
  const { connections, stdout } = await makeConnections(join(sockets.folder, 'facts'), 'reuse', ROUNDS);
  await sockets.finish();
  const [tcpPort, udpPort] = saidNumbers(stdout, 'shared') as [number, number];
  const facts = connections.filter(({ localPort, peerPort }) => [tcpPort, udpPort].some((port) => port === localPort || port === peerPort));
  const told = toldOfAll(await sockets.records()).filter(({ localPort, peerPort, transport }) =>
    (transport === 'tcp' ? [tcpPort] : [udpPort]).some((port) => port === localPort || port === peerPort),
  );
  const ends = told.filter(({ event }) => event === 'end');
  const starts = told.filter(({ event }) => event === 'start');
  // each round has a size of its own
  const line = ({ transport, role, pid, sent, received }: Pick<Told, 'transport' | 'role' | 'pid' | 'sent' | 'received'>) =>
    `${transport} ${role} of ${pid}: ${sent} sent, ${received} received`;
  const wanted = facts.map(line);
  const found = ends.map((one) => line({ ...one, sent: one.sent + (one.unacknowledged || 0) }));
  console.log(`${facts.length} sessions of two 4-tuples, ${ends.length} told; ${new Set(facts.map(({ pid }) => pid)).size} processes`);
  expect(compare(wanted, found)).toEqual(same);
  expect(compare(starts.map(({ id, pid }) => `${id} ${pid}`), ends.map(({ id, pid }) => `${id} ${pid}`))).toEqual(same); // prettier-ignore
});

const MOMENTS = 10;

test(`${MOMENTS} moments under changing load: as ss sees it`, async () => {
  const sockets = await startSockets();
  const load = startConnections(join(sockets.folder, 'facts'), 'hold', 20, 3, 2);
  const seen: unknown[] = [];
  const compared: number[] = [];
  await wait(2000);
  const ports = saidNumbers(load.stdout(), 'ports');
  for (let moment = 0; moment < MOMENTS; moment++) {
    await wait(Math.random() * 500);
    const before = await snapshotOfSs(ports);
    const kept = await readSessionMaps(sockets.ringtail.pid);
    const after = await snapshotOfSs(ports);
    const { missing, unexpected, sessions, stayed } = comparedWithSs({ before, kept, after, ports });
    compared.push(sessions);
    seen.push(summaryOf({ missing, unexpected }));
    console.log(`moment ${moment}: ${before.length} and ${after.length} in ss, ${stayed} in both, ${sessions} in the maps`);
  }
  expect(load.hasEnded()).toBe(false);
  expect(Math.min(...compared)).toBeGreaterThan(100);
  expect(seen).toEqual(Array.from({ length: MOMENTS }, () => same));
  expect(await load.ended).toEqual({ code: 0, signal: null });
  await sockets.finish();
});
