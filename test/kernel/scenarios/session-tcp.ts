/** Sessions of TCP: each connection that a program makes is told once, as the program itself saw it. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { sessionFlag } from '../../../src/kernel/layouts.gen.ts';
import { decodeSessions } from '../../../src/kernel/sockets/session-entries.ts';
import { waitFor } from '../harness/pipeline.ts';
import { startProgram } from '../harness/runner.ts';
import { bySession, recordSessions, sessionLine, type SessionRecord, type SessionRecorder } from '../harness/session-records.ts';
import type { Facts, Scenario } from '../harness/scenario.ts';

const kinds = [
  'plain4', 'plain6', 'zoned', 'dual', 'only6', 'half', 'server_first', 'linger', 'unread', 'unacked', 'itself', 'nonblocking', 'fast_open',
  'never', 'reset_before', 'refused', 'timeout', 'given_up', 'unreachable', 'taken', 'workers', 'thread', 'headless', 'forked', 'passed', 'left',
  'shared_port', 'uring',
]; // prettier-ignore
/** Of a line: local and peer end, and the bytes. */
const [LOCAL, SENT, UNACKED] = [1, 5, 7];

/** A softirq that waits for its turn. Not a measure of anything. */
const LAST_PACKETS_MS = 3_000;
const POLL_MS = 5;

const linesOf = ({ lines }: Facts, word: string): readonly (readonly string[])[] =>
  lines.filter(([first]) => first === word).map(([, ...rest]) => rest);

/** Those of the program's own network; where the kernel does not tell programs its number, nobody else is there. */
const recordsOf = (recorder: SessionRecorder, facts: Facts): readonly SessionRecord[] => {
  const [cookie = '0'] = linesOf(facts, 'network')[0] ?? [];
  return recorder.records.filter(({ netnsCookie }) => cookie === '0' || netnsCookie === BigInt(cookie));
};

/** What a program cannot know of a session takes the place of what was told; `candidates` loses the one that was taken. */
const asKnown = (told: readonly string[], candidates: string[][]): string => {
  const words = [...told];
  const local = words[LOCAL]!;
  if (local.endsWith(':*')) {
    const same = candidates.findIndex(
      (found) => found[LOCAL]!.startsWith(local.slice(0, -1)) && found.every((word, index) => index === LOCAL || word === words[index]),
    );
    words[LOCAL] = candidates.splice(same, same < 0 ? 0 : 1)[0]?.[LOCAL] ?? local;
  }
  if (words[SENT] === '-1' || words[SENT + 1] === '-1') {
    const same = candidates.find((found) => found[0] === words[0] && found[LOCAL] === local)!;
    if (words[UNACKED] !== '0') {
      assert.equal(Number(same[SENT]) + Number(same[UNACKED]), Number(words[UNACKED]), 'acknowledged and not acknowledged');
      assert.notEqual(same[UNACKED], '0');
    }
    for (const index of [SENT, SENT + 1, UNACKED]) words[index] = same[index]!;
  }
  return words.join(' ');
};

/** No record of a session names somebody else than its start and its end do, and before it was accepted those who listen. */
const requireOwners = (records: readonly SessionRecord[], listening: readonly number[]): void => {
  const pids = new Set([
    ...records.filter(({ kind }) => kind !== 'state').map(({ pid }) => pid),
    ...(records[0]!.role === 'server' ? listening : []),
  ]);
  for (const { kind, pid, state, comm } of records) {
    assert(pids.has(pid) || pid === 0, `${kind} ${state} of ${pid} ${comm}, not of ${[...pids].join(' or ')}`);
  }
};

const compare = (facts: Facts, told: readonly (readonly string[])[], records: readonly SessionRecord[]): void => {
  assert.equal(facts.code, 0);
  const sessions = bySession(records);
  const isListener = (session: readonly SessionRecord[]): boolean => session.some(({ kind }) => kind === 'listen');
  const lines = sessions.filter((session) => !isListener(session)).map(sessionLine);
  const candidates = lines.map((line) => line.split(' '));
  assert.deepEqual([...lines].sort(), told.map((words) => asKnown(words, candidates)).sort());
  const listeners = sessions.filter(isListener);
  assert.deepEqual(
    listeners.map(([first]) => `${first!.local} ${first!.pid}`).sort(),
    linesOf(facts, 'listen')
      .map((words) => words.join(' '))
      .sort(),
  );
  for (const session of listeners)
    assert.deepEqual(session.map(({ kind, state }) => `${kind} ${state}`).sort(), ['listen listen', 'state closed', 'state listen']);
  for (const session of sessions) {
    requireOwners(
      session,
      listeners.map(([first]) => first!.pid),
    );
    for (const { kind, flags, peer } of session) {
      assert((flags & sessionFlag.isLoopback) !== 0 || isListener(session) || peer.startsWith('10.') || peer.startsWith('[2001:'), peer);
      assert((flags & sessionFlag.isLeftOut) === 0);
      assert.equal((flags & sessionFlag.hasBytes) !== 0, kind === 'end' && session.some((record) => record.kind === 'start'));
    }
  }
};

