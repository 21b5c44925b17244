/** Open sockets and sessions by procfs, beside what programs say that they have and what the kernel's iterators tell. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { LENGTH_MASK, NO_ACTOR } from '../../../src/core/batch.ts';
import { createCounters } from '../../../src/core/counters.ts';
import type { Logger } from '../../../src/core/logger.ts';
import { loadAddon } from '../../../src/kernel/addon.ts';
import { eventKind, sessionRole, sessionState } from '../../../src/kernel/layouts.gen.ts';
import { TICK_NS } from '../../../src/kernel/procfs/stat.ts';
import { createKernelServices } from '../../../src/kernel/services.ts';
import type { SocketNeeds } from '../../../src/kernel/sockets/needs.ts';
import type { OpenSocket } from '../../../src/kernel/sockets/open-socket.ts';
import { createSocketProcfsWatcher } from '../../../src/kernel/sockets/procfs-watcher.ts';
import { readSockets } from '../../../src/kernel/sockets/procfs/sockets.ts';
import { decodeHolders, decodeSessions } from '../../../src/kernel/sockets/session-entries.ts';
import { waitFor } from '../harness/pipeline.ts';
import { startProgram } from '../harness/runner.ts';
import type { Context, RunOptions, Scenario } from '../harness/scenario.ts';

const NOBODY = 65_534;
/** Emulated machines are slow. */
const GIVEN_MS = 10_000;
const MOST_BYTES = 64 * 2 ** 20;
const whoObject = fileURLToPath(new URL('../../../build/bpf/who.bpf.o', import.meta.url));

/** A program that opens sockets and keeps them until `end`; `lines` are what it says, without the word before. */
const open = async ({ program }: Context, name: string, word: string, options: RunOptions = {}) => {
  const { child, ended, output } = startProgram(program(name), [], options);
  await waitFor(`${name} to be ready`, () => output().includes('ready\n') || child.exitCode !== null);
  const lines = output().split('\n').filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1)); // prettier-ignore
  return {
    pid: child.pid!,
    lines,
    async end() {
      child.stdin.end();
      const { code } = await ended;
      assert.equal(code, 0);
    },
  };
};

/** Those who gave their sockets to others let go of them only when the others have them. */
const openHolders = async (context: Context) => {
  const holders = await open(context, 'holders', 'held');
  const given = holders.lines.filter((line) => /^(inherited|passed) /.test(line)).map((line) => Number(line.split(' ')[2]));
  const ports = new Set(given);
  let shared = given.length;
  for (const endMs = performance.now() + GIVEN_MS; shared > 0 && performance.now() < endMs;)
    shared = (await readSockets({ root: '' })).filter((socket) => ports.has(socket.localPort) && socket.holders.length > 1).length;
  assert.equal(shared, 0, 'sockets that were given away');
  return holders;
};

const groupsOf = (bytes: Uint8Array): string => {
  const text = new URL(`http://[${Buffer.from(bytes).toString('hex').match(/.{4}/g)!.join(':')}]`).hostname.slice(1, -1); // prettier-ignore
  return text.replace(/^::ffff:([0-9a-f]+):([0-9a-f]+)$/, () => `::ffff:${[...bytes.subarray(12)].join('.')}`);
};
const addressText = (bytes: Uint8Array): string => {
  if (bytes.length === 0) return '-';
  return bytes.length === 4 ? bytes.join('.') : groupsOf(bytes);
};
/** As open-sockets tells it. */
const textOf = ({ protocol, local, localPort, peer, peerPort, state, isDual }: OpenSocket): string =>
  `${protocol} ${isDual ? '*' : addressText(local)} ${localPort} ${addressText(peer)} ${peerPort} ${state}`;

const isHeldBy = (pids: ReadonlySet<number>, { holders }: OpenSocket): boolean => holders.some(({ pid }) => pids.has(pid));
const INET: ReadonlySet<string> = new Set(['ipv4', 'ipv6']);

const everyKind: Scenario = {
  name: 'procfs: every kind of open socket as its program has it',
  async run(context) {
    const opener = await open(context, 'open-sockets', 'open');
    const sockets = (await readSockets({ root: '' })).filter(({ family }) => INET.has(family));
    const own = sockets.filter((socket) => isHeldBy(new Set([opener.pid]), socket));
    assert.deepEqual(own.map(textOf).toSorted(), [...opener.lines].toSorted());
    assert.deepEqual(new Set(own.map(({ uid }) => uid)), new Set([0]));
    // what nobody accepted has no descriptor, and waits at the listener
    const [listener] = opener.lines[0]!.split(' ').slice(2).map(Number);
    const waiting = sockets.filter(({ localPort, inode, state }) => localPort === listener && inode === 0 && state === 1);
    assert.deepEqual(waiting.map(({ holders, local }) => [holders, addressText(local)]), [[[], '127.0.0.1']]); // prettier-ignore
    await opener.end();
    const after = await readSockets({ root: '', pids: [opener.pid] });
    assert.deepEqual(after, []);
  },
};

