/** Log records in a real Collector carry the trace that the thread behind them was in, as a pinned map of another program says; others carry none. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { needCollector, startCollector } from './support/collector.ts';
import { readOtlpFile, type LogRecord } from './support/otlp-file.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { start } from './support/processes.ts';
import { startRingtail, untilAllSent, writeConfig } from './support/ringtail.ts';

const collectorBinary = needCollector();

const configOf = (port: number, metricsPort: number, pin: string): string => `
receivers:
  process:
  syscalls: {calls: [files, io], rate_limit: {enabled: false}}
processors: {resolve_process: , redact: }
exporters: {otlp_grpc: {endpoint: "127.0.0.1:${port}", tls: {insecure: true}}}
kernel: {ring_bytes: 16MiB, trace_context: ${JSON.stringify(pin)}}
service:
  telemetry: {metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines: {logs: {receivers: [process, syscalls], processors: [resolve_process, redact], exporters: [otlp_grpc]}}
`;

/** A BPF file system with a folder `otel`; gone when the test ends. */
const mountPins = (folder: string): string => {
  const mount = join(folder, 'bpf');
  mkdirSync(mount);
  expect(spawnSync(workload('contexts'), ['mount', mount], { encoding: 'utf8' }).stdout).toBe('');
  onTestFinished(() => void spawnSync(workload('contexts'), ['unmount', mount]));
  mkdirSync(join(mount, 'otel'));
  return join(mount, 'otel', 'traces_ctx_v1');
};

const isOf =
  (pid: number, file?: string) =>
  ({ attributes }: LogRecord): boolean =>
    attributes.get('process.pid') === pid && (file === undefined || String(attributes.get('file.path')).endsWith(`/${file}`));
const idsOf = ({ traceId, spanId }: LogRecord): string => `${traceId || '-'} ${spanId || '-'}`;

test('records of a thread in a trace carry it, through processors, into the file of a Collector', async (context) => {
  const binary = collectorBinary(context);
  const folder = temporaryFolder();
  const pin = mountPins(folder);
  expect(spawnSync(workload('contexts'), ['pin', pin]).status).toBe(0);
  const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const place = { folder, grpcPort, httpPort, file: join(folder, 'logs.bin') };
  const collector = await startCollector(binary, place);
  const config = writeConfig(folder, configOf(grpcPort, metricsPort, pin));
  const ringtail = await startRingtail(config);
  const running = start(workload('contexts'), ['run', pin, folder]);
  expect((await running.ended).code).toBe(0);
  await untilAllSent(metricsPort, ringtail);
  expect((await ringtail.stop()).code).toBe(0);
  await collector.stop();

  const records: LogRecord[] = [];
  await readOtlpFile(place.file, (record) => records.push(record));
  const told = running
    .stdout()
    .split('\n')
    .map((line) => line.split(' '));
  const calls = told.filter(([word]) => word === 'call');
  expect(calls.length).toBe(6);
  for (const [, file, , ...ids] of calls) {
    const found = records.filter(isOf(running.pid, file!)).filter(({ eventName }) => /\.(open|write)$/.test(eventName));
    expect(found.map(({ eventName }) => eventName).toSorted()).toEqual(['ringtail.file.open', 'ringtail.file.write']);
    expect(found.map(idsOf)).toEqual([ids.join(' '), ids.join(' ')]);
  }
  const inSecond = calls
    .find(([, file]) => file === 'second')!
    .slice(3)
    .join(' ');
  const fork = records.find((record) => isOf(running.pid)(record) && record.eventName === 'ringtail.process.fork')!;
  expect(idsOf(fork)).toBe(inSecond);
  // all others on this host, those that ran before the map was read among them
  const threads = new Set(told.flat());
  const others = records.filter(({ attributes }) => !threads.has(String(attributes.get('ringtail.thread.id'))));
  expect(others.filter(({ traceId, spanId }) => traceId + spanId !== '')).toEqual([]);
});