/** Of the program's network, beginning with a record; when as many sessions have ended as it told: the last packets may come behind its end. */
const recordsWhen = async (recorder: SessionRecorder, facts: Facts, first: number, ends: number): Promise<readonly SessionRecord[]> => {
  const now = (): readonly SessionRecord[] => recordsOf(recorder, facts).filter((record) => recorder.records.indexOf(record) >= first);
  const deadline = performance.now() + LAST_PACKETS_MS;
  await recorder.settle();
  while (now().filter(({ kind }) => kind === 'end').length < ends && performance.now() < deadline) {
    await sleep(POLL_MS);
    await recorder.settle();
  }
  return now();
};

const seen: Scenario = {
  name: 'sessions of TCP: every kind, as the program saw it',
  async run({ run }) {
    const recorder = await recordSessions();
    const failures: string[] = [];
    try {
      const hasHooks = recorder.kernel.sockets().hooks.some(({ hook, rung }) => hook === 'connect_failed' && rung !== 'none');
      for (const kind of kinds) {
        const first = recorder.records.length;
        const facts = await run('sessions', [kind]);
        const told = linesOf(facts, 'session').filter((words) => hasHooks || words.at(-1) !== '-');
        const records = await recordsWhen(recorder, facts, first, told.length);
        try {
          compare(facts, told, records);
        } catch (error) {
          failures.push(`${kind}: ${(error as Error).message}`);
        }
      }
      assert.deepEqual(failures, []);
    } finally {
      await recorder.stop();
    }
  },
};

const addressText = (bytes: Uint8Array, port: number): string => (bytes.length === 0 || port === 0 ? '-' : `${bytes.join('.')}:${port}`);

const openBefore: Scenario = {
  name: 'sessions of TCP: what was open before is known, has no start, and ends as the program saw it',
  async run({ program }) {
    const { child, ended, output } = startProgram(program('sessions'), ['before']);
    try {
      await waitFor('the connections', () => output().includes('ready'));
      const told = output().split('\n');
      const cookie = BigInt(told.find((line) => line.startsWith('network '))!.slice('network '.length));
      const recorder = await recordSessions();
      try {
        const entries = decodeSessions(recorder.kernel.socketMaps.read('sessions')!).filter(
          ({ protocol, netnsCookie }) => protocol === 'tcp' && (cookie === 0n || netnsCookie === cookie),
        );
        const found = entries.map(({ role, local, localPort, peer, peerPort, owner }) =>
          ['open', role ?? 'unknown', addressText(local, localPort), addressText(peer, peerPort), owner?.pid ?? 0].join(' '),
        );
        assert.deepEqual(found.sort(), told.filter((line) => line.startsWith('open ')).sort());
        for (const { beganNs, id } of entries) {
          assert.equal(beganNs, undefined);
          assert.notEqual(id, 0n);
        }
        child.stdin.end();
        const facts = await ended;
        assert.equal(facts.code, 0);
        const sessions = linesOf(facts, 'session');
        const records = await recordsWhen(recorder, facts, 0, sessions.length);
        assert.deepEqual(
          bySession(records.filter(({ peer }) => peer !== '-'))
            .map(sessionLine)
            .sort(),
          sessions.map((words) => words.join(' ')).sort(),
        );
        for (const { flags, kind } of records) {
          assert.equal(flags & sessionFlag.hasStart, 0);
          assert.notEqual(kind, 'start');
          assert.notEqual(kind, 'listen');
        }
        const left = decodeSessions(recorder.kernel.socketMaps.read('sessions')!).filter(({ id }) => entries.some((one) => one.id === id));
        assert.deepEqual(left, []);
      } finally {
        await recorder.stop();
      }
    } finally {
      child.kill('SIGKILL');
    }
  },
};

export const sessionTcpScenarios: readonly Scenario[] = [seen, openBefore];
