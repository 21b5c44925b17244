/** Sessions of datagram sockets: each exchange that a program makes is told once, as the program itself saw it, however datagrams are counted. */
import assert from 'node:assert/strict';
import { loadAddon, type KernelFacts } from '../../../src/kernel/addon.ts';
import { sessionFlag } from '../../../src/kernel/layouts.gen.ts';
import { probeFacts } from '../../../src/kernel/probe.ts';
import { waitFor } from '../harness/pipeline.ts';
import { startProgram } from '../harness/runner.ts';
import { bySession, recordSessions, type SessionRecord, type SessionRecorder } from '../harness/session-records.ts';
import type { Facts, Scenario } from '../harness/scenario.ts';

const kinds: readonly (readonly string[])[] = [
  ['connected'], ['unconnected'], ['connected', '::1'], ['unconnected', '::1'], ['sizes'], ['sizes', '::1'], ['many'], ['many', '::1'],
  ['segments'], ['segments', '::1'], ['cork'], ['peers'], ['peers', '::1'], ['blind'], ['mapped'], ['multicast'], ['overflow'], ['refused'],
  ['moves'], ['threads'], ['inherited'], ['raw'], ['protocol'],
]; // prettier-ignore
/** Sockets that are made in one go; emulated machines are slow. */
const CHURN = 1000;

const wordsOf = ({ lines }: Facts, word: string): readonly (readonly string[])[] =>
  lines.filter(([first]) => first === word).map(([, ...rest]) => rest);

/** As the program says it: role, both ends, process, bytes, what it failed with. */
const lineOf = (end: SessionRecord): string => [end.role, end.local, end.peer, end.pid, end.sent, end.received, end.error].join(' ');

/** Sessions of the processes that a run was: its ends, each of which has a start that it fits to. */
const endsOf = (records: readonly SessionRecord[]): readonly SessionRecord[] =>
  bySession(records).flatMap((session) => {
    const starts = session.filter(({ kind }) => kind === 'start');
    const ends = session.filter(({ kind }) => kind === 'end');
    assert.equal(starts.length, 1, `starts of ${session[0]!.local} ${session[0]!.peer}`);
    assert(ends.length <= 1, `ends of ${session[0]!.local} ${session[0]!.peer}`);
    for (const end of ends) {
      assert.equal(end.role, starts[0]!.role);
      assert.equal(end.peer, starts[0]!.peer);
      assert.equal(end.bootNs, starts[0]!.bootNs + end.durationNs);
      assert.notEqual(end.flags & sessionFlag.hasBytes, 0);
      assert.equal(end.cgroupId, starts[0]!.cgroupId);
    }
    return ends;
  });

type Rung = 'length' | 'cgroup_skb';

/** What this way of counting tells otherwise: packets know no errors of calls, and sockets that nobody reads have sessions too. */
const asRung = (rung: Rung, told: readonly string[]): string => (rung === 'length' ? told : [...told.slice(0, -1), '-']).join(' ');

const compare = (facts: Facts, records: readonly SessionRecord[], rung: Rung): void => {
  assert.equal(facts.code, 0);
  const ends = endsOf(records);
  const lines = ends.map(lineOf);
  const told = wordsOf(facts, 'session').map((words) => asRung(rung, words));
  const missing = [...told];
  const extra = lines.filter((line) => {
    const at = missing.indexOf(line);
    if (at >= 0) missing.splice(at, 1);
    return at < 0;
  });
  const blind = facts.all('blind');
  const unread = (line: string): boolean => line.startsWith('server ') && line.endsWith(' 0 0 -');
  const unasked = ends.filter(({ local, role }) => role === 'server' && blind.some(([port]) => local.endsWith(`:${port}`)));
  assert.deepEqual(missing, [], `not told: what was, is ${lines.join('; ')}`);
  for (const [port, bytes] of blind) {
    const of = unasked.filter(({ local }) => local.endsWith(`:${port}`));
    assert.equal(
      of.reduce((sum, { received }) => sum + received, 0),
      bytes,
    );
    assert.deepEqual(
      of.map(({ peer, flags }) => [peer === '-', (flags & sessionFlag.manyPeers) !== 0]),
      rung === 'length' ? [[true, true]] : [[false, false], [false, false]], // prettier-ignore
    );
  }
  const strange = extra.filter((line) => !unasked.some((end) => lineOf(end) === line) && !(rung === 'cgroup_skb' && unread(line)));
  assert.deepEqual(strange, [], 'nobody made them');
};

