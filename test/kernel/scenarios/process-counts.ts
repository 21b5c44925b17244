/** What the kernel counts of processes is what programs did, to the exec, and nothing goes through the ring for it. */
import assert from 'node:assert/strict';
import { loadAddon } from '../../../src/kernel/addon.ts';
import { objectPath } from '../../../src/kernel/flavours.ts';
import { actorLayout, eventLayouts, mapLayout, processWant } from '../../../src/kernel/layouts.gen.ts';
import { probeFacts } from '../../../src/kernel/probe.ts';
import { cgroup2Mount } from '../../../src/kernel/procfs/mounts.ts';
import type { MetricBatch, MetricPoint } from '../../../src/core/metric-batch.ts';
import type { Pipeline, PipelineOptions } from '../harness/pipeline.ts';
import { kernelRungs, type Scenario } from '../harness/scenario.ts';
import { type Folder, HELD, live, LIVES, NO_COOKIE, withCgroups } from './lives.ts';

const UID = 21_345;
const INTERVAL = { metrics: { collection_interval: '150ms' } };
const alone: PipelineOptions = { receiver: INTERVAL, metrics: 'alone', measured: ['process'] };

/** Series of a metric in a batch, as `user cgroup netns`; those of other cgroups are left out, and the namespace where `cookies` has none. */
const valuesOf = (
  batch: MetricBatch | undefined,
  metric: string,
  folders: readonly Folder[],
  cookies: readonly string[] = [],
): Readonly<Record<string, number>> => {
  const points = (batch?.metrics.find(({ name }) => name === `ringtail.process.${metric}`)?.points ?? []) as readonly MetricPoint[];
  return Object.fromEntries(
    points.flatMap(({ attributes, value }) => {
      const of = Object.fromEntries(attributes);
      const folder = folders.findIndex(({ id }) => id === Number(of['ringtail.cgroup.id']));
      if (folder < 0) return [];
      const isTold = (cookies[folder] ?? NO_COOKIE) !== NO_COOKIE;
      const key = [of['process.user.id'] ?? '', folder, isTold ? (of['ringtail.netns.cookie'] ?? 0) : NO_COOKIE];
      return [[key.join(' '), Number(value)] as const];
    }),
  );
};

const writtenOf = ({ counters }: Pipeline): number =>
  counters
    .samples()
    .filter(({ name, labels }) => name === 'ringtail_kernel_events' && labels['outcome'] === 'written')
    .reduce((sum, { value }) => sum + value, 0);

const exact: Scenario = {
  name: 'processes: counts are exact by user, cgroup and network namespace, and nothing goes through the ring for them',
  rungs: kernelRungs,
  everywhere: true,
  async run(context) {
    await withCgroups(context.skip, 3, async (folders) => {
      const [own, shared, left] = folders.map(({ path }) => path) as [string, string, string];
      const mount = await cgroup2Mount('');
      const pipeline = await context.start({ ...alone, exclude: { cgroups: [left.slice(mount!.length)] } });
      const lives = [
        await live(context, pipeline, { cgroup: own, uid: UID, netns: 1 }),
        await live(context, pipeline, { cgroup: shared, uid: 0 }),
        await live(context, pipeline, { cgroup: left, uid: 0 }),
      ];
      if (lives[0]!.isSkipped) context.skip('no network namespace can be made');
      const cookies = lives.map(({ cookie }) => cookie);
      const [there, here] = cookies as [string, string];
      assert(there === NO_COOKIE || there !== here);
      // it may have been seen in its cgroup before it entered its namespace, and a series that nobody is in any more tells 0
      const living = () =>
        Object.fromEntries(Object.entries(valuesOf(pipeline.metrics.at(-1), 'count', folders, cookies)).filter(([, value]) => value > 0));
      const alive = { [` 0 ${there}`]: HELD + 1, [` 1 ${here}`]: HELD + 1 };
      const isHeld = () => {
        const told = living();
        return Object.entries(alive).every(([key, value]) => told[key] === value);
      };
      const [waited] = await Promise.allSettled([pipeline.until('the living to be counted', isHeld)]);
      assert.deepEqual(living(), alive);
      assert.equal(waited.status, 'fulfilled');
      for (const { end } of lives) await end();
      await pipeline.stop();
      const last = pipeline.metrics.at(-1);
      const [a, b] = [`${UID} 0 ${there}`, `0 1 ${here}`];
      assert.deepEqual(valuesOf(last, 'exec.count', folders, cookies), { [a]: LIVES, [b]: LIVES });
      assert.deepEqual(valuesOf(last, 'exit.count', folders, cookies), { [a]: LIVES + HELD + 1, [b]: LIVES + HELD + 1 });
      assert.deepEqual(Object.values(valuesOf(last, 'count', folders)).filter((value) => value > 0), []); // prettier-ignore
      assert.equal(writtenOf(pipeline), 0, 'records were written');
      assert.deepEqual(pipeline.events, []);
    });
  },
};

/** Of one user, in the last batch. */
const ofUser = ({ metrics }: Pipeline, metric: string, uid: number): number => {
  const points = (metrics.at(-1)?.metrics.find(({ name }) => name === `ringtail.process.${metric}`)?.points ??
    []) as readonly MetricPoint[];
  return points
    .filter(({ attributes }) => attributes.some(([name, value]) => name === 'process.user.id' && value === uid))
    .reduce((sum, { value }) => sum + Number(value), 0);
};

const STORM = 600;
const WORKERS = 4;

