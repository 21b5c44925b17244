/** A real Prometheus at the exporter `prometheus`: the numbers are right, restarts and reloads are seen as what they are, nothing hostile breaks a page. */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Attribute } from '../../src/core/batch.ts';
import { batch, counter, gauge, histogram, histogramPoint, level, point, startExporter } from '../exporters/prometheus-support.ts';
import { listening } from '../exporters/loopback.ts';
import { parsePage } from './support/metrics-page.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { run, until } from './support/processes.ts';
import { needPrometheus, startPrometheus, type Prometheus } from './support/prometheus.ts';
import { launchRingtail, startRingtail, writeConfig } from './support/ringtail.ts';

const TIMES = 500;
const THREADS = 2;
const ALL = TIMES * THREADS;

type Options = { readonly temporality?: string; readonly exporter?: object };

const configOf = (port: number, metricsPort: number, { temporality = 'cumulative', exporter = {} }: Options): string =>
  JSON.stringify({
    receivers: { syscalls: { calls: ['files', 'io'], metrics: { collection_interval: '200ms', temporality } } },
    exporters: { prometheus: { endpoint: `127.0.0.1:${port}`, ...exporter } },
    service: {
      telemetry: { metrics: { address: `127.0.0.1:${metricsPort}` } },
      pipelines: { metrics: { receivers: ['syscalls'], exporters: ['prometheus'] } },
    },
  });

/** The workload under a name of its own, so that its series can be told from those of others. */
const createWorkload = (folder: string) => {
  const name = `scraped-${process.pid}`;
  const program = join(folder, name);
  copyFileSync(workload('counts'), program);
  chmodSync(program, 0o755);
  return {
    name,
    run: async () => expect((await run(program, [folder, String(TIMES), String(THREADS)])).code).toBe(0),
  };
};

const seconds = (ms: number): string => `${Math.ceil((Date.now() - ms) / 1000) + 60}s`;

/** Waits until a query has the one value that is wanted. */
const becomes = (prometheus: Prometheus, query: string, wanted: number) => {
  let last: unknown;
  return until(
    async () => {
      const found = await prometheus.query(query);
      last = found;
      return found.length === 1 && found[0]!.value === wanted;
    },
    `${query} to be ${wanted}`,
    { otherwise: () => JSON.stringify(last) },
  );
};

describe.each(['cumulative', 'delta'])('%s sums', (temporality) => {
  test('are what was counted, and stay so over reloads and restarts', async (context) => {
    needPrometheus(context);
    const beganMs = Date.now();
    const folder = temporaryFolder();
    const [port, metricsPort] = (await freePorts(2)) as [number, number];
    const program = createWorkload(folder);
    const config = writeConfig(folder, configOf(port, metricsPort, { temporality }));
    const first = await startRingtail(config);
    const prometheus = await startPrometheus({ folder, targets: [`127.0.0.1:${port}`] });
    const call = (name: string) => `sum(ringtail_syscall_count_total{process_executable_name="${program.name}",ringtail_syscall_name="${name}"})`;
    const bytes = (name: string) => `sum(ringtail_file_io_bytes_total{process_executable_name="${program.name}",ringtail_syscall_name="${name}"})`;
    const resets = `max(resets(ringtail_syscall_count_total{process_executable_name="${program.name}"}[${seconds(beganMs)}]))`;

    await program.run();
    await becomes(prometheus, call('pread64'), ALL);
    await becomes(prometheus, call('pwrite64'), ALL);
    await becomes(prometheus, bytes('pread64'), 7 * ALL);
    await becomes(prometheus, bytes('pwrite64'), 5 * ALL);

    // a reload with other options of the exporter: the page stays, nothing goes back
    writeConfig(folder, configOf(port, metricsPort, { temporality, exporter: { max_series: 5000 } }));
    first.child.kill('SIGHUP');
    await first.log('the configuration was reloaded');
    await program.run();
    await becomes(prometheus, call('pread64'), 2 * ALL);
    await becomes(prometheus, bytes('pwrite64'), 2 * 5 * ALL);
    await becomes(prometheus, resets, 0);
    expect(await prometheus.query('min_over_time(up[1m])')).toEqual([expect.objectContaining({ value: 1 })]);

    expect((await first.stop()).code).toBe(0);
    const second = await startRingtail(config);
    await program.run();
    await becomes(prometheus, call('pread64'), ALL);
    await becomes(prometheus, resets, 1);
    const increase = await prometheus.query(`increase(ringtail_syscall_count_total{process_executable_name="${program.name}",ringtail_syscall_name="pread64"}[${seconds(beganMs)}])`);
    expect(increase).toHaveLength(1);
    expect(increase[0]!.value).toBeGreaterThanOrEqual(2 * ALL);
    const rates = await prometheus.queryRange('rate(ringtail_syscall_count_total[2s])', beganMs / 1000, Date.now() / 1000, 1);
    expect(rates.length).toBeGreaterThan(0);
    expect(rates.flatMap(({ values }) => values.filter(([, value]) => value < 0))).toEqual([]);
    expect((await second.stop()).code).toBe(0);
    await prometheus.stop();
  });
}); // prettier-ignore

