/** Processors that change what is sent, as a real Collector receives it. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needCollector, startCollector } from './support/collector.ts';
import { readOtlpFile, type LogRecord } from './support/otlp-file.ts';
import { freePorts, temporaryFolder } from './support/places.ts';
import { run, until } from './support/processes.ts';
import { readBooks, startRingtail, sumOf, totalOf, writeConfig } from './support/ringtail.ts';

const collectorFor = needCollector();

const RUNS = 40;
const MOST_RECORDS = 10;

const configOf = (httpPort: number, metricsPort: number): string => `
receivers: {process: }
processors:
  resolve_process:
  resolve_user:
  attributes:
    actions:
      - {key: deployment.environment.name, value: production, action: insert}
      - {key: process.owner, action: hash}
      - {key: process.pid, action: delete}
      - {pattern: '^ringtail\\.', action: delete}
      - {key: process.executable.path, pattern: '^/(?P<top>[^/]+)/', action: extract}
  resource:
    attributes:
      - {key: service.name, value: audit, action: upsert}
      - {key: host.id, action: delete}
  batch: {send_batch_size: ${MOST_RECORDS}, send_batch_max_size: ${MOST_RECORDS}, timeout: 100ms}
exporters:
  otlp_http: {endpoint: "http://127.0.0.1:${httpPort}"}
service:
  telemetry: {metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines:
    logs/plain: {receivers: [process], processors: [resolve_process, resolve_user], exporters: [otlp_http]}
    logs/audit: {receivers: [process], processors: [resolve_process, resolve_user, attributes, resource, batch], exporters: [otlp_http]}
`;

const isOurs =
  (word: string) =>
  ({ eventName, attributes }: LogRecord): boolean => {
    const words = attributes.get('process.command_args');
    return eventName === 'ringtail.process.exec' && Array.isArray(words) && words.includes(word);
  };

test('a pipeline changes its records and cuts its requests, another one beside it does neither', async (context) => {
  const binary = collectorFor(context);
  const folder = temporaryFolder();
  const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const file = join(folder, 'received');
  const collector = await startCollector(binary, { folder, grpcPort, httpPort, file });
  const ringtail = await startRingtail(writeConfig(folder, configOf(httpPort, metricsPort)));
  const word = `marker-processors-${process.pid}`;
  for (let i = 0; i < RUNS; i++) await run('/bin/true', [word]);
  await until(async () => {
    const books = await readBooks(metricsPort);
    return totalOf(books, 'pipeline') >= 4 * RUNS && sumOf(books, 'exporter', 'held') === 0;
  }, 'everything to be sent');
  const { code } = await ringtail.stop();
  expect(code).toBe(0);
  await ringtail.log('stopped; the books balance');
  await collector.stop();

  const records: LogRecord[] = [];
  const sizes = new Map<LogRecord['resource'], number>();
  await readOtlpFile(file, (record) => {
    sizes.set(record.resource, (sizes.get(record.resource) ?? 0) + 1);
    if (isOurs(word)(record)) records.push(record);
  });
  const of = (service: string) => records.filter(({ resource }) => resource.get('service.name') === service);
  const [plain, audit] = [of('ringtail'), of('audit')];
  expect([plain.length, audit.length]).toEqual([RUNS, RUNS]);

  const owner = createHash('sha256').update('root').digest('hex');
  for (const { attributes, resource } of audit) {
    expect(attributes.get('deployment.environment.name')).toBe('production');
    expect(attributes.get('process.owner')).toBe(owner);
    expect(attributes.get('top')).toBe('usr');
    expect([...attributes.keys()].filter((name) => name === 'process.pid' || name.startsWith('ringtail.'))).toEqual([]);
    expect(resource.has('host.id')).toBe(false);
  }
  for (const { attributes, resource } of plain) {
    expect(attributes.get('process.owner')).toBe('root');
    expect(attributes.get('ringtail.attribution')).toBe('ebpf');
    expect(attributes.has('top')).toBe(false);
    expect(resource.has('host.id')).toBe(true);
  }
  // a resource is an object for each request that it stands in
  const auditSizes = [...sizes].filter(([resource]) => resource.get('service.name') === 'audit').map(([, size]) => size);
  expect(auditSizes.length).toBeGreaterThanOrEqual(RUNS / MOST_RECORDS);
  expect(Math.max(...auditSizes)).toBeLessThanOrEqual(MOST_RECORDS);
  expect(auditSizes).toContain(MOST_RECORDS);
});

const limited = (metricsPort: number, limitMib: number): string => `
receivers: {process: }
processors: {memory_limiter: {limit_mib: ${limitMib}, check_interval: 50ms}}
exporters: {debug: {format: json}}
service:
  telemetry: {metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines: {logs: {receivers: [process], processors: [memory_limiter], exporters: [debug]}}
`;

test('under a limit that cannot be kept everything is refused and counted, and under a better one taken again', async () => {
  const folder = temporaryFolder();
  const [metricsPort] = (await freePorts(1)) as [number];
  const config = writeConfig(folder, limited(metricsPort, 1));
  const ringtail = await startRingtail(config);
  const refused = async () => sumOf(await readBooks(metricsPort), 'pipeline', 'refused');
  const runUntil = (condition: () => Promise<boolean>, what: string) =>
    until(
      async () => {
        await run('/bin/true', ['marker-limited']);
        return condition();
      },
      what,
      { otherwise: ringtail.stderr },
    );
  await runUntil(async () => (await refused()) > 0, 'records to be refused');
  expect(ringtail.stdout()).toBe('');
  expect(
    ringtail
      .logs()
      .filter(({ level }) => level === 'warn' || level === 'error')
      .map(({ component }) => component),
  ).toEqual(['memory_limiter']);

  writeConfig(folder, limited(metricsPort, 4000));
  ringtail.child.kill('SIGHUP');
  await runUntil(async () => ringtail.stdout().includes('marker-limited'), 'records to be taken again');
  expect((await ringtail.stop()).code).toBe(0);
  const { read, sent, refused: inTheEnd } = await ringtail.log('stopped; the books balance');
  expect(inTheEnd).toBeGreaterThan(0);
  expect(read).toBe(Number(sent) + Number(inTheEnd));
});
