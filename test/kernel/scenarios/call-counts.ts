/** What the kernel counts and adds up of system calls is what a program did, to the call and the byte. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { loadAddon } from '../../../src/kernel/addon.ts';
import { objectPath } from '../../../src/kernel/flavours.ts';
import { callWord, readCallCounts } from '../../../src/kernel/calls/counts.ts';
import { callNumbersOf } from '../../../src/kernel/calls/numbers.ts';
import { encodeSettings } from '../../../src/kernel/calls/settings.ts';
import { actorLayout, callId, eventLayouts } from '../../../src/kernel/layouts.gen.ts';
import { probeFacts } from '../../../src/kernel/probe.ts';
import type { Metric, MetricPoint } from '../../../src/core/metric-batch.ts';
import type { Event, Pipeline } from '../harness/pipeline.ts';
import { startProgram } from '../harness/runner.ts';
import type { Scenario } from '../harness/scenario.ts';
import { startWithCalls } from './calls.ts';
import { live, LIVES, NO_COOKIE, withCgroups } from './lives.ts';

const WINDOW = '200ms';
const TIMES = 3000;
const THREADS = 4;
const ALL = TIMES * THREADS;
const counted = { calls: ['files', 'io'], metrics: { collection_interval: WINDOW } };
const addedUp = { calls: ['files', 'io'], rate_limit: { enabled: false }, aggregate: { enabled: true, interval: WINDOW } };

type Series = { readonly value: bigint; readonly startNs: bigint; readonly timeNs: bigint };

/** Of one executable in one batch, by `metric call error`. */
const seriesOf = (metrics: readonly Metric[], executable: string): ReadonlyMap<string, Series> =>
  new Map(
    metrics.flatMap(({ name, points }) =>
      (points as readonly MetricPoint[]).flatMap(({ attributes, value, startUnixNs, timeUnixNs }) => {
        const of = Object.fromEntries(attributes);
        if (of['process.executable.name'] !== executable) return [];
        const key = [name.split('.').at(-1), of['ringtail.syscall.name'], ...(of['error.type'] === undefined ? [] : [of['error.type']])];
        return [[key.join(' '), { value: BigInt(value), startNs: startUnixNs, timeNs: timeUnixNs }] as const];
      }),
    ),
  );

const valuesOf = (series: ReadonlyMap<string, Series>): Readonly<Record<string, number>> =>
  Object.fromEntries(Array.from(series, ([key, { value }]) => [key, Number(value)]));

/** Of the workload; opens that succeed are its own, and those of the C library. */
const truth = (times: number) => ({
  'count pread64': times,
  'count pwrite64': times,
  'count openat ENOENT': times,
  'io pread64': 7 * times,
  'io pwrite64': 5 * times,
});
const ofTruth = (series: ReadonlyMap<string, Series>): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(valuesOf(series)).filter(([key]) => key in truth(0)));

/** Records but those of cgroups, which are followed to know which series are over. */
const writtenOf = ({ counters }: Pipeline): number =>
  counters
    .samples()
    .filter(({ name, labels }) => name === 'ringtail_kernel_events' && labels['outcome'] === 'written' && labels['receiver'] !== 'cgroups')
    .reduce((sum, { value }) => sum + value, 0);

const withoutRing: Scenario = {
  name: 'calls: metrics are exact, and nothing goes through the ring for them',
  rungs: ['tp_btf', 'raw_tp'],
  async run({ folder, start, run, copy }) {
    const pipeline = await startWithCalls(start, counted, { metrics: 'alone', idle: true });
    for (const place of ['a', 'b']) mkdirSync(`${folder}/${place}`);
    // two files of one name
    for (const place of ['a', 'b']) {
      const path = copy('counts', `${place}/counting`);
      assert.equal((await run('counts', [folder, String(TIMES), String(THREADS)], { path })).code, 0);
    }
    await pipeline.stop();
    assert.deepEqual(ofTruth(seriesOf(pipeline.metrics.at(-1)!.metrics, 'counting')), truth(2 * ALL));
    assert.equal(writtenOf(pipeline), 0, 'records were written');
    assert.deepEqual(pipeline.events, []);
  },
};

