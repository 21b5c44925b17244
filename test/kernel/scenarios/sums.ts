/** Maps of the kernel that add up: read at one go, taken out whole, and forgotten when nobody moves them any more. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import type { Metric } from '../../../src/core/metric-batch.ts';
import { loadAddon, type MapEntries, type NativeSession } from '../../../src/kernel/addon.ts';
import { callNumbersOf } from '../../../src/kernel/calls/numbers.ts';
import { encodeSettings } from '../../../src/kernel/calls/settings.ts';
import { objectPath } from '../../../src/kernel/flavours.ts';
import { actorLayout, eventLayouts, mapLayout } from '../../../src/kernel/layouts.gen.ts';
import { probeFacts } from '../../../src/kernel/probe.ts';
import { cgroup2Mount } from '../../../src/kernel/procfs/mounts.ts';
import { removeCgroup } from '../harness/cgroups.ts';
import { waitFor } from '../harness/pipeline.ts';
import type { Scenario } from '../harness/scenario.ts';
import { metricsOf, openKernel, startSums, STOP_MS } from '../harness/session-sums.ts';

const TIMES = 500;
const PROGRAMS = 5;

/** By key: what each word adds up to over all CPUs. */
const wordsByKey = ({ count, keyBytes, keys, valueBytes, values }: MapEntries, words: number): ReadonlyMap<string, readonly number[]> =>
  new Map(
    Array.from({ length: count }, (_, entry) => {
      const sums = Array.from({ length: words }, () => 0);
      for (let at = 0; at < valueBytes; at += 8) sums[(at / 8) % words]! += Number(values.readBigUInt64LE(entry * valueBytes + at));
      return [keys.toString('hex', entry * keyBytes, (entry + 1) * keyBytes), sums] as const;
    }),
  );
const sumsByKey = ({
  count,
  keyBytes,
  keys,
  words,
  sums,
}: Awaited<ReturnType<NativeSession['readSums']>>): ReadonlyMap<string, readonly number[]> =>
  new Map(
    Array.from({ length: count }, (_, entry) => [
      keys.toString('hex', entry * keyBytes, (entry + 1) * keyBytes),
      [...sums.subarray(entry * words, (entry + 1) * words)],
    ]),
  );

const native: Scenario = {
  name: 'sums: a map is read at one go, all CPUs together, and what is taken out is taken whole',
  async run({ folder, run, copy }) {
    const addon = loadAddon();
    const facts = probeFacts(addon);
    const numbers = callNumbersOf(facts.machine);
    assert(numbers !== undefined);
    const layouts = { actor: actorLayout.fields, events: Object.values(eventLayouts) };
    const session = new addon.Session({ ringBytes: 1 << 20, frameBytes: 2 << 20, frames: 2, flushMs: 50, maxRows: 1024, layouts }, () => {});
    try {
      session.start();
      const name = (facts.traceArguments['sys_exit'] ?? -1) > 0 ? 'on_call_exit_btf' : 'on_call_exit_raw';
      const object = session.load({ path: objectPath('syscalls', facts), programs: [name], options: {}, mapEntries: {} });
      const needs = { events: new Set(), failures: new Set(), counted: new Set(['preadv2']), limit: undefined, aggregateWindowMs: undefined, ruleSets: [] } as const;
      session.putEntry(object, 'call_settings', new Uint8Array(4), encodeSettings(needs as never, numbers, 0));
      session.attach(object, name);
      for (let index = 0; index < PROGRAMS; index++)
        assert.equal((await run('counts', [folder, String(TIMES), 'vectors'], { path: copy('counts', `counting-${index}`) })).code, 0);
      await session.detach(object);

      const words = mapLayout.callCount.size / 8;
      const all = await session.readSums(object, 'call_counts');
      assert.deepEqual([all.keyBytes, all.words, all.missed], [mapLayout.callCountKey.size, words, 0]);
      assert(all.count >= PROGRAMS);
      assert.deepEqual(sumsByKey(all), wordsByKey(session.readEntries(object, 'call_counts'), words));
      // an array has all of its entries
      const overflow = await session.readSums(object, 'call_overflow');
      assert(overflow.count > 0 && overflow.sums.every((value) => value === 0));

      // one that is not there is left out
      const missing = Buffer.alloc(all.keyBytes, 0xff);
      const taken = await session.takeSums(object, 'call_counts', Buffer.concat([missing, all.keys.subarray(0, 2 * all.keyBytes)]));
      assert.deepEqual([...sumsByKey(taken)], [...sumsByKey(all)].slice(0, 2));
      assert.deepEqual([...sumsByKey(await session.readSums(object, 'call_counts'))].length, all.count - 2);

      const codeOf = (call: () => unknown): unknown => {
        try {
          call();
          return 'nothing was thrown';
        } catch (error) {
          return (error as { code?: string }).code;
        }
      };
      assert.deepEqual(
        [
          codeOf(() => session.readSums(object, 'no_such_map')),
          codeOf(() => session.readSums(object, 'events')),
          codeOf(() => session.takeSums(object, 'call_counts', new Uint8Array(all.keyBytes - 1))),
        ],
        ['ENOENT', 'EINVAL', 'EINVAL'],
      );

      // what is under way ends well when the object goes, and the session
      const underWay = [session.readSums(object, 'call_counts'), session.takeSums(object, 'call_counts', all.keys)];
      session.unload(object);
      session.close();
      const [read, last] = await Promise.all(underWay);
      assert(read!.count <= all.count);
      assert.equal(last!.count, all.count - 2);
      assert.equal(codeOf(() => session.readSums(object, 'call_counts')), 'EBADF');
    } finally {
      session.close();
    }
  },
}; // prettier-ignore

