/** The same metrics at the exporter `prometheus` of a real Collector and at ours: the same names, labels and values. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, type TestContext } from 'vitest';
import { stringify } from 'yaml';
import type { Attribute, BatchResource } from '../../src/core/batch.ts';
import type { Metric, MetricBatch } from '../../src/core/metric-batch.ts';
import { createMetricsWriter } from '../../src/otlp/metrics-writer.ts';
import { batch, counter, gauge, histogram, histogramPoint, level, ns, point, startExporter } from '../exporters/prometheus-support.ts';
import { needCollector } from './support/collector.ts';
import { linesOf, type Page, parsePage } from './support/metrics-page.ts';
import { freePorts, temporaryFolder } from './support/places.ts';
import { start, until } from './support/processes.ts';

const collectorFor = needCollector();

const VERSION = '1.2.3';
const hostResource = [['service.name', 'ringtail']] as const;

const variants: Readonly<Record<string, object>> = {
  plain: {},
  named: {
    namespace: 'test-space 9',
    const_labels: { label1: 'value1', 'another label': 'a "spaced"\\value\n' },
    send_timestamps: true,
  },
  bare: { translation_strategy: 'UnderscoreEscapingWithoutSuffixes', without_scope_info: true },
  'bare-named': { translation_strategy: 'UnderscoreEscapingWithoutSuffixes', namespace: 'edge.one' },
  converted: { resource_to_telemetry_conversion: { enabled: true } },
  'converted-partly': {
    resource_to_telemetry_conversion: { enabled: true, exclude_service_attributes: true },
    without_scope_info: true,
  },
  chosen: { resource_constant_labels: { included: ['k8s.*', 'host.?ame'], excluded: ['*.uid'] }, enable_open_metrics: true },
};

const units = [
  '', '1', '%', 'By', 'KiBy', 'MiBy', 'GiBy', 'TiBy', 'KBy', 'MBy', 'GBy', 'TBy', 'd', 'h', 'min', 's', 'ms', 'us', 'ns', 'm', 'V', 'A', 'J', 'W', 'g', 'Cel', 'Hz',
  '{session}', '{a}/s', 'By/s', 'By/m', 'm/h', '1/d', 'x/w', 'x/mo', 'x/y', 'x/z', 'x/{y}', 'x/', '/s', '//', ' s ', 's/ m ', 'light years', 'm2', 'µs', 'Ω', 'kg.m/s2', '{', 'a{b}', '__', '_a_', 'a__b/c__d',
]; // prettier-ignore

const names = [
  'ringtail.network.io', 'a_total', 'total.a', 'a.total.b', 'a_ratio', 'ratio', 'cpu.seconds', 'seconds.of.cpu', 'bytes', 'Mixed.Case', 'with-dash', 'with space', 'two..dots', '__lead', 'trail__', '9lives',
  '9', 'größe', 'метрика.a', 'emoji😀x', 'colon:ed', 'a/b\\c"d', 'tab\tbed', 'x.per_second',
]; // prettier-ignore

const attributeSets: readonly (readonly Attribute[])[] = [
  [['network.transport', 'tcp']],
  [['two__scores', 'a'], ['_lead', 'b'], ['9th', 'c'], ['ключ', 'd'], ['with space', 'e'], ['Ünder', 'f']],
  [['value', 'quotes " and \\ and\nline\r\ttab \u0001']],
  [['value', 'größe 😀 \u2028 <&>']],
  [['value', '']],
  [['int', 42n], ['big', 2n ** 60n], ['bool', false], ['yes', true], ['half', 0.5], ['tiny', 1.5e-9]],
  [['list', ['a', 'b "c"', '<d>&\u2028']], ['none', []]],
  [['otel.metric.overflow', true]],
]; // prettier-ignore

/** Names differ by what stands in front, so that no two metrics meet. */
const metricsOf = (): readonly Metric[] => [
  ...units.flatMap((unit, index): Metric[] => [
    counter(`u${index}.counted`, [point(1n)], { unit, description: `In ${unit}` }),
    gauge(`u${index}.measured`, [point(0.25)], { unit }),
    level(`u${index}.open`, [point(-3n)], { unit }),
    histogram(`u${index}.lasted`, [histogramPoint([1], [1n, 2n], 4.5)], { unit }),
  ]),
  ...names.flatMap((name): Metric[] => [
    counter(`${name}.counted`, [point(2n)], { unit: 's' }),
    gauge(`${name}.measured`, [point(1.5)], { unit: '1' }),
    level(`${name}`, [point(7n)], { unit: 'By', description: 'line\nfeed \\ "quoted"' }),
  ]),
  gauge('attributes', attributeSets.map((attributes, index) => point(index, { attributes }))),
  gauge('values', [0, -0, 1, -1, 1e21, 1e-7, 123456789.125, NaN, Infinity, -Infinity, 5e-324, 2n ** 63n - 1n, -(2n ** 63n)].map((value, index) => point(value, { attributes: [['n', index]] }))),
  histogram('buckets', [
    histogramPoint([], [5n], 2.5, { attributes: [['n', 0]] }),
    histogramPoint([0, 0.005, 1, 2.5, 1e9, 1e21], [1n, 0n, 2n, 0n, 3n, 0n, 4n], -1, { attributes: [['n', 1]] }),
    histogramPoint([1, Infinity], [1n, 2n, 0n], 3, { attributes: [['n', 2]] }),
  ], { unit: 's', description: 'Times' }),
]; // prettier-ignore