/** The kernel keeps the protocol of raw sockets where others have a port, and gives a state to all. */
const asShown = (socket: OpenSocket): OpenSocket => {
  if (socket.protocol === 'tcp') return socket;
  return { ...socket, state: sessionState.none, localPort: socket.protocol === 'udp' ? socket.localPort : 0 };
};

/** What both tell of a socket and of all its holders. */
const comparable = (socket: OpenSocket, holders: OpenSocket['holders']): string => {
  const all = holders.map(({ pid, startNs, fd }) => `${pid}/${fd}/${startNs! / TICK_NS}`).toSorted();
  return `${textOf(socket)} uid ${socket.uid} netns ${socket.netns} held by ${all.join()}`;
};

const sameAsIterator: Scenario = {
  name: 'procfs: the same sockets, namespaces and holders as the iterator of the kernel',
  async run(context) {
    const programs = [await open(context, 'open-sockets', 'open'), await openHolders(context)];
    const pids = new Set([programs[0]!.pid, ...programs[1]!.lines.map((line) => Number(line.split(' ')[4]))]);
    const byProcfs = new Map<number, string>();
    for (const socket of await readSockets({ root: '' }))
      if (INET.has(socket.family) && isHeldBy(pids, socket)) byProcfs.set(socket.inode, comparable(socket, socket.holders));

    const entries = decodeHolders(
      loadAddon().runOnce({ path: whoObject, programs: ['on_descriptor'], options: {}, mapEntries: {} }, MOST_BYTES),
    );
    const holders = new Map<number, OpenSocket['holders']>();
    for (const { inode, holders: one } of entries) holders.set(inode, [...(holders.get(inode) ?? []), ...one]);
    const byIterator = new Map<number, string>();
    for (const entry of entries) {
      const inTable = entry.protocol !== 'tcp' || entry.state !== sessionState.tcpClosed;
      const all = holders.get(entry.inode)!;
      const shown = asShown(entry);
      if (inTable && all.some(({ pid }) => pids.has(pid))) byIterator.set(entry.inode, comparable(shown, all));
    }
    assert(byProcfs.size > 25, `${byProcfs.size} sockets`);
    assert.deepEqual([...byProcfs].toSorted(([a], [b]) => a - b), [...byIterator].toSorted(([a], [b]) => a - b)); // prettier-ignore
    for (const program of programs) await program.end();
  },
};

const ordinaryUser: Scenario = {
  name: 'procfs: an ordinary user sees all sockets, and who has them among its own processes',
  async run(context) {
    const [own, other] = [await open(context, 'open-sockets', 'open', { uid: NOBODY }), await openHolders(context)];
    let denied = 0;
    // the capabilities go with the effective user
    process.seteuid!(NOBODY);
    const sockets = await readSockets({ root: '', onDenied: (processes) => (denied = processes) }).finally(() => process.seteuid!(0));
    const mine = sockets.filter((socket) => INET.has(socket.family) && isHeldBy(new Set([own.pid]), socket));
    assert.deepEqual(mine.map(textOf).toSorted(), [...own.lines].toSorted());
    assert.deepEqual(new Set(mine.map(({ uid }) => uid)), new Set([NOBODY]));
    assert(denied > 0);
    for (const line of other.lines) {
      const [, , local, peer] = line.split(' ').map(Number);
      const found = sockets.filter(({ localPort, peerPort }) => localPort === local && peerPort === peer);
      assert.deepEqual(found.map((socket) => socket.holders), [[]], line); // prettier-ignore
    }
    await own.end();
    await other.end();
  },
};

const needs: SocketNeeds = {
  events: new Set(['start', 'end', 'listen']),
  states: new Set(),
  protocols: new Set(['tcp']),
  families: new Set(['ipv4', 'ipv6']),
  loopback: true,
  idleTimeoutMs: {},
  counted: false,
  mode: 'procfs',
  cgroup: undefined,
  maxSessions: 65_536,
  procfsIntervalMs: 60_000,
  ruleSets: [],
};

const kindNames: ReadonlyMap<number, string> = new Map([
  [eventKind.sessionStart, 'start'],
  [eventKind.sessionEnd, 'end'],
  [eventKind.sessionListen, 'listen'],
]);

