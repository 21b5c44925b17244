/** A real Collector with narrow limits: it ends connections all the time, or takes small requests only. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { otlpGrpcExporter } from '../../src/exporters/otlp-grpc/index.ts';
import { otlpHttpExporter } from '../../src/exporters/otlp-http/index.ts';
import { imbalance, itemsOf, settingsFor, textBatch } from '../exporters/support.ts';
import { needCollector } from './support/collector.ts';
import { readOtlpFile } from './support/otlp-file.ts';
import { freePorts, temporaryFolder } from './support/places.ts';
import { start, until } from './support/processes.ts';

const collectorBinary = needCollector();
const factories = { grpc: otlpGrpcExporter, http: otlpHttpExporter } as const;

/** A Collector on a free port with these keys of its receiver, and an exporter to it. */
const startPair = async (binary: string, protocol: 'grpc' | 'http', receiver: string, config: object = {}) => {
  const folder = temporaryFolder();
  const [port] = (await freePorts(1)) as [number];
  const file = join(folder, 'logs.bin');
  const path = join(folder, 'collector.yaml');
  writeFileSync(
    path,
    `
receivers:
  otlp: {protocols: {${protocol}: {endpoint: "127.0.0.1:${port}", ${receiver}}}}
exporters:
  file: {path: ${file}, format: proto}
service:
  telemetry: {metrics: {level: none}, logs: {level: info}}
  pipelines:
    logs: {receivers: [otlp], exporters: [file]}
`,
  );
  const running = start(binary, ['--config', path]);
  await until(() => running.stderr().includes('Everything is ready'), 'the Collector to be ready', { otherwise: running.stderr });
  const { settings, counters, warnings } = settingsFor(`otlp_${protocol}`);
  const factory = factories[protocol];
  const exporter = factory.create(
    settings,
    factory.config.parse({ endpoint: `http://127.0.0.1:${port}`, flush_interval: '1ms', ...config }) as never,
  );
  await exporter.start();
  onTestFinished(() => exporter.stop(0));
  /** Ends both; the distinct records in the file. */
  const finish = async (): Promise<number> => {
    await exporter.stop(20_000);
    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
    const seen = new Set<number>();
    await readOtlpFile(file, ({ attributes }) => seen.add(Number.parseInt(String(attributes.get('text')), 10)));
    expect(imbalance(counters)).toBe(0);
    return seen.size;
  };
  return { exporter, warnings, items: () => itemsOf(counters), finish };
};

test('connections that the Collector ends every 200 ms cost nothing', async (context) => {
  const { exporter, warnings, items, finish } = await startPair(
    collectorBinary(context),
    'grpc',
    'keepalive: {server_parameters: {max_connection_age: 200ms, max_connection_age_grace: 1s}}',
  );
  const endMs = performance.now() + 3000;
  let sent = 0;
  // by the clock, since the Collector goes by it
  while (performance.now() < endMs) {
    exporter.logs!(textBatch(100, 50, sent));
    sent += 100;
    await until(() => (items()['held'] ?? 0) < 300, 'the queue to move', { otherwise: () => JSON.stringify(warnings) });
  }
  expect(await finish()).toBe(sent);
  expect(items()).toEqual({ accepted: sent, sent });
  expect(warnings).toEqual([]);
});

test.for([
  ['grpc', 'max_recv_msg_size_mib: 1', {}],
  ['grpc', 'max_recv_msg_size_mib: 1', { compression: 'zstd' }],
  ['http', 'max_request_body_size: 1048576', {}],
  ['http', 'max_request_body_size: 1048576', { compression: 'gzip' }],
] as const)('by otlp_%s, %s: requests that are too large arrive in parts %o', async ([protocol, receiver, config], context) => {
  const { exporter, items, warnings, finish } = await startPair(collectorBinary(context), protocol, receiver, config);
  for (let i = 0; i < 4; i++) exporter.logs!(textBatch(500, 6000, i * 500));
  await until(() => items()['held'] === undefined, 'the queue to empty', { otherwise: () => JSON.stringify(warnings) });
  expect(await finish()).toBe(2000);
  expect(items()).toEqual({ accepted: 2000, sent: 2000 });
});
