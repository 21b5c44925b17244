/** What is open is shown while somebody looks: whose it is, both ends, bytes; nothing goes through the ring for it, and nothing stays loaded behind it. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { cgroup2Mount } from '../../../src/kernel/procfs/mounts.ts';
import { mapLayout, netTransport } from '../../../src/kernel/layouts.gen.ts';
import { readSessionCounts } from '../../../src/kernel/sockets/counts.ts';
import { makePage } from '../../../src/live/sessions/page.ts';
import { parseSessionsQuery } from '../../../src/live/sessions/query.ts';
import { createSessionSampler, type SamplerKernel } from '../../../src/live/sessions/sampler.ts';
import type { LiveSession, SessionRow, SessionSample } from '../../../src/live/sessions/types.ts';
import { socketsConfig } from '../../../src/receivers/sockets/config.ts';
import { needsOf } from '../../../src/receivers/sockets/needs.ts';
import { numberOf, removeCgroup } from '../harness/cgroups.ts';
import { waitFor } from '../harness/pipeline.ts';
import { openKernel, startSums, STOP_MS } from '../harness/session-sums.ts';
import type { Scenario } from '../harness/scenario.ts';

const { sessionCountKey: key } = mapLayout;
const OPEN = 6;
const DATAGRAMS = 20;
const CHURN = 150;

const of = (sample: SessionSample, pid: number, transport: string): readonly LiveSession[] =>
  sample.sessions.filter((session) => session.pid === pid && session.transport === transport && session.state !== 'listen');

const bytesOf = (sessions: readonly LiveSession[], role: string) =>
  sessions.filter((session) => session.role === role).map(({ sentBytes, receivedBytes }) => [sentBytes, receivedBytes]);

const times = <T>(count: number, value: T): readonly T[] => Array.from({ length: count }, () => value);

/** Whatever comes and goes meanwhile. */
const checkSample = ({ sessions }: SessionSample): void => {
  assert.equal(new Set(sessions.map(({ id }) => id)).size, sessions.length, 'a session stands there twice');
  for (const { id, transport, state, sentRate, receivedRate, sentBytes = 0, receivedBytes = 0 } of sessions) {
    assert((transport === 'tcp') === (state !== undefined), `${id} ${transport} ${state}`);
    assert(state !== 'closed', id);
    assert(sentRate >= 0 && receivedRate >= 0 && sentBytes >= 0 && receivedBytes >= 0, id);
  }
};

const live: Scenario = {
  name: 'sessions: what is open is shown with its owner, its ends and its bytes, also under churn, and nothing is written for it',
  async run(context) {
    const mount = await cgroup2Mount('');
    if (mount === undefined) return context.skip('cgroup v2 is not mounted');
    const cgroup = `${mount}/ringtail-live-${process.pid}`;
    mkdirSync(cgroup);
    const { kernel, written } = openKernel();
    const sampler = createSessionSampler(kernel, { shareMs: 0 });
    try {
      const sums = await startSums(context, cgroup);
      const { pid } = sums;
      // these are open before anybody looks: their bytes are those of the sockets
      await sums.act(`open ${OPEN}`);
      const first = await sampler.sample();
      assert.equal(kernel.sockets().rung, 'ebpf', kernel.sockets().notes.join('; '));
      assert.equal(of(first, pid, 'tcp').length, 2 * OPEN);
      assert(first.sinceMs === 0 && of(first, pid, 'tcp').every(({ state, sentRate }) => state === 'established' && sentRate === 0));

      const hasPeers = kernel.sockets().hooks.some(({ hook, rung }) => hook === 'peer' && rung !== 'none');
      await sums.act(`open ${OPEN}`, 'more 700', ...(hasPeers ? [`datagrams ${DATAGRAMS}`] : []));
      const second = await sampler.sample();
      checkSample(second);
      const tcp = of(second, pid, 'tcp');
      assert.equal(tcp.length, 4 * OPEN);
      const bothWays = tcp.map(({ sentBytes, receivedBytes }) => `${sentBytes} ${receivedBytes}`).toSorted();
      assert.deepEqual(bothWays, [...times(2 * OPEN, '1000 700'), ...times(2 * OPEN, '700 1000')]);
      const began = tcp.filter(({ beganNs }) => beganNs !== undefined);
      assert.deepEqual(bytesOf(began, 'client'), times(OPEN, [1000, 700]));
      assert.deepEqual(bytesOf(began, 'server'), times(OPEN, [700, 1000]));
      assert(began.every(({ beganNs }) => beganNs! <= second.bootNs! + 20_000_000n));
      const moved = tcp.filter(({ id }) => first.sessions.some((before) => before.id === id));
      assert.equal(moved.length, 2 * OPEN, 'sessions have their ids');
      assert(
        moved.every(({ sentRate, receivedRate }) => sentRate + receivedRate > 0),
        'rates',
      );
      if (hasPeers) {
        const udp = of(second, pid, 'udp');
        assert.equal(udp.length, 2, 'sessions, and not their sockets');
        assert.deepEqual(bytesOf(udp, 'client'), [[50 * DATAGRAMS, 30 * DATAGRAMS]]);
        assert.deepEqual(bytesOf(udp, 'server'), [[30 * DATAGRAMS, 50 * DATAGRAMS]]);
      }
      // the group of a socket is that of its maker when it was made; the walk of v2 has its folder
      const number = BigInt(numberOf(cgroup));
      assert(
        tcp.every(({ cgroupId }) => cgroupId === number),
        `cgroup ${number}`,
      );
      await waitFor('the path of the cgroup', () => sampler.details(tcp[0]!).cgroup !== '' || (void sampler.sample(), false));
      for (const session of tcp) {
        const { process: path, user, local, peer, cgroup: place } = sampler.details(session);
        assert.match(path, /\/session-sums$/);
        assert.deepEqual([user, place], ['root', cgroup.slice(mount.length)]);
        assert.match(`${local} ${peer}`, /^127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+$/);
        assert(
          tcp.some((other) => sampler.details(other).local === peer && sampler.details(other).peer === local),
          'both ends are there',
        );
      }

      const page = makePage(second, parseSessionsQuery(new URLSearchParams(`pid=${pid}&transport=tcp&sort=total&limit=5`)), sampler);
      assert.deepEqual([page.matched, page.rows.length, (page.rows[0] as SessionRow).pid], [4 * OPEN, 5, pid]);
      const groups = makePage(second, parseSessionsQuery(new URLSearchParams(`view=process&pid=${pid}&transport=tcp`)), sampler);
      assert.deepEqual(
        groups.rows.map((row) => 'sessions' in row && [row.sessions, row.sentBytes, row.receivedBytes]),
        [[4 * OPEN, 1700 * 2 * OPEN, 1700 * 2 * OPEN]],
      );

      const churn = { isOver: false };
      const churned = sums.act(`short4 ${CHURN}`, `short6 ${CHURN}`).finally(() => (churn.isOver = true));
      do checkSample(await sampler.sample());
      while (!churn.isOver);
      await churned;
      await sums.act('close 0', 'waiting 0', ...(hasPeers ? ['shut 0'] : []));
      const last = await sampler.sample();
      assert.deepEqual([of(last, pid, 'tcp').length, of(last, pid, 'udp').length], [0, 0], 'something is left');
      const waiting = last.timeWaits.reduce((sum, { count }) => sum + count, 0);
      assert(waiting >= sums.waiting() * 0.9, `${waiting} of ${sums.waiting()} in TIME_WAIT`);
      await sums.end();
      assert.equal(written(), 0, 'records were written');
      await sampler.close();
      assert.deepEqual([kernel.sockets().rung, kernel.status().rung], ['none', 'none']);
      await assert.rejects(sampler.sample());
    } finally {
      await sampler.close();
      await kernel.quiesce(STOP_MS);
      await kernel.stop(STOP_MS);
      await removeCgroup(cgroup);
    }
  },
};

