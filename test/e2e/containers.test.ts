/** Containers of real runtimes: every exec, file, call and session of theirs carries their id, and nothing of the host does. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ContainerOptions, layouts, need, runc, type RunningContainer, runtimes } from './support/containers.ts';
import type { LogRecord } from './support/otlp-file.ts';
import { temporaryFolder, workload } from './support/places.ts';
import { run } from './support/processes.ts';
import { same, summaryOf } from './support/sessions.ts';
import { belongingOf, byExecutable, distinct, eventsOf, startWatching } from './support/watching.ts';

/** Threads of runtimes, which become a container's process by an exec within its cgroup: `runc:[2:INIT]`. */
const OF_RUNTIME = /^(runc|crun|podman|conmon|exe|\d+$)/;

/** What its program does each time, and in `lives` whole lives; a session is told by each of its ends. */
const eventsIn = (acts: number, lives: number): Readonly<Record<string, number>> => ({
  'process.exec': acts + lives,
  'process.fork': acts,
  'process.exit': acts + lives,
  'file.open /life-file': acts,
  'network.connect': acts,
  'network.accept': acts,
  'session.listen': acts,
  'session.start': 2 * acts,
  'session.end': 2 * acts,
});

const belonging = (container: Readonly<Record<string, unknown>>) => ({ ...container, 'ringtail.container': true });
const OF_THE_HOST = { 'ringtail.container': false };

/** What is said of events that are not the question here is left out. */
const expectAll = (records: readonly LogRecord[], acts: number, lives: number): void => {
  const wanted = eventsIn(acts, lives);
  const found = eventsOf(records);
  expect(Object.fromEntries(Object.keys(wanted).map((event) => [event, found[event] ?? 0]))).toEqual(wanted);
};

/** The same program, run by the host under a name of its own. */
const actOnHost = async (): Promise<string> => {
  const executable = `life-host-${process.pid}`;
  const path = join(temporaryFolder(), executable);
  copyFileSync(workload('container-life'), path);
  expect((await run(path, [])).code).toBe(0);
  return executable;
};

/** Nobody else is in one of these, and none of the host's is in any. */
const expectNothingElse = (records: readonly LogRecord[], containers: readonly RunningContainer[], host: string): void => {
  const inside = new Set(containers.map(({ executable }) => executable));
  const ids = new Set(containers.map(({ id }) => id));
  const strangers = records.filter(
    ({ resource, attributes }) =>
      ids.has(String(resource.get('container.id'))) &&
      !inside.has(String(attributes.get('process.executable.name'))) &&
      !OF_RUNTIME.test(String(attributes.get('ringtail.thread.comm'))),
  );
  const shown = ({ eventName, resource, attributes }: LogRecord) =>
    [eventName, attributes.get('process.executable.path'), attributes.get('ringtail.thread.comm'), resource.get('container.id')].join(' ');
  expect(summaryOf({ missing: [], unexpected: strangers.map(shown) })).toEqual(same);
  const ofHost = byExecutable(records).get(host) ?? [];
  expectAll(ofHost, 1, 1);
  expect(distinct(ofHost.map(belongingOf))).toEqual(distinct([OF_THE_HOST]));
};

const ofRuntime = ({ id, name }: RunningContainer, runtime: string) => ({
  'container.id': id,
  'container.runtime.name': runtime,
  ...(name === undefined ? {} : { 'container.name': name }),
});

/** What runc and crun write by themselves is gone some milliseconds later: a machine that is busy with other things may look too late, once. */
const LOOKS = 3;

describe.for(runtimes)('$name', (runtime) => {
  test('short lives, one after the other and at once', { retry: LOOKS - 1 }, async (context) => {
    need(runtime, context);
    const engine = runtime.prepare();
    const watching = await startWatching({ containers: { runtimes: engine.folders } });
    const containers: RunningContainer[] = [];
    for (let i = 0; i < 2; i++) {
      const container = await engine.start();
      containers.push(container);
      expect(await container.end()).toEqual({ code: 0, signal: null });
    }
    const together = await Promise.all([engine.start(), engine.start()]);
    for (const container of together) expect(await container.end()).toEqual({ code: 0, signal: null });
    containers.push(...together);
    const host = await actOnHost();
    const records = await watching.finish();
    const told = byExecutable(records);
    for (const { executable, acts } of containers) expectAll(told.get(executable) ?? [], acts(), 1);
    expect(containers.map(({ executable }) => distinct((told.get(executable) ?? []).map(belongingOf)))).toEqual(
      containers.map((container) => distinct([belonging(ofRuntime(container, runtime.name))])),
    );
    const lives = containers.map(({ executable }) => msOf(told.get(executable) ?? []));
    console.log(`${runtime.name}: ${lives.map((ms) => ms.toFixed(1)).join(', ')} ms from the exec to the exit`);
    expectNothingElse(records, containers, host);
  });

  test('one that was there before, over a restart', async (context) => {
    need(runtime, context);
    const engine = runtime.prepare();
    const container = await engine.start();
    await container.act();
    for (let life = 0; life < 2; life++) {
      const watching = await startWatching({ containers: { runtimes: engine.folders } });
      const before = container.acts();
      await container.act();
      const host = await actOnHost();
      const records = await watching.finish();
      const mine = byExecutable(records).get(container.executable) ?? [];
      expectAll(mine, container.acts() - before, 0);
      expect(distinct(mine.map(belongingOf))).toEqual(distinct([belonging(ofRuntime(container, runtime.name))]));
      expectNothingElse(records, [container], host);
    }
    expect(await container.end()).toEqual({ code: 0, signal: null });
  });
});

const msOf = (records: readonly LogRecord[]): number => {
  const times = records.filter(({ eventName }) => /process\.(exec|exit)$/.test(eventName)).map(({ timeUnixNano }) => timeUnixNano); // prettier-ignore
  return times.length === 0 ? NaN : Number(times.at(-1)! - times[0]!) / 1e6;
};

describe('runc, where others would put it', () => {
  test.for(layouts())('$name', async ({ id, path, runtime, pod, qos }: Layout, context) => {
    need(runc, context);
    const watching = await startWatching();
    const container = await runc.prepare().start({ cgroupsPath: path, id } satisfies ContainerOptions);
    expect(await container.end()).toEqual({ code: 0, signal: null });
    const host = await actOnHost();
    const records = await watching.finish();
    const mine = byExecutable(records).get(container.executable) ?? [];
    expectAll(mine, container.acts(), 1);
    const wanted = {
      'container.id': id,
      ...(runtime === undefined ? {} : { 'container.runtime.name': runtime }),
      ...(pod === undefined ? {} : { 'k8s.pod.uid': pod }),
      ...(qos === undefined ? {} : { 'ringtail.k8s.qos': qos }),
    };
    const sorted = (one: Readonly<Record<string, unknown>>) => Object.entries(one).toSorted(([a], [b]) => a.localeCompare(b));
    expect(distinct(mine.map((record) => sorted(belongingOf(record))))).toEqual(distinct([sorted(belonging(wanted))]));
    expectNothingElse(records, [container], host);
  });
});

type Layout = {
  readonly id: string;
  readonly path: string;
  readonly runtime?: string;
  readonly pod?: string;
  readonly qos?: string;
};