const overReloads: Scenario = {
  name: 'calls: cumulative metrics grow over reloads, with one start time',
  async run({ folder, start, run, copy }) {
    const path = copy('counts', 'counting');
    const pipeline = await startWithCalls(start, counted, { metrics: 'beside', idle: true });
    const work = () => run('counts', [folder, String(TIMES), String(THREADS)], { path });
    await work();
    for (const interval of ['150ms', '250ms']) {
      const change = { calls: { ...counted, metrics: { collection_interval: interval } }, metrics: 'alone' } as const;
      const [{ result, message }] = await Promise.all([pipeline.reload(change), work()]);
      assert.equal(result, 'applied', message);
    }
    await pipeline.stop();
    const all = pipeline.metrics.map(({ metrics }) => seriesOf(metrics, 'counting')).filter(({ size }) => size > 0);
    assert.deepEqual(ofTruth(all.at(-1)!), truth(3 * ALL));
    assert.equal(new Set(all.flatMap((series) => Array.from(series.values(), ({ startNs }) => startNs))).size, 1, 'start times');
    for (const key of Object.keys(truth(0))) {
      const values = all.map((series) => series.get(key)?.value ?? 0n);
      assert.deepEqual(
        values,
        values.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
        `${key} went back`,
      );
    }
  },
};

const deltas: Scenario = {
  name: 'calls: deltas add up to what was done, and follow each other without a gap',
  async run({ folder, start, run, copy }) {
    const path = copy('counts', 'counting');
    const delta = { ...counted, metrics: { collection_interval: WINDOW, temporality: 'delta' } };
    const pipeline = await startWithCalls(start, delta, { metrics: 'alone', idle: true });
    await run('counts', [folder, String(TIMES), String(THREADS)], { path });
    // the same again, from other settings on
    await pipeline.reload({ calls: { ...delta, metrics: { collection_interval: '100ms', temporality: 'delta' } } });
    await run('counts', [folder, String(TIMES), String(THREADS)], { path });
    await pipeline.stop();
    const windows = pipeline.metrics.map(({ metrics }) => seriesOf(metrics, 'counting'));
    const sums = Object.fromEntries(
      Object.keys(truth(0)).map((key) => [key, windows.reduce((sum, series) => sum + Number(series.get(key)?.value ?? 0n), 0)]),
    );
    assert.deepEqual(sums, truth(2 * ALL));
    const reads = windows.flatMap((series) => series.get('count pread64') ?? []);
    for (const [index, { startNs }] of reads.entries()) assert(index === 0 || startNs >= reads[index - 1]!.timeNs, 'windows overlap');
  },
};

/** Of the program `lives` in one cgroup, by `metric call netns`; without the namespace when that is not told. */
const byCall = (metrics: readonly Metric[], cgroup: number, cookie: string): Readonly<Record<string, number>> =>
  Object.fromEntries(
    metrics.flatMap(({ name, points }) =>
      (points as readonly MetricPoint[]).flatMap(({ attributes, value }) => {
        const of = Object.fromEntries(attributes);
        if (Number(of['ringtail.cgroup.id']) !== cgroup || of['process.executable.name'] !== 'lives') return [];
        const netns = cookie === NO_COOKIE ? NO_COOKIE : (of['ringtail.netns.cookie'] ?? 0);
        return [[[name.split('.').at(-1), of['ringtail.syscall.name'], netns].join(' '), Number(value)] as const];
      }),
    ),
  );

