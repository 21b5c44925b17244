/** Every query of every dashboard, asked of a real Prometheus that scrapes a real Ringtail, while two containers use what is known. */
import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { dashboards } from '../../scripts/grafana/index.ts';
import { kernel } from '../../scripts/grafana/metrics.ts';
import type { Dashboard } from '../../scripts/grafana/model.ts';
import { needCollector } from './support/collector.ts';
import { type Cgroup, makeCgroup, newContainerId } from './support/cgroups.ts';
import {
  answerOf,
  grownBy,
  levelBy,
  optionsOf,
  type Place,
  pointsOf,
  rawSeries,
  sumBy,
  targets,
  type Window,
} from './support/dashboards.ts';
import type { Reference, Usage, Wanted } from './support/panel-answers.ts';
import { panelTable } from './support/panel-table.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { start, until } from './support/processes.ts';
import { needPrometheus, type PromSample, type Prometheus, startPrometheus } from './support/prometheus.ts';
import { startRingtail, writeConfig } from './support/ringtail.ts';

const collectorFor = needCollector();

/** What one container is told to use, in the words of test/workloads/usage.c. */
type Order = { readonly name: string; readonly sessions: number; readonly held: number; readonly failed: number; readonly execs: number; readonly blocks: number }; // prettier-ignore

const WEB: Order = { name: 'web', sessions: 40, held: 3, failed: 7, execs: 5, blocks: 20 };
const JOB: Order = { name: 'job', sessions: 10, held: 0, failed: 2, execs: 3, blocks: 50 };
const CONTAINER_LABELS = ['host.name', 'container.id', 'container.name', 'container.image.name', 'container.runtime.name', 'k8s.*.name'];
const ABOUT_THE_RESOURCE = /^(?:__name__|job|instance|ringtail_k8s_qos|(?:exported|otel_scope|host|os|service|container|k8s)_.*)$/;
/** Whatever else goes on on this host: what the containers do must not be over the budget. */
const METRICS = { collection_interval: '500ms', max_series: 100_000 };
/** What Prometheus scrapes is there a little later, with the time at which it began. */
const SETTLED_S = 2;
const SCRAPE_MS = 1000;
/** Of what the dashboards show, at least; see the tolerance of panel-answers.ts. */
const WINDOW_S = 30;
const ROUNDING = 1e-9;

const usageOf = (id: string, { name, sessions, held, failed, execs, blocks }: Order, said: string, isOver: boolean): Usage => ({
  id,
  name,
  // both ends of each, and of one session of UDP
  opened: 2 * (sessions + held + 1),
  failed,
  transmitted: 1500 * sessions + 50,
  received: 1500 * sessions + 50,
  execs,
  exits: execs + (isOver ? 1 : 0),
  read: 1000 * blocks,
  // with the word to the cgroup, and the line that it says
  written: 1000 * blocks + 1 + said.length,
  processes: isOver ? 0 : 1,
  open: isOver ? 0 : 2 * held,
});

/** Which way metrics take to Prometheus, and the exporter here that begins it. */
type Way = 'prometheus' | 'collector';
const exporterOf = { prometheus: 'prometheus', collector: 'otlp_grpc' } as const;

type Places = { readonly folder: string; readonly docker: string; readonly page: number; readonly own: number; readonly grpc: number };

const configOf = (way: Way, { folder, docker, page, own, grpc }: Places): string =>
  JSON.stringify({
    receivers: {
      process: { metrics: METRICS },
      syscalls: { calls: ['files', 'io', 'network'], metrics: METRICS },
      sockets: { metrics: METRICS },
      packets: { metrics: METRICS },
    },
    processors: { resolve_process: {}, resolve_user: {}, resolve_container: { runtimes: { docker: [docker] } } },
    exporters: {
      file: { path: join(folder, 'records'), append: false },
      // as in config/prometheus.yaml
      prometheus: { endpoint: `127.0.0.1:${page}`, resource_constant_labels: { included: CONTAINER_LABELS } },
      otlp_grpc: { endpoint: `127.0.0.1:${grpc}`, tls: { insecure: true }, flush_interval: '200ms' },
    },
    service: {
      telemetry: { metrics: { address: `127.0.0.1:${own}` } },
      pipelines: {
        logs: { receivers: ['process', 'sockets'], processors: ['resolve_process', 'resolve_user', 'resolve_container'], exporters: ['file'] },
        metrics: { receivers: ['process', 'syscalls', 'sockets', 'packets'], processors: ['resolve_container'], exporters: [exporterOf[way]] },
      },
    },
  }); // prettier-ignore

