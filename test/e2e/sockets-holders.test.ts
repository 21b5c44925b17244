/** Connections that are held in ways that make it hard to say by whom: made before Ringtail came, and while it looks. */
import { expect, test } from 'vitest';
import { workload } from './support/places.ts';
import { start, until } from './support/processes.ts';
import { readSessionMaps } from './support/session-maps.ts';
import { compare, same, startSockets, type Told, toldOfAll } from './support/sessions.ts';

type Held = { readonly way: string; readonly role: string; readonly local: number; readonly peer: number; readonly pid: number };

/** Starts them, and waits until all stand. */
const holdThem = async () => {
  const program = start(workload('holders'), [], { stdio: ['pipe', 'pipe', 'pipe'] });
  await until(() => program.stdout().includes('ready'), 'all to be held', { otherwise: program.stderr });
  const held = [...program.stdout().matchAll(/^held (\S+) (\S+) (\d+) (\d+) (\d+)$/gm)].map(([, way, role, local, peer, pid]): Held => ({
    way: way!,
    role: role!,
    local: Number(local),
    peer: Number(peer),
    pid: Number(pid),
  }));
  expect(held.length).toBe(14);
  return {
    held,
    async letGo() {
      program.child.stdin!.end();
      expect(await program.ended).toEqual({ code: 0, signal: null });
    },
  };
};

const key = (local: number, peer: number) => `${local} ${peer}`;
const wanted = (held: readonly Held[]) => held.map(({ way, local, peer, pid }) => `${way} ${key(local, peer)} of ${pid}`);
const named = (
  held: readonly Held[],
  found: readonly { readonly localPort: number; readonly peerPort: number; readonly pid: number }[],
) => {
  const ways = new Map(held.map(({ way, local, peer }) => [key(local, peer), way]));
  return found.flatMap(({ localPort, peerPort, pid }) => {
    const way = ways.get(key(localPort, peerPort));
    return way === undefined ? [] : [`${way} ${key(localPort, peerPort)} of ${pid}`];
  });
};
const eventsOf = (told: readonly Told[], event: Told['event']) => told.filter((one) => one.event === event);

test('held before Ringtail came: each has its process, and an end without a start', async () => {
  const { held, letGo } = await holdThem();
  const sockets = await startSockets();
  expect(compare(wanted(held), named(held, await readSessionMaps(sockets.ringtail.pid)))).toEqual(same);
  await letGo();
  await sockets.finish();
  const told = toldOfAll(await sockets.records());
  expect(compare(wanted(held), named(held, eventsOf(told, 'end')))).toEqual(same);
  expect(named(held, eventsOf(told, 'start'))).toEqual([]);
});

test('held while Ringtail looks: it begins with who made it, and ends with who had it', async () => {
  const sockets = await startSockets();
  const { held, letGo } = await holdThem();
  await letGo();
  await sockets.finish();
  const told = toldOfAll(await sockets.records());
  expect(compare(wanted(held), named(held, eventsOf(told, 'end')))).toEqual(same);
  const starts = eventsOf(told, 'start');
  const own = held.filter(({ way }) => !['inherited', 'passed'].includes(way));
  expect(compare(wanted(own), named(own, starts))).toEqual(same);
  const roles = (of: readonly Told[]) =>
    held.map(({ local, peer }) => of.find(({ localPort, peerPort }) => localPort === local && peerPort === peer)?.role);
  expect(roles(starts)).toEqual(held.map(({ role }) => role));
});