const storm: Scenario = {
  name: 'processes: the totals of a storm of them are exact',
  rungs: ['tp_btf'],
  async run({ start, run, copy }) {
    const pipeline = await start(alone);
    const path = copy('spawn-storm', 'storm');
    const args = ['-n', STORM, '-w', WORKERS, '-p', 8, '-l', 0, '-u', UID, '-e', path].map(String);
    assert.equal((await run('spawn-storm', args, { path })).code, 0);
    await pipeline.stop();
    // every second worker becomes the user, and starts its share
    assert.deepEqual([ofUser(pipeline, 'exec.count', UID), ofUser(pipeline, 'exit.count', UID)], [STORM / 2, STORM / 2 + WORKERS / 2]);
    assert.equal(writtenOf(pipeline), 0, 'records were written');
  },
};

const overReloads: Scenario = {
  name: 'processes: counts grow over reloads, with one start time, with records beside them and without',
  rungs: ['tp_btf'],
  async run(context) {
    await withCgroups(context.skip, 1, async (folders) => {
      const pipeline = await context.start(alone);
      const work = async () => {
        const { end } = await live(context, pipeline, { cgroup: folders[0]!.path, uid: UID, held: 0 });
        await end();
      };
      await work();
      assert.equal(writtenOf(pipeline), 0, 'records were written');
      const intervals = ['200ms', '250ms', '300ms'];
      for (const [step, metrics] of (['beside', 'alone', 'beside'] as const).entries()) {
        const receiver = { metrics: { collection_interval: intervals[step] } };
        const [{ result, message }] = await Promise.all([pipeline.reload({ receiver, metrics }), work()]);
        assert.equal(result, 'applied', message);
        await work();
      }
      await pipeline.stop();
      const runs = 1 + 2 * 3;
      const all = pipeline.metrics.map((batch) => Object.values(valuesOf(batch, 'exec.count', folders))[0] ?? 0);
      assert.equal(all.at(-1), runs * LIVES);
      assert.deepEqual(
        all,
        all.toSorted((one, other) => one - other),
        'it went back',
      );
      const starts = pipeline.metrics.flatMap(({ metrics }) =>
        metrics.flatMap(({ points }) =>
          points.flatMap(({ attributes, startUnixNs }) =>
            attributes.some(([name, value]) => name === 'process.user.id' && value === UID) ? [startUnixNs] : [],
          ),
        ),
      );
      assert.equal(new Set(starts).size, 1, 'start times');
      const execs = pipeline.find('ringtail.process.exec').filter(({ attributes }) => attributes['process.user.id'] === UID);
      assert(execs.length >= 2 * LIVES, `${execs.length} records of execs`);
    });
  },
};

const SMALL_MAP = 4;
const USERS = 12;

const fullMap: Scenario = {
  name: 'processes: what the map of counts has no room for is in the rest',
  async run({ copy, run }) {
    const addon = loadAddon();
    const facts = probeFacts(addon);
    const session = new addon.Session(
      {
        ringBytes: 1 << 20, frameBytes: 2 << 20, frames: 2, flushMs: 50, maxRows: 1024,
        layouts: { actor: actorLayout.fields, events: Object.values(eventLayouts) },
      }, // prettier-ignore
      () => {},
    );
    try {
      session.start();
      const rung = (facts.traceArguments['sched_process_exec'] ?? -1) > 0 ? 'btf' : 'raw';
      const programs = [`on_exec_${rung}`, `on_exit_${rung}`];
      const mapEntries = { process_counts: SMALL_MAP, exec_records: facts.possibleCpus };
      const options = { have_group_dead: facts.traceArguments['sched_process_exit'] === 2 ? 1 : 0 };
      const object = session.load({ path: objectPath('process', facts), programs, options, mapEntries });
      session.putEntry(object, 'settings', new Uint8Array(4), new Uint8Array(Uint32Array.of(0, 0, processWant.count).buffer));
      for (const program of programs) session.attach(object, program);
      const path = copy('quick', 'quick');
      for (let user = 0; user < USERS; user++) assert.equal((await run('quick', [], { path, uid: UID + user })).code, 0);
      await session.detach(object);
      const [counts, rest] = [await session.readSums(object, 'process_counts'), await session.readSums(object, 'process_rest')];
      const ours = Array.from({ length: counts.count }, (_, entry) => entry).filter(
        (entry) => counts.keys.readUInt32LE(entry * counts.keyBytes + mapLayout.processCountKey.uid) >= UID,
      );
      assert.equal(counts.count, SMALL_MAP);
      // others of this host may have been counted meanwhile
      for (const word of [0, 1]) {
        const kept = ours.reduce((sum, entry) => sum + counts.sums[entry * counts.words + word]!, 0);
        assert(kept < USERS && kept + rest.sums[word]! >= USERS, `${kept} and ${rest.sums[word]}`);
      }
    } finally {
      session.close();
    }
  },
};

const byProcfs: Scenario = {
  name: 'processes: the procfs rung tells who is alive by cgroup, and counts nothing else',
  async run(context) {
    await withCgroups(context.skip, 1, async (folders) => {
      const pipeline = await context.start({ ...alone, rung: 'procfs' });
      const { end } = await live(context, pipeline, { cgroup: folders[0]!.path, uid: UID, count: 1 });
      await pipeline.until('the living to be counted', () => valuesOf(pipeline.metrics.at(-1), 'count', folders)[' 0 0'] === HELD + 1);
      await end();
      await pipeline.stop();
      assert.deepEqual(
        new Set(pipeline.metrics.flatMap(({ metrics }) => metrics.map(({ name }) => name))),
        new Set(['ringtail.process.count']),
      );
    });
  },
};

export const processCountScenarios: readonly Scenario[] = [exact, storm, overReloads, fullMap, byProcfs];
