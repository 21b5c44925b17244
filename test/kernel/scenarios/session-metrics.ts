/** What the kernel adds up of sessions is what a program did, to the session and the byte, while they are open and behind their end. */
import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { loadAddon } from '../../../src/kernel/addon.ts';
import { objectPath } from '../../../src/kernel/flavours.ts';
import { actorLayout, eventLayouts } from '../../../src/kernel/layouts.gen.ts';
import { probeFacts } from '../../../src/kernel/probe.ts';
import { cgroup2Mount } from '../../../src/kernel/procfs/mounts.ts';
import {
  type CountMaps,
  countWord,
  liveWord,
  readSessionCounts,
  restWord,
  type SessionCounts,
} from '../../../src/kernel/sockets/counts.ts';
import { encodeSocketSettings } from '../../../src/kernel/sockets/settings.ts';
import type { Reading } from '../../../src/kernel/sums.ts';
import { socketsConfig } from '../../../src/receivers/sockets/config.ts';
import { needsOf } from '../../../src/receivers/sockets/needs.ts';
import { collect, metricsOf, openKernel, startSums, STOP_MS, valuesOf } from '../harness/session-sums.ts';
import type { Scenario } from '../harness/scenario.ts';

const SHORT = 100;
const SHORT_6 = 40;
const RESETS = 5;
const DATAGRAMS = 20;
const OPEN = 6;

const exact: Scenario = {
  name: 'sessions: metrics are exact while they are open and when they have ended, and nothing goes through the ring for them',
  async run(context) {
    const { kernel, written } = openKernel();
    const sums = await startSums(context);
    const { all, next, close } = collect(metricsOf(kernel), sums.network);
    try {
      await kernel.start();
      assert.equal(kernel.sockets().rung, 'ebpf', kernel.sockets().notes.join('; '));
      const hasPeers = kernel.sockets().hooks.some(({ hook, rung }) => hook === 'peer' && rung !== 'none');
      await sums.act(`short4 ${SHORT}`, `short6 ${SHORT_6}`, `reset4 ${RESETS}`, 'refused 3', `open ${OPEN}`);
      if (hasPeers) await sums.act(`datagrams ${DATAGRAMS}`);
      const first = await next();
      await sums.act('waiting 0');
      const udp = hasPeers ? { 'udp ipv4 client': 1, 'udp ipv4 server': 1 } : {};
      const { 'tcp ipv4 time_wait': waiting4 = 0, 'tcp ipv6 time_wait': waiting6 = 0, ...open } = valuesOf(first, 'count');
      assert.deepEqual(open, { 'tcp ipv4 established client': OPEN, 'tcp ipv4 established server': OPEN, ...udp });
      // the kernel forgets them after a minute, which a machine under emulation may take to get here
      const stillWaiting = sums.waiting();
      if (stillWaiting === SHORT + SHORT_6) assert.deepEqual([waiting4, waiting6], [SHORT, SHORT_6]);
      else
        assert(waiting4 + waiting6 >= stillWaiting && waiting4 <= SHORT && waiting6 <= SHORT_6, `${waiting4} ${waiting6} ${stillWaiting}`);
      const short4 = SHORT + RESETS + OPEN;
      const opened = {
        'tcp ipv4 established client': short4,
        'tcp ipv4 established server': short4,
        'tcp ipv6 established client': SHORT_6,
        'tcp ipv6 established server': SHORT_6,
        ...udp,
      };
      assert.deepEqual(valuesOf(first, 'opened'), opened);
      assert.deepEqual(valuesOf(first, 'failed'), { 'tcp ipv4 syn_sent client ECONNREFUSED': 3 });
      const bytes4 = 400 * SHORT + 100 * RESETS + 1000 * OPEN;
      const io = {
        'tcp ipv4 transmit': bytes4,
        'tcp ipv4 receive': bytes4,
        'tcp ipv6 transmit': 400 * SHORT_6,
        'tcp ipv6 receive': 400 * SHORT_6,
        ...(hasPeers ? { 'udp ipv4 transmit': 80 * DATAGRAMS, 'udp ipv4 receive': 80 * DATAGRAMS } : {}),
      };
      assert.deepEqual(valuesOf(first, 'io'), io);

      await sums.act('more 700');
      const second = await next();
      const more = { 'tcp ipv4 transmit': bytes4 + 700 * OPEN, 'tcp ipv4 receive': bytes4 + 700 * OPEN };
      assert.deepEqual(valuesOf(second, 'io'), { ...io, ...more });

      await sums.act('close 0', ...(hasPeers ? ['shut 0'] : []));
      await sums.end();
      await kernel.quiesce(STOP_MS);
      const last = all.at(-1)!;
      assert.deepEqual(valuesOf(last, 'io'), { ...io, ...more });
      assert.deepEqual(valuesOf(last, 'opened'), opened);
      assert.deepEqual(Object.keys(valuesOf(last, 'count')).filter((key) => !key.includes('time_wait')), []); // prettier-ignore
      const durations = valuesOf(last, 'duration');
      const sumOf = (what: string): number =>
        Object.entries(durations).filter(([key]) => key.startsWith(what)).reduce((sum, [, value]) => sum + value, 0); // prettier-ignore
      assert.deepEqual([sumOf('tcp ipv4'), sumOf('tcp ipv6'), sumOf('udp')], [2 * short4, 2 * SHORT_6, hasPeers ? 2 : 0]);
      assert.equal(durations['tcp ipv4 server ECONNRESET'], RESETS);
      for (const [key, { value, buckets }] of last) assert(!key.startsWith('duration') || buckets === value, key);
      assert.equal(written(), 0, 'records were written');
    } finally {
      close();
      await kernel.quiesce(STOP_MS);
      await kernel.stop(STOP_MS);
    }
  },
};