const byPlace: Scenario = {
  name: 'calls: metrics are exact by cgroup and network namespace',
  rungs: ['tp_btf', 'raw_tp'],
  async run(context) {
    await withCgroups(context.skip, 2, async (folders) => {
      const calls = { ...counted, calls: ['sendto', 'recvfrom', 'pread64'] };
      const pipeline = await startWithCalls(context.start, calls, { metrics: 'alone', idle: true });
      const told: string[] = [];
      for (const [index, { path: cgroup }] of folders.entries()) {
        const { cookie, isSkipped, end } = await live(context, pipeline, { cgroup, uid: 0, netns: index === 0 ? 1 : 0, held: 0 });
        await end();
        if (isSkipped) context.skip('no network namespace can be made');
        told.push(cookie);
      }
      await pipeline.stop();
      for (const [index, { id }] of folders.entries()) {
        const netns = told[index]!;
        const all = {
          [`count sendto ${netns}`]: LIVES,
          [`count recvfrom ${netns}`]: LIVES,
          'count pread64 0': LIVES,
          'io pread64 0': 7 * LIVES,
        };
        assert.deepEqual(byCall(pipeline.metrics.at(-1)!.metrics, id, netns), all);
      }
    });
  },
};

/** Less than the programs that it is given. */
const SMALL_MAP = 8;
const PROGRAMS = 40;

const fullMap: Scenario = {
  name: 'calls: what the map of counts has no room for is counted, and the total is exact',
  async run({ folder, run, copy }) {
    const addon = loadAddon();
    const facts = probeFacts(addon);
    const numbers = callNumbersOf(facts.machine);
    assert(numbers !== undefined);
    const session = new addon.Session(
      {
        ringBytes: 1 << 20, frameBytes: 2 << 20, frames: 2, flushMs: 50, maxRows: 1024,
        layouts: { actor: actorLayout.fields, events: Object.values(eventLayouts) },
      }, // prettier-ignore
      () => {},
    );
    try {
      session.start();
      const name = (facts.traceArguments['sys_exit'] ?? -1) > 0 ? 'on_call_exit_btf' : 'on_call_exit_raw';
      const object = session.load({
        path: objectPath('syscalls', facts),
        programs: [name],
        options: {},
        mapEntries: { call_counts: SMALL_MAP },
      });
      const needs = { events: new Set(), failures: new Set(), counted: new Set(['preadv2']), limit: undefined, aggregateWindowMs: undefined, ruleSets: [] } as const;
      session.putEntry(object, 'call_settings', new Uint8Array(4), encodeSettings(needs as never, numbers, 0));
      session.attach(object, name);
      for (let index = 0; index < PROGRAMS; index++)
        assert.equal((await run('counts', [folder, String(TIMES), 'vectors'], { path: copy('counts', `counting-${index}`) })).code, 0);
      await session.detach(object);
      const read = await readCallCounts({ readSums: async (map) => ({ ...(await session.readSums(object, map)), generation: 1 }) });
      const { counts, overflow } = read!;
      assert(counts.count > 0 && counts.count <= SMALL_MAP, `${counts.count} entries`);
      const calls = Array.from({ length: overflow.count }, (_, entry) => overflow.keys.readUInt32LE(4 * entry));
      assert.deepEqual(calls.filter((_, entry) => overflow.sums[entry * overflow.words]! > 0), [callId.preadv2]);
      const total = (word: number): number =>
        [counts, overflow].reduce((all, { sums, words }) => all + sums.reduce((sum, value, at) => (at % words === word ? sum + value : sum), 0), 0);
      assert.deepEqual([total(callWord.calls), total(callWord.bytes)], [PROGRAMS * TIMES, 3 * PROGRAMS * TIMES]);
    } finally {
      session.close();
    }
  },
}; // prettier-ignore

/** Calls and bytes of one executable, by `event path`. */
const sumsOf = (events: readonly Event[], executable: string): Readonly<Record<string, readonly [calls: number, bytes: number]>> => {
  const sums: Record<string, [number, number]> = {};
  for (const { name, attributes } of events) {
    if (attributes['process.executable.name'] !== executable) continue;
    if (attributes['error.type'] !== undefined || !/read|write/.test(name)) continue;
    const sum = (sums[`${name.split('.').at(-1)} ${String(attributes['file.path'])}`] ??= [0, 0]);
    sum[0] += Number(attributes['ringtail.io.calls'] ?? 1);
    sum[1] += Number(attributes['ringtail.io.transferred']);
  }
  return sums;
};

