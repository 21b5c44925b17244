/** The same sums in a real Collector, by OTLP, and in a real Prometheus, which scrapes: equal to what containers counted, over a reload and a restart. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeCgroup, newContainerId } from './support/cgroups.ts';
import { metricsFileOf, needCollector, startCollector } from './support/collector.ts';
import { freePorts, temporaryFolder } from './support/places.ts';
import { until } from './support/processes.ts';
import { needPrometheus, type Prometheus, startPrometheus } from './support/prometheus.ts';
import { startRingtail, writeConfig } from './support/ringtail.ts';
import {
  bySeries,
  containerIdOf,
  differences,
  readCollectorPoints,
  since,
  startTraffic,
  type Sums,
  sumsBy,
  type Talked,
  toldSums,
} from './support/traffic.ts';

const collectorBinary = needCollector();

const CONTAINERS = 10;
const OPENED = 'ringtail_session_opened_total';
const BYTES = 'ringtail_network_io_bytes_total';

type Ports = { readonly grpcPort: number; readonly scrapePort: number; readonly metricsPort: number };

const configOf = ({ grpcPort, scrapePort, metricsPort }: Ports, interval: string): string =>
  JSON.stringify({
    receivers: { sockets: { metrics: { collection_interval: interval } } },
    processors: { resolve_container: {} },
    exporters: {
      otlp_grpc: { endpoint: `127.0.0.1:${grpcPort}`, tls: { insecure: true } },
      prometheus: { endpoint: `127.0.0.1:${scrapePort}`, resource_to_telemetry_conversion: { enabled: true } },
    },
    service: {
      telemetry: { metrics: { address: `127.0.0.1:${metricsPort}` } },
      pipelines: { metrics: { receivers: ['sockets'], processors: ['resolve_container'], exporters: ['otlp_grpc', 'prometheus'] } },
    },
  });

const byContainer = (talked: readonly Talked[]): ReadonlyMap<string, Sums> => sumsBy(talked, ({ cgroup }) => containerIdOf(cgroup));

/** What Prometheus has now, or what `shape` makes of it. */
const sumsOf = async (prometheus: Prometheus, shape = (metric: string) => metric): Promise<ReadonlyMap<string, Sums>> => {
  const all = new Map<string, Record<string, number>>();
  for (const [metric, word] of [[OPENED, 'ringtail_session_role'], [BYTES, 'network_io_direction']] as const) {
    const samples = await prometheus.query(`sum by (container_id, network_transport, ${word}) (${shape(`${metric}{container_id!=""}`)})`);
    for (const { labels, value } of samples) {
      const key = labels['container_id']!;
      all.set(key, { ...all.get(key), [`${labels['network_transport']} ${labels[word]}`]: value });
    }
  }
  return all;
}; // prettier-ignore

test('a Collector and Prometheus have the same numbers, over a reload and a restart', async (context) => {
  needPrometheus(context);
  const binary = collectorBinary(context);
  const folder = temporaryFolder();
  const [grpcPort, httpPort, scrapePort, metricsPort] = (await freePorts(4)) as [number, number, number, number];
  const file = join(folder, 'received');
  const collector = await startCollector(binary, { folder, grpcPort, httpPort, file });
  const ports = { grpcPort, scrapePort, metricsPort };
  const config = writeConfig(folder, configOf(ports, '300ms'));
  const cgroups = Array.from({ length: CONTAINERS }, () => makeCgroup(`/docker/${newContainerId()}`));
  const prometheus = await startPrometheus({ folder, targets: [`127.0.0.1:${scrapePort}`] });
  let sinceNs = 0n;
  /** Of the instance that runs now. */
  const inCollector = () =>
    toldSums(
      readCollectorPoints(metricsFileOf(file)).filter(({ startNs }) => startNs > sinceNs),
      ({ resource }) => resource.find(([name]) => name === 'container.id')?.[1],
    );
  /** Both have it; what stays wrong is shown. */
  const expectBoth = async (wanted: ReadonlyMap<string, Sums>): Promise<void> => {
    const compared = async () => ({
      collector: differences(wanted, inCollector()),
      prometheus: differences(wanted, await sumsOf(prometheus)),
    });
    await until(async () => Object.values(await compared()).every((lines) => lines.length === 0), 'both to have the sums', {
      deadlineMs: 15_000,
    }).catch(() => {});
    expect(await compared()).toEqual({ collector: [], prometheus: [] });
  };

  let ringtail = await startRingtail(config);
  await prometheus.scraped();
  const startS = Date.now() / 1000;
  const traffic = startTraffic(cgroups);
  const first = await traffic.talk(20);
  await expectBoth(byContainer(first));

  writeFileSync(config, configOf(ports, '200ms'));
  ringtail.child.kill('SIGHUP');
  await ringtail.log('the configuration was reloaded');
  const second = await traffic.talk(10);
  await expectBoth(byContainer(second));
  const reloadedS = Date.now() / 1000;
  const range = (toS: number) => `[${Math.ceil(toS - startS)}s]`;
  const resetsUntil = async (toS: number) =>
    new Set((await prometheus.query(`resets(${OPENED}{container_id!=""}${range(toS)})`, toS)).map(({ value }) => value));
  expect(await resetsUntil(reloadedS)).toEqual(new Set([0]));

  expect((await ringtail.stop()).code).toBe(0);
  sinceNs = BigInt(Date.now()) * 1_000_000n;
  ringtail = await startRingtail(config);
  const third = since(second, await traffic.talk(5));
  await expectBoth(byContainer(third));
  const endS = Date.now() / 1000;
  expect((await ringtail.stop()).code).toBe(0);
  await collector.stop();
  await traffic.end();

  // the restart is the only time at which anything became less, and to Prometheus it is a restart
  expect(await resetsUntil(endS)).toEqual(new Set([1]));
  const rates = await prometheus.queryRange(`rate(${BYTES}{container_id!=""}[2s])`, startS, endS, 0.5);
  expect(rates.length).toBeGreaterThan(0);
  expect(rates.flatMap(({ values }) => values.filter(([, value]) => value < 0))).toEqual([]);

  // to the Collector it is a new start
  const ids = new Set(cgroups.map(({ id }) => id));
  const points = readCollectorPoints(metricsFileOf(file)).filter(({ attributes }) => ids.has(Number(attributes['ringtail.cgroup.id'])));
  for (const series of bySeries(points).values()) {
    const starts = [...new Set(series.map(({ startNs }) => startNs))];
    expect(starts.length).toBe(2);
    expect(starts).toEqual(starts.toSorted((a, b) => Number(a - b)));
    for (const start of starts) {
      const values = series.filter(({ startNs }) => startNs === start).map(({ value }) => Number(value));
      expect(values).toEqual(values.toSorted((a, b) => a - b));
    }
  }
});