const before: Scenario = {
  name: 'sessions: bytes of what was open before are not counted, nor is it told as opened',
  async run(context) {
    const { kernel } = openKernel();
    const sums = await startSums(context);
    await sums.act(`open ${OPEN}`);
    const { next, all, close } = collect(metricsOf(kernel), sums.network);
    try {
      await kernel.start();
      const first = await next();
      assert.equal(Object.entries(valuesOf(first, 'count')).reduce((sum, [key, value]) => (key.includes('established') ? sum + value : sum), 0), 2 * OPEN); // prettier-ignore
      assert.deepEqual([valuesOf(first, 'opened'), valuesOf(first, 'io')], [{}, {}]);
      await sums.act('more 300');
      const more = { 'tcp ipv4 transmit': 300 * OPEN, 'tcp ipv4 receive': 300 * OPEN };
      assert.deepEqual(valuesOf(await next(), 'io'), more);
      await sums.act('close 0');
      await sums.end();
      await kernel.quiesce(STOP_MS);
      assert.deepEqual([valuesOf(all.at(-1)!, 'opened'), valuesOf(all.at(-1)!, 'io')], [{}, more]);
    } finally {
      close();
      await kernel.quiesce(STOP_MS);
      await kernel.stop(STOP_MS);
    }
  },
};

const overReloads: Scenario = {
  name: 'sessions: cumulative metrics grow over reloads, with one start time, while connections come and go',
  async run(context) {
    const { kernel } = openKernel();
    const sums = await startSums(context);
    let now = collect(metricsOf(kernel), sums.network);
    const all = [now.all];
    try {
      await kernel.start();
      await sums.act(`open ${OPEN}`, `short4 ${SHORT}`);
      await now.next();
      // the second one has programs loaded anew: the size of a map cannot change
      for (const [index, config] of [{ protocols: ['tcp'] }, { max_sessions: 32_768 }].entries()) {
        const next = collect(metricsOf(kernel, config), sums.network);
        now.close();
        all.push((now = next).all);
        await Promise.all([kernel.reconfigure(), index === 0 ? sums.act(`short4 ${SHORT}`) : undefined]);
        await sums.act(`short4 ${SHORT}`, 'more 10');
        await now.next();
      }
      await sums.act('close 0');
      await sums.end();
      await kernel.quiesce(STOP_MS);
      const points = all.flat();
      const last = points.at(-1)!;
      assert.equal(last.get('opened tcp ipv4 established client')?.value, 4 * SHORT + OPEN);
      assert.equal(last.get('io tcp ipv4 receive')?.value, 4 * SHORT * 400 + OPEN * 1020);
      for (const key of ['opened tcp ipv4 established client', 'duration tcp ipv4 client', 'io tcp ipv4 transmit']) {
        const series = points.flatMap((each) => each.get(key) ?? []);
        assert.equal(new Set(series.map(({ startNs }) => startNs)).size, 1, `start times of ${key}`);
        const values = series.map(({ value }) => value);
        assert.deepEqual(values, values.toSorted((a, b) => a - b), `${key} went back`); // prettier-ignore
      }
    } finally {
      now.close();
      await kernel.quiesce(STOP_MS);
      await kernel.stop(STOP_MS);
    }
  },
};