/** A Collector that takes metrics and has a page of them. */
const startCollector = async (binary: string, { folder, page, grpc }: Places): Promise<void> => {
  const config = join(folder, 'collector.yaml');
  const collector = {
    receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${grpc}` } } } },
    exporters: { prometheus: { endpoint: `127.0.0.1:${page}`, resource_to_telemetry_conversion: { enabled: true } } },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { metrics: { receivers: ['otlp'], exporters: ['prometheus'] } },
    },
  };
  writeFileSync(config, JSON.stringify(collector));
  const running = start(binary, ['--config', config]);
  const answers = () => fetch(`http://127.0.0.1:${page}/metrics`).then(({ ok }) => ok, () => false); // prettier-ignore
  await until(answers, 'the Collector to answer', { otherwise: running.stderr });
};

/** What Docker leaves on disk of a container. */
const describeContainer = (docker: string, id: string, name: string): void => {
  const folder = join(docker, 'containers', id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.v2.json'), JSON.stringify({ ID: id, Name: `/${name}`, Config: { Image: `example/${name}:1.2`, Labels: {} } })); // prettier-ignore
};

const runUsage = async (program: string, folder: string, cgroup: Cgroup, { name, sessions, held, failed, execs, blocks }: Order) => {
  const counts = [sessions, held, failed, execs, blocks].map(String);
  const running = start(program, [cgroup.folder, join(folder, `${name}-file`), ...counts], { stdio: ['pipe', 'pipe', 'pipe'] });
  await until(
    () => {
      if (running.hasEnded()) throw new Error(`it ended: ${running.stderr()}`);
      return running.stdout().startsWith('done');
    },
    `the container ${name}`,
    { otherwise: running.stderr },
  );
  return running;
};

const referenceOf = (prometheus: Prometheus, window: Window, usages: readonly Usage[]): Reference => {
  return {
    usages,
    seconds: window.seconds,
    grown: async ({ name, identity }, where, by) => grownBy(await rawSeries(prometheus, name, window), identity, where, by),
    level: async ({ name, identity }, where, by) => levelBy(await prometheus.query(name, window.endS), identity, where, by),
  };
};

/** What is different; of what is 0 it does not matter whether it is there. */
const differences = (
  answer: ReadonlyMap<string, number>,
  wanted: Omit<Wanted, 'most'> & { readonly most?: number | undefined },
): readonly string[] => {
  const { values, tolerance, isAround = false, isPart = false, most } = wanted;
  if (most !== undefined && values.size > most) {
    const least = [...values.values()].toSorted((a, b) => b - a)[most - 1]! * (1 - tolerance);
    const small = [...answer].filter(([, value]) => value < least);
    const expected = new Map([...values].filter(([key]) => answer.has(key)));
    return [
      ...(answer.size === most ? [] : [`${answer.size} of the largest instead of ${most}`]),
      ...small.map(([key]) => `${key} is none of the largest`),
      ...differences(answer, { ...wanted, values: expected, most: undefined }),
    ];
  }
  const keys = new Set([...values.keys(), ...(isPart ? [] : answer.keys())]);
  return [...keys].flatMap((key) => {
    const [got, want] = [answer.get(key) ?? 0, values.get(key) ?? 0];
    const least = want * (1 - (isAround ? tolerance : ROUNDING));
    return got >= least && got <= want * (1 + tolerance + ROUNDING) ? [] : [`${key}: ${got} instead of ${want}`];
  });
};

test('every panel has an answer that is known', () => {
  expect([...panelTable.keys()].toSorted()).toEqual(targets.map(({ place }) => place).toSorted());
});

test.for(['prometheus', 'collector'] as const)('panels show what two containers did, by way of %s', async (way, context) => {
  needPrometheus(context);
  const binary = way === 'collector' ? collectorFor(context) : undefined;
  const folder = temporaryFolder();
  const docker = join(folder, 'docker');
  const [page, own, grpc] = (await freePorts(3)) as [number, number, number];
  const places: Places = { folder, docker, page, own, grpc };
  const ids = { web: newContainerId(), job: newContainerId() };
  for (const [name, id] of Object.entries(ids)) describeContainer(docker, id, name);
  if (binary !== undefined) await startCollector(binary, places);
  const ringtail = await startRingtail(writeConfig(folder, configOf(way, places)));
  const prometheus = await startPrometheus({
    folder,
    targets: [`127.0.0.1:${page}`, `127.0.0.1:${own}`],
    intervalMs: SCRAPE_MS,
    honorLabels: false,
  });
  await prometheus.scraped();
  await prometheus.scraped();
  const startS = Math.ceil(Date.now() / 1000) + 1;
  await wait(startS * 1000 + 500 - Date.now());

  // a name of its own: no other process of the host has it
  const program = join(folder, `usage-${randomBytes(4).toString('hex')}`);
  copyFileSync(workload('usage'), program);
  chmodSync(program, 0o755);
  const [webCgroup, jobCgroup] = [makeCgroup(`/docker/${ids.web}`), makeCgroup(`/docker/${ids.job}`)];
  const web = await runUsage(program, folder, webCgroup, WEB);
  const job = await runUsage(program, folder, jobCgroup, JOB);
  job.child.stdin!.end();
  await job.ended;
  rmdirSync(jobCgroup.folder);
  const usages = [usageOf(ids.web, WEB, web.stdout(), false), usageOf(ids.job, JOB, job.stdout(), true)];

  const sums = async (name: string, at?: number) =>
    sumBy(await prometheus.query(`${name}{container_id!=""}`, at), ({ labels }) => labels, ({ value }) => value, ['container_id']); // prettier-ignore
  let told = '';
  const isTold = async () => {
    const [written, exits] = [await sums(kernel.fileIo.name), await sums(kernel.exits.name)];
    told = JSON.stringify([...written, ...exits]);
    return usages.every((usage) => written.get(usage.id) === usage.read + usage.written && exits.get(usage.id) === usage.exits);
  };
  await until(isTold, 'what the containers did to be told', {
    otherwise: () => `${JSON.stringify(usages)}\n${told}\n${ringtail.stderr()}`,
  });
  await wait(Math.max(3 * SCRAPE_MS + SETTLED_S * 1000, (startS + WINDOW_S + SETTLED_S) * 1000 - Date.now()));
  const endS = await until(async () => {
    const nowS = Math.floor(Date.now() / 1000) - SETTLED_S;
    const ups = await prometheus.query('up', nowS);
    return ups.length === 2 && ups.every(({ value }) => value === 1) && nowS;
  }, 'a moment at which no scrape failed');
  const window: Window = { endS, seconds: endS - startS };

  const chosen = {
    job: 'test',
    instance: '.+',
    host: '.*',
    namespace: '.*',
    pod: '.*',
    container: Object.values(ids).join('|'),
    top: '50',
  };
  const reference = referenceOf(prometheus, window, usages);
  const wrong: string[] = [];
  const answers = new Map<Place, readonly PromSample[]>();
  for (const { place, target } of targets) {
    const wanted = await panelTable.get(place)!(reference);
    const samples = (await answerOf(prometheus, target, window, chosen)).filter(({ value }) => !Number.isNaN(value));
    answers.set(place, samples);
    const answer = sumBy(samples, ({ labels }) => labels, ({ value }) => value, wanted.by); // prettier-ignore
    wrong.push(...differences(answer, wanted).map((difference) => `${place}: ${difference}`));
    if (!target.range || [...wanted.values.values()].every((value) => value === 0)) continue;
    if ((await pointsOf(prometheus, target, window, chosen)) === 0) wrong.push(`${place}: no points`);
  }
  expect(wrong).toEqual([]);

  // what the program did by its own count, where panels are not about containers
  const valueOf = (place: Place, label: string, value: string) =>
    Math.round(answers.get(place)!.find(({ labels }) => labels[label] === value)?.value ?? 0);
  const both = (amount: (order: Order) => number) => amount(WEB) + amount(JOB);
  const calls = (column: string) => valueOf(`processes.json / Programs / ${column}`, 'process_executable_name', basename(program));
  expect({ failed: calls('B'), connect: calls('E'), accept: calls('F'), send: calls('G') }).toEqual({
    failed: both(({ failed }) => failed),
    connect: both(({ sessions, held, failed }) => sessions + held + failed + 1),
    accept: both(({ sessions, held }) => sessions + held),
    send: both(({ sessions }) => 2 * sessions + 1),
  });
  const networks = [web, job].map((running) => running.stdout().trim().split(' ')[1]!);
  const ofNetworks = (column: string) =>
    networks.map((cookie) => valueOf(`network.json / By network namespace / ${column}`, 'ringtail_netns_cookie', cookie));
  expect({ sent: ofNetworks('A'), opened: ofNetworks('C'), failed: ofNetworks('D'), open: ofNetworks('E') }).toEqual({
    sent: usages.map(({ transmitted }) => transmitted),
    opened: usages.map(({ opened }) => opened),
    failed: usages.map(({ failed }) => failed),
    open: usages.map(({ open }) => open),
  });

  // a label that scripts/grafana/metrics.ts does not know would make several series one
  const unknown = await Promise.all(
    Object.values(kernel).map(async ({ name, labels }) => {
      const known = new Set<string>(labels);
      const all = (await prometheus.query(name, endS)).flatMap((sample) => Object.keys(sample.labels));
      return [...new Set(all)].filter((label) => !known.has(label) && !ABOUT_THE_RESOURCE.test(label)).map((label) => `${name}: ${label}`);
    }),
  );
  expect(unknown.flat()).toEqual([]);

  const offered = async ({ templating }: Dashboard) => {
    const queries = templating.list.filter(({ type }) => type === 'query');
    return Object.fromEntries(
      await Promise.all(queries.map(async (variable) => [variable.name, await optionsOf(prometheus, variable, window, chosen)])),
    );
  };
  expect(await offered(dashboards['health.json']!)).toEqual({ job: ['test'], instance: [`127.0.0.1:${own}`] });
  const { container, ...others } = await offered(dashboards['containers.json']!);
  expect(others).toEqual({ job: ['test'], instance: [`127.0.0.1:${page}`], host: [hostname()], namespace: [], pod: [] });
  expect(container).toEqual(expect.arrayContaining(Object.entries(ids).map(([name, id]) => `${name}=${id}`)));
  web.child.stdin!.end();
  await web.ended;
  await prometheus.stop();
  expect((await ringtail.stop()).code).toBe(0);
});