const resourceOf = (...attributes: readonly Attribute[]): BatchResource => ({ attributes });
const resources: readonly BatchResource[] = [
  resourceOf(['service.name', 'web'], ['service.instance.id', 'i-1'], ['host.name', 'h'], ['k8s.pod.uid', 'u'], ['k8s.pod.name', 'p']),
  resourceOf(['service.name', 'web'], ['service.namespace', 'shop'], ['service.instance.id', 'i-1'], ['container.id', 'c1'], ['list', ['a', 'b']]),
  resourceOf(['service.name', 'web'], ['service.namespace', 'shop']),
  resourceOf(['service.instance.id', 'alone'], ['host.name', 'h "quoted"']),
  resourceOf(['container.label.app.kubernetes.io/name', 'x'], ['k8s.namespace.name', 'n']),
  resourceOf(),
]; // prettier-ignore

const batches: readonly MetricBatch[] = [
  batch(metricsOf()),
  batch(
    resources.map((resource, index) =>
      counter(`of.resource.${index}`, [point(1n, { attributes: [['host.name', 'own']], resource })], { unit: 'By' }),
    ),
    { receiver: 'process/two' },
  ),
  batch([counter('of.batch', [point(1n)])], { resource: resources[0]! }),
  // deltas, each of which begins where the one before ended
  ...[0, 10, 20].map((at) => batch([
    counter('delta', [point(5n, { start: at, at: at + 10 }), point(0.5, { start: at, at: at + 10, attributes: [['n', 1]] })], { temporality: 'delta' }),
    histogram('delta.lasted', [histogramPoint([1, 2], [1n, 2n, 3n], 1.5, { start: at, at: at + 10 })], { temporality: 'delta' }),
    level('refused', [point(1n, { start: at, at: at + 10 })], { temporality: 'delta' }),
  ])),
  // a counter that began anew, and one that is told again
  batch([counter('anew', [point(100n, { at: 10 })]), counter('again', [point(100n, { at: 10 })])]),
  batch([counter('anew', [point(3n, { start: 15, at: 20 })]), counter('again', [point(101n, { at: 20 })])]),
]; // prettier-ignore

