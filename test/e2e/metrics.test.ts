/** Metrics of system calls, as a real Collector receives them. */
import { chmodSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { metricsFileOf, needCollector, startCollector } from './support/collector.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { run, until } from './support/processes.ts';
import { readBooks, readSamples, startRingtail, sumOf, totalOf, writeConfig } from './support/ringtail.ts';

const collectorFor = needCollector();

const TIMES = 2000;
const THREADS = 3;
const ALL = TIMES * THREADS;

type KeyValue = { readonly key: string; readonly value: { readonly stringValue?: string } };
type Point = {
  readonly attributes?: readonly KeyValue[];
  readonly asInt: string;
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
};
type Request = {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeMetrics: readonly {
      readonly scope: { readonly name: string };
      readonly metrics: readonly {
        readonly name: string;
        readonly unit: string;
        readonly sum: { readonly dataPoints: readonly Point[]; readonly aggregationTemporality: number; readonly isMonotonic: boolean };
      }[];
    }[];
  }[];
}; // prettier-ignore

type Received = { readonly series: string; readonly value: number; readonly start: string; readonly time: string };

const textOf = (attributes: readonly KeyValue[] = []) => new Map(attributes.map(({ key, value }) => [key, value.stringValue]));

/** Points of one executable in the order in which they came, and what holds for all that came. */
const receivedBy = (file: string, executable: string) => {
  const requests = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Request); // prettier-ignore
  const points: Received[] = [];
  const facts = new Set<string>();
  for (const { resource, scopeMetrics } of requests.flatMap(({ resourceMetrics }) => resourceMetrics)) {
    for (const { scope, metrics } of scopeMetrics) {
      for (const { name, unit, sum } of metrics) {
        facts.add([textOf(resource.attributes).get('service.name'), scope.name, name, unit, sum.aggregationTemporality, sum.isMonotonic].join(' '));
        for (const { attributes, asInt, startTimeUnixNano: start, timeUnixNano: time } of sum.dataPoints) {
          const of = textOf(attributes);
          if (of.get('process.executable.name') !== executable) continue;
          const series = [name.split('.').at(-1), of.get('ringtail.syscall.name'), of.get('error.type')].join(' ').trim();
          points.push({ series, value: Number(asInt), start, time });
        }
      }
    }
  }
  return { points, facts: [...facts].toSorted() };
}; // prettier-ignore

const configOf = (protocol: 'grpc' | 'http', port: number, metricsPort: number): string => `
receivers:
  syscalls:
    calls: [files, io]
    metrics: {collection_interval: 200ms}
exporters:
  otlp_${protocol}: {endpoint: "${protocol === 'grpc' ? '' : 'http://'}127.0.0.1:${port}", tls: {insecure: true}}
service:
  telemetry: {metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines:
    metrics: {receivers: [syscalls], exporters: [otlp_${protocol}]}
`;

test.for(['grpc', 'http'] as const)(
  'what the kernel has counted arrives by %s, to the call, without a record',
  async (protocol, context) => {
    const binary = collectorFor(context);
    const folder = temporaryFolder();
    const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
    const file = join(folder, 'received');
    const collector = await startCollector(binary, { folder, grpcPort, httpPort, file });
    const config = writeConfig(folder, configOf(protocol, protocol === 'grpc' ? grpcPort : httpPort, metricsPort));
    const ringtail = await startRingtail(config);
    const executable = `metrics-${process.pid}`;
    const program = join(folder, executable);
    copyFileSync(workload('counts'), program);
    chmodSync(program, 0o755);
    for (let i = 0; i < 2; i++) expect((await run(program, [folder, String(TIMES), String(THREADS)])).code).toBe(0);
    await until(async () => sumOf(await readBooks(metricsPort), 'exporter', 'sent') > 0, 'the first metrics to be sent');
    const samples = await readSamples(metricsPort);
    expect(totalOf(await readBooks(metricsPort), 'ring')).toBe(0);
    const page = (name: string) => samples.filter((sample) => sample.name === name).reduce((sum, { value }) => sum + value, 0);
    expect(page('otelcol_receiver_accepted_metric_points')).toBeGreaterThan(0);
    expect(page('otelcol_exporter_sent_metric_points')).toBeGreaterThan(0);
    const { code } = await ringtail.stop();
    expect(code).toBe(0);
    await ringtail.log('stopped; the books balance');
    await collector.stop();

    const { points, facts } = receivedBy(metricsFileOf(file), executable);
    expect(facts).toEqual([
      'ringtail ringtail/syscalls ringtail.file.io By 2 true',
      'ringtail ringtail/syscalls ringtail.syscall.count {call} 2 true',
    ]);
    const last = Object.fromEntries(points.map(({ series, value }) => [series, value]));
    expect(last).toMatchObject({
      'count pread64': 2 * ALL,
      'count pwrite64': 2 * ALL,
      'count openat ENOENT': 2 * ALL,
      'io pread64': 2 * 7 * ALL,
      'io pwrite64': 2 * 5 * ALL,
    });
    expect(new Set(points.map(({ start }) => start)).size).toBe(1);
    const valuesBySeries = Array.from(Map.groupBy(points, ({ series }) => series).values(), (all) => all.map(({ value }) => value));
    expect(valuesBySeries).toEqual(valuesBySeries.map((values) => values.toSorted((a, b) => a - b)));
  },
);