const hostile: readonly string[] = [
  'line\nfeed', 'quote"d', 'back\\slash', '\\n', 'carriage\rreturn', '\u0000nul', '\u0001\u001b[31m', '} 1\nevil_metric 2', '"} 2', '\u2028\u2029', '😀 größe', ' ', '# EOF', '\ud800',
]; // prettier-ignore
const names: readonly string[] = ['a-b', '__name__', 'le', 'job', 'instance', 'ключ', '1', 'otel_scope_name', 'c d'];

describe('what anybody may write into labels', () => {
  const metrics = [
    gauge('texts', hostile.map((text, index) => point(index, { attributes: [['text', text]] })), { description: 'help\nof "two" \\ lines' }),
    gauge('names', names.map((name, index) => point(index, { attributes: [[name, 'x']] }))),
    histogram('lasted', names.map((name) => histogramPoint([0.5, 1], [1n, 2n, 3n], 4.5, { attributes: [[name, 'x']] })), { unit: 's', description: 'Times' }),
    counter('io', [point(2n ** 53n, { attributes: hostile.map((text, index): Attribute => [`a${index}`, text]) })], { unit: 'By' }),
    level('open', [point(-1n)], { unit: '{session}' }),
  ]; // prettier-ignore

  test.for([false, true])('arrives as it was, as a value and nothing else (OpenMetrics: %s)', async (isOpenMetrics, context) => {
    needPrometheus(context);
    const { exporter, endpoint, port } = await startExporter({ enable_open_metrics: isOpenMetrics });
    exporter.metrics!(batch(metrics));
    const prometheus = await startPrometheus({ folder: temporaryFolder(), targets: [endpoint] });
    await prometheus.scraped();
    const texts = await prometheus.query('texts');
    const wanted = hostile.map((text, index) => [text.toWellFormed(), index]);
    expect(texts.map(({ labels, value }) => [labels['text'], value]).toSorted()).toEqual(wanted.toSorted());
    expect(await prometheus.query('names')).toHaveLength(names.length);
    expect(await prometheus.query('count(lasted_seconds_bucket)')).toEqual([{ labels: {}, value: names.length * 3 }]);
    expect(await prometheus.query('histogram_quantile(0.5, sum by (le) (lasted_seconds_bucket))')).toEqual([{ labels: {}, value: 1 }]);
    expect(await prometheus.query('io_bytes_total')).toEqual([expect.objectContaining({ value: 2 ** 53 })]);
    expect(await prometheus.query('evil_metric')).toEqual([]);
    const all = await prometheus.query('count by (__name__) ({__name__=~".+"})');
    const own = all.map(({ labels }) => labels['__name__']!).filter((name) => !/^(?:up|scrape_.+)$/.test(name));
    const created = isOpenMetrics ? ['io_bytes_created', 'lasted_seconds_created'] : [];
    expect(own.toSorted()).toEqual([...created, 'io_bytes_total', 'lasted_seconds_bucket', 'lasted_seconds_count', 'lasted_seconds_sum', 'names', 'open', 'texts']
      .toSorted()); // prettier-ignore
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(parsePage(page).lines.length).toBe(hostile.length + names.length * 6 + 2);
    await prometheus.stop();
  });

  test('promtool has nothing against a page', async (context) => {
    if (spawnSync('promtool', ['--version']).status !== 0) context.skip('promtool is not installed');
    const { exporter, port } = await startExporter();
    // it has something against the names of other formats in labels
    exporter.metrics!(
      batch(metrics.filter(({ name }) => name !== 'names').map((metric) => ({ ...metric, description: `What ${metric.name} is.` }))),
    );
    exporter.metrics!(
      batch([histogram('took', [histogramPoint([1], [1n, 2n], 3, { attributes: [['le', 'x']] })], { unit: 's', description: 'Times' })]),
    );
    const input = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const { status, stderr, stdout } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([0, '', '']);
  });
});

test('a port that is in use ends the start with what to do', async () => {
  const folder = temporaryFolder();
  const [metricsPort] = (await freePorts(1)) as [number];
  const port = await listening(createServer());
  const config = writeConfig(folder, configOf(port, metricsPort, {}));
  for (const command of ['run', 'validate']) {
    const ringtail = launchRingtail([command, '--config', config]);
    expect((await ringtail.ended).code).toBe(1);
    expect(ringtail.stderr()).toContain(`exporters.prometheus.endpoint: port ${port} is in use`);
    expect(ringtail.stderr()).toContain('choose a free one');
  }
});