const sums: Scenario = {
  name: 'calls: reads and writes that are added up are all told, by program, file and direction',
  async run({ folder, start, run, copy }) {
    const path = copy('counts', 'adding');
    const pipeline = await startWithCalls(start, addedUp);
    assert.equal((await run('counts', [folder, String(TIMES), String(THREADS)], { path })).code, 0);
    const { pid } = await run('counts', [folder, String(TIMES), 'again'], { path });
    await pipeline.stop();
    const told = sumsOf(pipeline.events, 'adding');
    assert.deepEqual(told[`write ${folder}/written`], [ALL, 5 * ALL]);
    assert.deepEqual(told['read /dev/zero'], [ALL + 2 * TIMES, 7 * ALL + 2 * TIMES]);
    const calls = pipeline.events.filter(({ attributes }) => attributes['ringtail.io.calls'] !== undefined && attributes['file.path'] === '/dev/zero');
    assert(calls.length > 0, 'nothing was added up');
    // the two programs of one process apart, and no descriptor where there were two
    const ofPid = calls.filter(({ attributes }) => attributes['process.pid'] === pid);
    assert.equal(ofPid.reduce((sum, { attributes }) => sum + Number(attributes['ringtail.io.calls']), 0), 2 * TIMES);
    assert(ofPid.length >= 2);
    for (const { attributes } of ofPid) assert(!('ringtail.fd' in attributes) || attributes['ringtail.io.calls'] === 1);
    for (const { attributes } of calls) assert.equal(attributes['ringtail.syscall.name'], 'pread64');
  }, // prettier-ignore
};

const moreThanRoom: Scenario = {
  name: 'calls: when there are more files than sums, nothing is told twice and nothing is left out',
  async run({ folder, start, copy }) {
    const path = copy('counts', 'adding');
    const count = 9000;
    const pipeline = await startWithCalls(start, { ...addedUp, calls: ['io'] }, { ringBytes: 32 << 20 });
    const { child, ended, output } = startProgram(path, [folder, String(count), 'pipes']);
    await pipeline.until('all pipes to be written', () => output().includes('written'));
    child.stdin.end();
    await ended;
    await pipeline.stop();
    const told = Object.entries(sumsOf(pipeline.events, 'adding')).filter(([key]) => key.startsWith('write pipe:'));
    // one is its output
    const ofPipes = told.filter(([, [, bytes]]) => bytes === 1);
    assert.equal(ofPipes.length, count);
    for (const [key, sum] of ofPipes) assert.deepEqual(sum, [1, 1], key);
  },
};

const addedUpOrNot: Scenario = {
  name: 'calls: adding up begins and ends by reloads, and nothing is lost between',
  async run({ folder, start, run, copy }) {
    const path = copy('counts', 'adding');
    const io = { ...addedUp, calls: ['io'] };
    const single = { ...io, aggregate: { enabled: false } };
    const pipeline = await startWithCalls(start, io, { ringBytes: 32 << 20 });
    const work = () => run('counts', [folder, String(TIMES), '1'], { path });
    const slow = { ...io, aggregate: { enabled: true, interval: '1h' } };
    const steps = [single, slow, single, io];
    for (const calls of steps) {
      const [{ result, message }] = await Promise.all([pipeline.reload({ calls }), work()]);
      assert.equal(result, 'applied', message);
      await work();
    }
    await pipeline.stop();
    const told = sumsOf(pipeline.events, 'adding');
    const all = 2 * steps.length * TIMES;
    assert.deepEqual(told[`write ${folder}/written`], [all, 5 * all]);
    assert.deepEqual(told['read /dev/zero'], [all, 7 * all]);
  },
};

export const callCountScenarios: readonly Scenario[] = [
  withoutRing,
  overReloads,
  deltas,
  byPlace,
  fullMap,
  sums,
  moreThanRoom,
  addedUpOrNot,
];