/** Less than the series that there are: two ends, two families, refused, reset. */
const SMALL_MAP = 2;

const mapOfWalk = { on_clear_live: 'session_live', on_live_sessions: 'sessions', on_live_flows: 'flows' } as const;

/** All numbers together, whatever their series. */
const totalsOf = ({ ended, live, rest }: SessionCounts) => {
  const total = ({ sums, words }: Reading, ...wanted: readonly number[]): number =>
    sums.reduce((sum, value, at) => (wanted.includes(at % words) ? sum + value : sum), 0);
  const of = (what: 'sent' | 'received') =>
    total(ended, countWord[what]) + total(live, liveWord[what]) + total(rest, restWord.ended[what], restWord.live[what]);
  return {
    opened: total(ended, countWord.opened) + total(rest, restWord.ended.opened),
    failed: total(ended, countWord.failed) + total(rest, restWord.ended.failed),
    durations: total(ended, ...countWord.durations) + total(rest, ...restWord.ended.durations),
    open: total(live, liveWord.open) + total(rest, restWord.live.open),
    sent: of('sent'),
    received: of('received'),
  };
};

const fullMaps: Scenario = {
  name: 'sessions: what the maps of counts have no room for is counted, and the totals are exact; those of one cgroup alone',
  async run(context) {
    const mount = await cgroup2Mount('');
    if (mount === undefined) return context.skip('cgroup v2 is not mounted');
    const cgroup = `${mount}/ringtail-sums-${process.pid}`;
    mkdirSync(cgroup);
    const addon = loadAddon();
    const facts = probeFacts(addon);
    const layouts = { actor: actorLayout.fields, events: Object.values(eventLayouts) };
    const session = new addon.Session({ ringBytes: 1 << 20, frameBytes: 2 << 20, frames: 2, flushMs: 50, maxRows: 1024, layouts }, () => {});
    try {
      session.start();
      const programs = ['on_destroy', 'on_socket_exit', 'on_set_state'];
      const object = session.load({
        path: objectPath('sockets', facts),
        programs: [...programs, ...Object.keys(mapOfWalk)],
        options: {},
        mapEntries: { session_counts: SMALL_MAP, session_live: SMALL_MAP },
      });
      const needs = { ...needsOf(socketsConfig.parse({ protocols: ['tcp'] })), events: new Set<never>(), states: new Set<number>(), counted: true, ruleSets: [] };
      session.putEntry(object, 'session_settings', new Uint8Array(4), encodeSocketSettings(needs, statSync(cgroup, { bigint: true }).ino));
      for (const name of programs) session.attach(object, name);
      const maps: CountMaps = {
        readSums: async (map) => ({ ...(await session.readSums(object, map)), generation: 1 }),
        takeSums: async (map, keys) => ({ ...(await session.takeSums(object, map, keys)), generation: 1 }),
        async walk(name) {
          await session.walk(object, name, { map: mapOfWalk[name] });
          return true;
        },
        walkNamespaces: async () => true,
        timeWait: async () => undefined,
      };
      const sums = await startSums(context, cgroup);
      await sums.act(`open ${OPEN}`, `short6 ${SHORT_6}`, `short4 ${SHORT}`, `reset4 ${RESETS}`, 'refused 3');
      const first = (await readSessionCounts(maps))!;
      const all = 2 * (OPEN + SHORT + SHORT_6 + RESETS);
      const bytes = 400 * (SHORT + SHORT_6) + 100 * RESETS + 1000 * OPEN;
      const ended = { opened: all, failed: 3, durations: all - 2 * OPEN };
      assert.deepEqual(totalsOf(first), { ...ended, open: 2 * OPEN, sent: bytes, received: bytes });
      assert.equal(first.ended.count, SMALL_MAP);
      assert(first.live.count <= SMALL_MAP);
      assert(first.rest.sums[restWord.ended.opened]! > 0 && first.rest.sums[restWord.ended.sent]! > 0, 'nothing was left over');
      await sums.act('more 200', 'close 0');
      await sums.end();
      const more = bytes + 200 * OPEN;
      assert.deepEqual(totalsOf((await readSessionCounts(maps))!), { ...ended, durations: all, open: 0, sent: more, received: more });
      await session.detach(object);
    } finally {
      session.close();
      rmdirSync(cgroup);
    }
  },
}; // prettier-ignore

export const sessionMetricScenarios: readonly Scenario[] = [exact, before, overReloads, fullMaps];