const rungOf = (recorder: SessionRecorder): Rung => {
  const { rung } = recorder.kernel.sockets().hooks.find(({ hook }) => hook === 'udp')!;
  assert(rung === 'length' || rung === 'cgroup_skb', rung);
  return rung;
};

/** Without the tracepoints of lengths, as kernels before 6.3 are. */
const withoutLengths = (): Partial<KernelFacts> => {
  const { traceArguments } = probeFacts(loadAddon());
  return { traceArguments: { ...traceArguments, sock_send_length: -1, sock_recv_length: -1 } };
};

const isOver = (records: readonly SessionRecord[]): boolean =>
  bySession(records).every((session) => session.some(({ kind }) => kind === 'end'));

const told = (wanted: Rung): Scenario => ({
  name: `sessions of datagrams: every kind, by ${wanted}`,
  async run({ run, skip }) {
    const facts = probeFacts(loadAddon());
    if (wanted === 'length' && !((facts.traceArguments['sock_send_length'] ?? -1) > 0)) skip('this kernel has no tracepoint of lengths');
    const recorder = await recordSessions(wanted === 'length' ? {} : { injectedFacts: withoutLengths() });
    const failures: string[] = [];
    try {
      assert.equal(rungOf(recorder), wanted);
      for (const kind of kinds) {
        const before = recorder.records.length;
        const seen = await run('datagrams', kind);
        await recorder.settle();
        const pids = new Set([seen.pid, ...wordsOf(seen, 'session').map((words) => Number(words[3]))]);
        const mine = (): readonly SessionRecord[] => recorder.records.slice(before).filter(({ pid }) => pids.has(pid));
        try {
          // sessions of a socket with several peers end with the next look at all of them
          await waitFor('all of them to end', () => isOver(mine()));
          compare(seen, mine(), wanted);
        } catch (error) {
          failures.push(`${kind.join(' ')}: ${(error as Error).message}`);
        }
      }
      assert.deepEqual(failures, []);
    } finally {
      await recorder.stop();
    }
  },
});

const idle: Scenario = {
  name: 'sessions of datagrams: an idle one ends with its last datagram, and a new one begins with the next',
  async run({ program }) {
    const recorder = await recordSessions({ needs: { idleTimeoutMs: { udp: 300 } } });
    const { child, ended } = startProgram(program('datagrams'), ['twice']);
    const mine = (): readonly SessionRecord[] => recorder.records.filter(({ pid, role }) => pid === child.pid && role === 'client');
    try {
      await waitFor('the first one to end', () => mine().some(({ kind }) => kind === 'end'));
      child.stdin.write('\n');
      assert.equal((await ended).code, 0);
      await waitFor('the second one to end', () => mine().filter(({ kind }) => kind === 'end').length === 2);
      const ends = endsOf(mine());
      assert.deepEqual(ends.map(({ sent }) => sent).sort(), [100, 200]);
      const [first] = ends.toSorted((one, other) => one.sent - other.sent);
      // one datagram: it ended as it began, and not when that was found out
      assert(first!.durationNs < 300_000_000n, `${first!.durationNs}`);
      assert.equal(new Set(ends.map(({ id }) => id)).size, 2);
    } finally {
      child.stdin.end();
      await recorder.stop();
    }
  },
};

const entries = (recorder: SessionRecorder, map: 'sessions' | 'flows'): number => recorder.kernel.socketMaps.read(map)?.count ?? 0;

const churn: Scenario = {
  name: 'sessions of datagrams: nothing is left of many sockets',
  async run({ run }) {
    const recorder = await recordSessions();
    try {
      const flows = entries(recorder, 'flows');
      const sockets = entries(recorder, 'sessions');
      const seen = await run('datagrams', ['churn', String(CHURN)]);
      await recorder.settle();
      // a port is used again now and then: then the receiver has one session with both
      const ends = () => recorder.records.filter(({ kind, pid, role }) => kind === 'end' && pid === seen.pid && role === 'client');
      assert.equal(ends().length, CHURN);
      await waitFor(
        'the maps to be as before',
        () => entries(recorder, 'flows') <= flows && entries(recorder, 'sessions') <= sockets,
        () => `${entries(recorder, 'flows')} of ${flows} flows, ${entries(recorder, 'sessions')} of ${sockets} sockets`,
      );
    } finally {
      await recorder.stop();
    }
  },
};

export const sessionUdpScenarios: readonly Scenario[] = [told('length'), told('cgroup_skb'), idle, churn];
