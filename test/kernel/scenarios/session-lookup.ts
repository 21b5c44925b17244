/** Who owns a connection: the look-up service, and the one look of `ringtail who`. */
import assert from 'node:assert/strict';
import { parseIp, parseQuestion } from '../../../src/commands/who/question.ts';
import { createCounters } from '../../../src/core/counters.ts';
import { buildPath, loadAddon, type Addon } from '../../../src/kernel/addon.ts';
import { mapLayout, sessionKnownBy } from '../../../src/kernel/layouts.gen.ts';
import { lookOnce } from '../../../src/kernel/sockets/lookup-once.ts';
import { createLookupService } from '../../../src/kernel/sockets/lookup-service.ts';
import type { SocketLookup } from '../../../src/kernel/sockets/lookup.ts';
import type { SocketQuestion } from '../../../src/kernel/sockets/question.ts';
import { decodeHolders } from '../../../src/kernel/sockets/session-entries.ts';
import { waitFor } from '../harness/pipeline.ts';
import { startProgram } from '../harness/runner.ts';
import type { Context, Scenario } from '../harness/scenario.ts';
import { recordSessions } from '../harness/session-records.ts';

const TURNS = 5;
const MOST_BYTES = 64 * 2 ** 20;
const loopback = Uint8Array.of(127, 0, 0, 1);

const between = (local: number, peer: number): SocketQuestion => ({
  protocol: 'tcp',
  local: { address: loopback, port: local },
  peer: { address: loopback, port: peer },
});

type Turn = { readonly pid: number; readonly question: SocketQuestion };

/** Two processes that have one connection in turn; `next` gives who has it now. */
const openTurns = ({ program }: Context) => {
  const { child, ended, output } = startProgram(program('turns'), []);
  let turns = 0;
  return {
    async next(): Promise<Turn> {
      if (turns > 0) child.stdin.write('\n');
      turns++;
      const lines = (): readonly string[] => output().split('\n').slice(0, -1);
      await waitFor('the other process to connect', () => lines().length >= turns || child.exitCode !== null);
      const [pid, local, peer] = lines().at(-1)!.split(' ').slice(1).map(Number) as [number, number, number];
      return { pid, question: between(local, peer) };
    },
    async end() {
      child.stdin.end();
      assert.equal((await ended).code, 0);
    },
  };
};

/** Asks twice for each owner: the second answer may be a remembered one. */
const followTurns = async (context: Context, lookup: SocketLookup, sources: readonly string[]): Promise<void> => {
  const turns = openTurns(context);
  const pids = new Set<number>();
  for (let turn = 0; turn < TURNS; turn++) {
    const { pid, question } = await turns.next();
    pids.add(pid);
    for (const source of sources) {
      const found = await lookup.find(question);
      assert.deepEqual(found.map((answer) => [answer.pid, answer.source]), [[pid, source]], `turn ${turn}`); // prettier-ignore
    }
  }
  assert.equal(pids.size, 2);
  await turns.end();
};

const takenOver: Scenario = {
  name: 'look-up: a connection that another process takes over has no former owner, by the map',
  async run(context) {
    const recorder = await recordSessions({ needs: { events: new Set() } });
    await followTurns(context, recorder.kernel.socketLookup!, ['map', 'map']);
    await recorder.stop();
  },
};

const takenOverInProcfs: Scenario = {
  name: 'look-up: a connection that another process takes over has no former owner, by procfs and what is remembered',
  async run(context) {
    const lookup = createLookupService({ root: '', counters: createCounters(), readMaps: () => undefined });
    await followTurns(context, lookup, ['procfs', 'cache', 'cache']);
    lookup.close();
  },
};

/** A program that holds connections in several ways, `held WAY ROLE LOCAL PEER PID`. */
const openHolders = async ({ program }: Context) => {
  const { child, ended, output } = startProgram(program('holders'), []);
  await waitFor('holders to be ready', () => output().includes('ready\n') || child.exitCode !== null);
  const held = output().split('\n').filter((line) => line.startsWith('held ')).map((line) => line.split(' ').slice(1)); // prettier-ignore
  return {
    held: held.map(([way, role, local, peer, pid]) => ({
      way: way!,
      role: role!,
      local: Number(local),
      peer: Number(peer),
      pid: Number(pid),
    })),
    async end() {
      child.stdin.end();
      await ended;
    },
  };
};

const look = (words: readonly string[], addon: Addon | null = loadAddon()) => lookOnce(parseQuestion(words), { parse: parseIp, addon });

const everyHolder: Scenario = {
  name: 'who: every holder, in all network namespaces, without a main thread and when it was passed on; the same by procfs',
  async run(context) {
    const holders = await openHolders(context);
    assert(holders.held.length >= 6, JSON.stringify(holders.held));
    for (const addon of [loadAddon(), null]) {
      const { sockets } = await look([], addon);
      for (const { way, role, local, peer, pid } of holders.held) {
        const own = sockets.find(({ localPort, peerPort }) => localPort === local && peerPort === peer);
        const pids = own?.holders.map((holder) => holder.pid) ?? [];
        assert(pids.includes(pid), `${way} ${role}: ${pids.join()}, not ${pid}, by ${addon === null ? 'procfs' : 'the iterator'}`);
      }
    }
    await holders.end();
  },
};