/** A Collector with an exporter for each variant; gives what the pages of both say. */
const setUp = async (context: TestContext, use: readonly MetricBatch[], options: Readonly<Record<string, object>> = variants) => {
  const binary = collectorFor(context);
  const folder = temporaryFolder();
  const ids = Object.keys(options);
  const [httpPort, ...ports] = (await freePorts(1 + ids.length)) as [number, ...number[]];
  const config = join(folder, 'collector.yaml');
  const exporters = ids.map((id, index) => [`prometheus/${id}`, { endpoint: `127.0.0.1:${ports[index]}`, ...options[id] }] as const);
  writeFileSync(
    config,
    stringify({
      receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${httpPort}` } } } },
      exporters: Object.fromEntries(exporters),
      service: {
        telemetry: { metrics: { level: 'none' }, logs: { level: 'error' } },
        pipelines: { metrics: { receivers: ['otlp'], exporters: exporters.map(([id]) => id) } },
      },
    }),
  );
  const collector = start(binary, ['--config', config]);
  const post = (body: Uint8Array) =>
    fetch(`http://127.0.0.1:${httpPort}/v1/metrics`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Uint8Array.from(body),
    });
  const answers = async () => {
    if (collector.hasEnded()) throw new Error(`the Collector ended at its start\n${collector.stderr()}`);
    return (await post(new Uint8Array()).catch(() => undefined))?.ok === true;
  };
  await until(answers, 'the Collector to answer', { otherwise: collector.stderr });
  const ours = new Map<string, Awaited<ReturnType<typeof startExporter>>>();
  for (const id of ids) ours.set(id, await startExporter(options[id]));
  const writer = createMetricsWriter({ resource: hostResource, version: VERSION });
  for (const one of use) {
    for (const request of writer.write(one)) expect((await post(request.bytes)).status).toBe(200);
    for (const { exporter } of ours.values()) exporter.metrics!(one);
  }
  onTestFinished(() => void collector.child.kill('SIGTERM'));
  const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5';
  const pageAt = async (port: number): Promise<Page & { readonly contentType: string }> => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept } });
    expect(response.status).toBe(200);
    const contentType = response.headers.get('content-type')!.replace('; escaping=underscores', '');
    return { ...parsePage(await response.text()), contentType };
  };
  return Promise.all(ids.map(async (id, index) => ({ id, theirs: await pageAt(ports[index]!), ours: await pageAt(ours.get(id)!.port) })));
};

const withoutCreated = (page: Page): Page => ({ ...page, lines: page.lines.filter(({ name }) => !name.endsWith('_created')) });

test('every kind of metric, unit, name, attribute and resource is shown as the Collector shows it', async (context) => {
  for (const { id, theirs, ours } of await setUp(context, batches)) {
    expect.soft([id, linesOf(withoutCreated(ours))]).toEqual([id, linesOf(theirs)]);
    expect.soft([id, ours.types]).toEqual([id, theirs.types]);
    expect.soft([id, ours.helps]).toEqual([id, theirs.helps]);
    expect.soft([id, ours.contentType]).toEqual([id, theirs.contentType]);
    expect(theirs.lines.length).toBeGreaterThan(400);
  }
});

test('what differs is what the documentation says', async (context) => {
  const met = [['a.b', 'x'], ['a_b', 'y']] as const; // prettier-ignore
  const [page] = await setUp(
    context,
    [
      batch([counter('gap', [point(5n, { at: 10 })], { temporality: 'delta' })]),
      batch([counter('gap', [point(6n, { start: 20, at: 30 })], { temporality: 'delta' }), gauge('met', [point(1, { attributes: met })])]),
    ],
    { chosen: { without_scope_info: true, enable_open_metrics: true } },
  );
  const [theirs, ours] = [linesOf(page!.theirs), linesOf(page!.ours)];
  expect(theirs).toEqual(['gap_total [["job","ringtail"]] 6 ']);
  expect(ours).toEqual([
    `gap_created [["job","ringtail"]] ${Number(ns(0)) / 1e9} `,
    'gap_total [["job","ringtail"]] 11 ',
    'met [["a_b","x;y"],["job","ringtail"]] 1 ',
  ]);
});
