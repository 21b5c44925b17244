/** Sessions in numbers: as fast as this machine makes connections, each end is told once with the process that had it, and nothing stays behind. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Connection, makeConnections, readConnections, saidNumbers, startConnections } from './support/connections.ts';
import { rssAnonKib, sampleRssAnon, until } from './support/processes.ts';
import { readSamples, sumOf } from './support/ringtail.ts';
import { readSessionMaps } from './support/session-maps.ts';
import { compare, difference, same, startSockets, type Told, toldOfAll } from './support/sessions.ts';

const CONNECTIONS = Number(process.env['RINGTAIL_E2E_CONNECTIONS'] ?? 100_000);
const SESSIONS = Number(process.env['RINGTAIL_E2E_SESSIONS'] ?? 1_000_000);

/** Who had which end of what. */
const lineOf = ({ transport, type, role, local, localPort, peer, peerPort, pid, uid }: Connection | Told): string =>
  `${transport} ${type} ${role} ${local}:${localPort} ${peer}:${peerPort} of ${pid} of ${uid}`;
const factLine = (one: Connection): string => `${lineOf(one)}: ${one.sent} sent, ${one.received} received`;
/** What a reset ended is all the other end read; the kernel may not have heard that it did. */
const toldLine = (one: Told): string => `${lineOf(one)}: ${one.sent + (one.unacknowledged || 0)} sent, ${one.received} received`;

/** Attributed to another process than the one that had it. */
const wrongOwners = (facts: readonly Connection[], told: readonly Told[]): number => {
  const without = (line: string) => line.replace(/ of \d+ of \d+/, '');
  const { missing, unexpected } = difference(facts.map(factLine), told.map(toldLine));
  const lost = new Set(missing.map(without));
  return unexpected.filter((line) => lost.has(without(line))).length;
};

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/** Entries about these ports that are in the maps of the kernel. */
const entriesOf = async (pid: number, ports: readonly number[]): Promise<number> =>
  (await readSessionMaps(pid)).filter(({ localPort, peerPort }) => ports.includes(localPort) || ports.includes(peerPort)).length;

test(`${CONNECTIONS} short connections: each end once, with its process, and nothing left`, async () => {
  const sockets = await startSockets();
  const { connections, stdout } = await makeConnections(join(sockets.folder, 'facts'), 'flood', CONNECTIONS, 2, 2);
  const ports = saidNumbers(stdout, 'ports');
  const endedMs = performance.now();
  let left = NaN;
  await until(async () => (left = await entriesOf(sockets.ringtail.pid, ports)) === 0, 'the maps to hold nothing of it', {
    deadlineMs: 60_000,
    otherwise: () => `${left} entries are left`,
  });
  const waitedMs = performance.now() - endedMs;
  const incidents = await sockets.incidents();
  const ledger = await sockets.finish();
  const all = toldOfAll(await sockets.records());
  const told = all.filter(({ localPort, peerPort }) => ports.includes(localPort) || ports.includes(peerPort));
  const [starts, ends, listens] = (['start', 'end', 'listen'] as const).map((event) => told.filter((one) => one.event === event)) as [
    Told[],
    Told[],
    Told[],
  ];
  const of = (role: string) => ends.filter((one) => one.role === role).length;
  const perSecond = Math.round(connections.length / 2 / (saidNumbers(stdout, 'took')[0]! / 1e9));
  console.log(
    `${connections.length / 2} connections, ${perSecond} a second, half of them live ${Math.round(median(connections.map(({ lifeNs }) => lifeNs)) / 1000)} µs or less: ` +
      `${of('client')} client and ${of('server')} server sessions, ${wrongOwners(connections, ends)} with a wrong process, ` +
      `lost ${sumOf(ledger, 'kernel', 'lost')}, 0 entries in the maps after ${Math.round(waitedMs)} ms; ${JSON.stringify(incidents)}`,
  );
  expect(sumOf(ledger, 'kernel', 'lost')).toBe(0);
  const owners = (some: readonly Told[]) => some.map(({ id, pid }) => `${id} ${pid}`);
  expect({
    ends: compare(connections.map(factLine), ends.map(toldLine)),
    starts: compare(connections.map(lineOf), starts.map(lineOf)),
    ids: compare(owners(starts), owners(ends)),
    different: new Set(ends.map(({ id }) => id)).size,
  }).toEqual({ ends: same, starts: same, ids: same, different: connections.length });
  expect(listens.map(({ localPort }) => localPort).sort()).toEqual([...ports].sort());
  // resets are seen by the end that did not make them
  const errors = (role: string) => ends.filter((one) => one.role === role && one.error !== '').map(({ error }) => error);
  expect(new Set(errors('client'))).toEqual(new Set());
  expect(errors('server')).toEqual(connections.filter(({ role, how }) => role === 'server' && how === 'reset').map(() => 'ECONNRESET'));
}, 240_000);