/** The kernel side as it is where no program can be loaded. */
const withoutPrograms = (kernel: SamplerKernel): SamplerKernel => ({
  ...kernel,
  needSockets: (needs) => kernel.needSockets({ ...needs, mode: 'procfs' }),
});

const byProcfs: Scenario = {
  name: 'sessions: what is open is shown by procfs, without bytes, where the kernel does not tell',
  async run(context) {
    const { kernel } = openKernel();
    const sampler = createSessionSampler(withoutPrograms(kernel), { shareMs: 0 });
    try {
      const sums = await startSums(context);
      await sums.act(`open ${OPEN}`);
      const tcp = of(await sampler.sample(), sums.pid, 'tcp');
      assert.equal(tcp.length, 2 * OPEN);
      assert(tcp.every(({ sentBytes, state }) => sentBytes === undefined && state === 'established'));
      assert(tcp.every((session) => sampler.details(session).process.endsWith('/session-sums')));
      assert(sampler.notes().some((note) => note.includes('/proc')));
      await sums.end();
    } finally {
      await sampler.close();
      await kernel.quiesce(STOP_MS);
      await kernel.stop(STOP_MS);
    }
  },
};

const besides: Scenario = {
  name: 'sessions: who looks changes nothing of what others are told',
  async run(context) {
    const { kernel, written } = openKernel();
    const sampler = createSessionSampler(kernel, { shareMs: 0 });
    const needs = needsOf(socketsConfig.parse({ protocols: ['tcp'], families: ['ipv4'] }));
    const claim = kernel.needSockets({ ...needs, events: new Set(['end']), states: new Set(), counted: true, ruleSets: [] });
    try {
      const sums = await startSums(context);
      // in TIME_WAIT, of a family that nobody who is told asks for
      await sums.act('short6 10');
      await kernel.start();
      await sampler.sample();
      await sums.act('short4 10', 'short6 10', `datagrams ${DATAGRAMS}`, `open ${OPEN}`);
      const sample = await sampler.sample();
      assert.equal(of(sample, sums.pid, 'tcp').length, 2 * OPEN);
      if (kernel.sockets().hooks.some(({ hook, rung }) => hook === 'peer' && rung !== 'none'))
        assert.equal(of(sample, sums.pid, 'udp').length, 2);
      const counts = await readSessionCounts(kernel.socketMaps);
      const { keys, keyBytes, count } = counts!.ended;
      const kinds = new Set(Array.from({ length: count }, (_, entry) => `${keys[entry * keyBytes + key.transport]} ${keys[entry * keyBytes + key.family]}`)); // prettier-ignore
      assert.deepEqual([...kinds], [`${netTransport.tcp} 4`]);
      await sampler.close();
      assert.equal(kernel.sockets().rung, 'ebpf', 'what others ask for stays');
      await sums.act('close 0', 'shut 0');
      await sums.end();
      await kernel.quiesce(STOP_MS);
      assert.equal(written(), 2 * (10 + OPEN), 'ends of TCP over IPv4');
    } finally {
      claim.end();
      await sampler.close();
      await kernel.quiesce(STOP_MS);
      await kernel.stop(STOP_MS);
    }
  },
};

export const sessionLiveScenarios: readonly Scenario[] = [live, besides, byProcfs];