const watched: Scenario = {
  name: 'procfs: sessions are told once at their beginning and once at their end, with whoever has them',
  async run(context) {
    type Row = { readonly text: string; readonly comm: string; readonly role: number; readonly id: string };
    let rows: Row[] = [];
    const watcher = createSocketProcfsWatcher({
      needs,
      onFrame({ batches, actors, strings }) {
        for (const { kind, rows: count, actor, columns } of batches)
          for (let row = 0; row < count; row++) {
            const who = actor[row]!;
            const comm = who === NO_ACTOR ? 0 : actors.comm[who]!;
            rows.push({
              text: `${kindNames.get(kind)} ${columns['localPort']![row]} ${columns['peerPort']![row]} ${who === NO_ACTOR ? '-' : actors.pid[who]}`,
              comm: Buffer.from(strings.bytes).toString(
                'latin1',
                strings.offsets[comm]!,
                strings.offsets[comm]! + (strings.lengths[comm]! & LENGTH_MASK),
              ),
              role: columns['role']![row]!,
              id: `${columns['idHi']![row]} ${columns['idLo']![row]}`,
            });
          }
      },
    });
    const of = (ports: ReadonlySet<number>): readonly Row[] => rows.filter(({ text }) => ports.has(Number(text.split(' ')[1])));
    await watcher.scan();
    const program = await openHolders(context);
    await watcher.scan();
    const held = program.lines.map((line) => line.split(' '));
    const ports = new Set(held.flatMap(([, , local, peer]) => [Number(local), Number(peer)]));
    const started = of(ports).filter(({ text }) => text.startsWith('start'));
    assert.deepEqual(started.map(({ text }) => text).toSorted(), held.map(([, , local, peer, pid]) => `start ${local} ${peer} ${pid}`).toSorted()); // prettier-ignore
    assert.deepEqual(new Set(started.map(({ comm, role }) => `${comm} ${role}`)), new Set([`holders ${sessionRole.unknown}`]));
    assert.equal(new Set(started.map(({ id }) => id)).size, held.length);
    // the listener of what was passed is closed
    const listeners = held.filter(([way, role]) => role === 'server' && way !== 'passed').map(([, , local]) => local);
    assert.equal(of(ports).filter(({ text }) => text.startsWith('listen')).length, listeners.length);
    rows = [];
    await watcher.scan();
    assert.deepEqual(of(ports), []);
    await program.end();
    await watcher.scan();
    const ended = of(ports);
    assert.deepEqual(ended.map(({ text }) => text).toSorted(), held.map(([, , local, peer, pid]) => `end ${local} ${peer} ${pid}`).toSorted()); // prettier-ignore
    assert.deepEqual(new Set(ended.map(({ id }) => id)), new Set(started.map(({ id }) => id)));
    await watcher.stop();
  },
};

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** As far as procfs knows it; the owner of several is the one that began first. */
const ownedText = (socket: OpenSocket, owner: { readonly pid: number; readonly startNs: bigint | undefined } | undefined): string =>
  `${textOf(socket)} netns ${socket.netns} by ${owner === undefined ? 'nobody' : `${owner.pid}/${owner.startNs! / TICK_NS}`}`;

const sameAsPrograms: Scenario = {
  name: 'procfs: the same owners as the kernel programs find for what was open before',
  async run(context) {
    const programs = [await open(context, 'open-sockets', 'open'), await openHolders(context)];
    const pids = new Set([programs[0]!.pid, ...programs[1]!.lines.map((line) => Number(line.split(' ')[4]))]);
    const kernel = createKernelServices({
      ringBytes: 1 << 20,
      flushRows: 1024,
      flushIntervalMs: 5,
      rootPath: '/',
      rung: 'auto',
      procfsIntervalMs: 60_000,
      counters: createCounters(),
      logger: silent,
    });
    const claim = kernel.needSockets({
      ...needs,
      mode: 'ebpf',
      protocols: new Set(['tcp', 'udp', 'raw', 'icmp']),
      events: new Set(['end']),
    });
    try {
      await kernel.start();
      const entries = decodeSessions(kernel.socketMaps.read('sessions')!);
      const sockets = (await readSockets({ root: '' })).filter(({ family }) => INET.has(family));
      // whether it was the listener's owner that the programs named, or nobody, is theirs to say
      const waiting = new Set(sockets.filter(({ inode }) => inode === 0).map(textOf));
      const byPrograms = entries
        .map((entry) => ({ owner: entry.owner, socket: asShown(entry) }))
        .filter(({ owner, socket }) => owner !== undefined && pids.has(owner.pid) && !waiting.has(textOf(socket)))
        .map(({ owner, socket }) => ownedText(socket, owner));
      const byProcfs = sockets.filter((socket) => isHeldBy(pids, socket)).map((socket) => ownedText(socket, socket.holders[0]));
      assert.deepEqual(byPrograms.toSorted(), byProcfs.toSorted());
    } finally {
      claim.end();
      await kernel.stop(5000);
      for (const program of programs) await program.end();
    }
  },
};

export const sessionProcfsScenarios: readonly Scenario[] = [everyKind, sameAsIterator, ordinaryUser, watched, sameAsPrograms];