const STEPS = 10;
/** Steps before it: what grows once, for the first sessions. */
const WARM_UP = 3;

/** The median of the slopes between any two points: one that lies apart decides nothing. */
const slopeOf = (points: readonly (readonly [number, number])[]): number =>
  median(points.flatMap(([x, y], index) => points.slice(index + 1).map(([otherX, otherY]) => (otherY - y) / (otherX - x))));

const caches = async (port: number): Promise<number> =>
  (await readSamples(port)).filter(({ name }) => name === 'ringtail_cache_entries').reduce((sum, { value }) => sum + value, 0);

/**
 * Flat: the least that one half of the steps had is not this much above the least of the half before. What is collected late moves single steps
 * by more, but 64 bytes kept of each session would show.
 */
const FLAT_WITHIN_MIB = 30;
const FLAT_WITHIN_CACHED = 2000;

test(`${SESSIONS} sessions: maps, caches and memory stay as they are`, async () => {
  const sockets = await startSockets({ queue: '8MiB', exporter: ', rotation: {max_megabytes: 64, max_backups: 1}' });
  const { pid } = sockets.ringtail;
  const look = async (kib: readonly number[], ports: readonly number[]) => ({
    entries: await entriesOf(pid, ports),
    mib: median(kib) / 1024,
    cached: await caches(sockets.metricsPort),
  });
  const before = await look([rssAnonKib(pid)!], []);
  const points: (readonly [number, Awaited<ReturnType<typeof look>>])[] = [];
  const startedMs = performance.now();
  for (let step = 0; step < STEPS + WARM_UP; step++) {
    const memory = sampleRssAnon(pid);
    const ports = await makeConnectionsOnly(join(sockets.folder, `facts-${step}`), SESSIONS / 2 / STEPS);
    points.push([((step + 1) * SESSIONS) / STEPS, await look(memory.stop(), ports)]);
  }
  const tookS = (performance.now() - startedMs) / 1000;
  const ledger = await sockets.finish();
  const steady = points.slice(WARM_UP);
  const slope = (value: (one: Awaited<ReturnType<typeof look>>) => number) =>
    slopeOf(steady.map(([made, one]) => [made / 1e6, value(one)]));
  const lowest = (some: typeof steady) => Math.min(...some.map(([, { mib }]) => mib));
  const halves = [lowest(steady.slice(0, STEPS / 2)), lowest(steady.slice(STEPS / 2))] as const;
  const slopes = { mib: slope(({ mib }) => mib), cached: slope(({ cached }) => cached) };
  console.log(
    [
      `${points.at(-1)![0]} sessions in ${tookS.toFixed(0)} s, lost ${sumOf(ledger, 'kernel', 'lost')}`,
      `before: ${JSON.stringify(before)}`,
      ...points.map(([made, one]) => `after ${made}: ${JSON.stringify(one)}`),
      `a million sessions: ${slopes.mib.toFixed(2)} MiB, ${slopes.cached.toFixed(0)} in caches; least of both halves ${halves.map((mib) => mib.toFixed(1)).join(' and ')} MiB`,
    ].join('\n'),
  );
  expect(points.map(([, { entries }]) => entries)).toEqual(points.map(() => 0));
  expect(slopes.cached).toBeLessThan(FLAT_WITHIN_CACHED);
  expect(halves[1] - halves[0]).toBeLessThan(FLAT_WITHIN_MIB);
}, 280_000);

/** What each end says is counted and thrown away; returns the ports. */
const makeConnectionsOnly = async (folder: string, count: number): Promise<readonly number[]> => {
  const running = startConnections(folder, 'flood', count, 2, 2);
  expect(await running.ended).toEqual({ code: 0, signal: null });
  expect(readConnections(folder).length).toBeGreaterThanOrEqual(2 * count);
  rmSync(folder, { recursive: true });
  return saidNumbers(running.stdout(), 'ports');
};