const ofRunning: Scenario = {
  name: 'who: what the maps of a Ringtail that runs know, found by their names',
  async run(context) {
    const recorder = await recordSessions({ needs: { events: new Set() } });
    const turns = openTurns(context);
    const { pid, question } = await turns.next();
    const { local, peer } = question;
    const { sockets, reports } = await look([`127.0.0.1:${local!.port}`, `127.0.0.1:${peer!.port}`]);
    assert.deepEqual(reports.map(({ source, used }) => [source, used]), [['iterator', true], ['maps', true]]); // prettier-ignore
    const client = sockets.find(({ localPort }) => localPort === local!.port)!;
    assert.equal(client.owner?.pid, pid);
    assert.equal(client.knownBy, sessionKnownBy.byEvent);
    assert.equal(client.role, 'client');
    assert(client.id !== 0n && client.beganNs !== undefined);
    assert.equal(sockets.find(({ localPort }) => localPort === peer!.port)?.role, 'server');
    await turns.end();
    await recorder.stop();
  },
};

const chosen: Scenario = {
  name: 'who: the iterator leaves out what is not asked for, and maps give the entries that match',
  async run(context) {
    const recorder = await recordSessions({ needs: { events: new Set() } });
    const turns = openTurns(context);
    const { pid, question } = await turns.next();
    const port = question.local!.port!;
    const addon = loadAddon();
    const run = (options: Readonly<Record<string, number>>) =>
      decodeHolders(
        addon.runOnce({ path: buildPath('bpf/who.bpf.o'), programs: ['on_descriptor'], options, mapEntries: { events: 4096 } }, MOST_BYTES),
      );
    assert.deepEqual(run({ only_port: port }).map(({ localPort, peerPort }) => [localPort, peerPort].includes(port)), [true, true]); // prettier-ignore
    assert.deepEqual([...new Set(run({ only_pid: pid, only_transport: 1 }).map(({ owner }) => owner!.pid))], [pid]);
    const { session } = mapLayout;
    const bytes = new Uint8Array(2);
    new DataView(bytes.buffer).setUint16(0, port, true);
    const wanted = { name: 'sessions', keyBytes: 8, valueBytes: session.size };
    const matching = addon.namedMaps({ ...wanted, match: [{ offset: session.localPort, bytes }, { offset: session.peerPort, bytes }] }); // prettier-ignore
    // another Ringtail may follow them too, or other ones
    assert(matching.some(({ count }) => count === 2) && matching.every(({ count }) => count === 2 || count === 0));
    assert(addon.namedMaps(wanted).some(({ count }) => count >= 2));
    assert.deepEqual(addon.namedMaps({ ...wanted, keyBytes: 4 }), []);
    assert.deepEqual(addon.namedMaps({ ...wanted, name: 'no_such_map' }), []);
    // behind the end of a value nothing matches
    assert(addon.namedMaps({ ...wanted, match: [{ offset: session.size, bytes }] }).every(({ count }) => count === 0));
    await turns.end();
    await recorder.stop();
  },
};

const misused: Scenario = {
  name: 'who: the addon refuses what has another shape',
  async run() {
    const addon = loadAddon() as unknown as Record<'namedMaps' | 'runOnce', (...args: unknown[]) => unknown>;
    const map = { name: 'x', keyBytes: 1, valueBytes: 1 };
    for (const args of [
      [],
      [1],
      [{ keyBytes: 1 }],
      [{ ...map, match: 1 }],
      [{ ...map, match: [1] }],
      [{ ...map, match: [{ offset: 'x', bytes: new Uint8Array(1) }] }],
      [{ ...map, match: [{ offset: 0, bytes: 'x' }] }],
    ])
      assert.throws(() => addon.namedMaps(...args), TypeError);
    const spec = { path: buildPath('bpf/who.bpf.o'), programs: ['on_descriptor'], options: {}, mapEntries: {} };
    for (const args of [[], [spec], [{ ...spec, types: 1 }, 1], [{ ...spec, programs: 'x' }, 1]])
      assert.throws(() => addon.runOnce(...args), TypeError);
    assert.throws(() => addon.runOnce({ ...spec, path: '/nonexistent.o' }, 1), { code: 'ENOENT' });
    assert.throws(() => addon.runOnce({ ...spec, programs: ['none'] }, 1), { code: 'ENOENT' });
    assert.throws(() => addon.runOnce({ ...spec, types: '/nonexistent.btf' }, 1));
    assert.equal((addon.runOnce(spec, 100) as Buffer).length <= 100, true);
  },
};

export const sessionLookupScenarios: readonly Scenario[] = [takenOver, takenOverInProcfs, everyHolder, ofRunning, chosen, misused];