const forgotten: Scenario = {
  name: 'sums: the sessions of a cgroup that is gone are told a last time, and the kernel forgets them',
  async run(context) {
    const mount = await cgroup2Mount('');
    if (mount === undefined) return context.skip('cgroup v2 is not mounted');
    const cgroup = `${mount}/ringtail-gone-${process.pid}`;
    mkdirSync(cgroup);
    const id = statSync(cgroup).ino;
    const { kernel } = openKernel();
    let last: readonly Metric[] = [];
    let collections = 0;
    const subscription = metricsOf(kernel, { metrics: { expiry: '1s' } }).subscribe(({ metrics }) => {
      last = metrics;
      collections++;
    });
    const valueOf = (name: string): number =>
      last.filter((metric) => metric.name === name).flatMap(({ points }) => [...points]).filter(({ attributes }) => attributes.some(([key, value]) => key === 'ringtail.cgroup.id' && Number(value) === id)).reduce((sum, point) => sum + ('value' in point ? Number(point.value) : 0), 0);
    const entries = async (): Promise<number> => {
      const { count, keyBytes, keys } = (await kernel.socketMaps.readSums('session_counts'))!;
      return Array.from({ length: count }, (_, entry) => Number(keys.readBigUInt64LE(entry * keyBytes))).filter((one) => one === id).length;
    };
    try {
      await kernel.start();
      // somebody else has a session: there is something to tell at each collection
      const others = await startSums(context);
      await others.act('open 1');
      const sums = await startSums(context, cgroup);
      await sums.act('short4 3');
      await waitFor('the sessions', () => valueOf('ringtail.session.opened') === 6);
      assert.equal(valueOf('ringtail.network.io'), 2 * 3 * 400);
      assert((await entries()) > 0);
      await sums.end();
      await removeCgroup(cgroup);
      const before = collections;
      await waitFor('its series to end', () => collections > before && valueOf('ringtail.session.opened') === 0);
      for (let left = 1; left > 0; ) {
        const at = collections;
        await waitFor('a collection', () => collections > at);
        left = await entries();
      }
      await others.act('close 0');
      await others.end();
    } finally {
      if (existsSync(cgroup)) await removeCgroup(cgroup);
      subscription.unsubscribe();
      await kernel.quiesce(STOP_MS);
      await kernel.stop(STOP_MS);
    }
  },
}; // prettier-ignore

export const sumScenarios: readonly Scenario[] = [native, forgotten];
