/** Rows and points with resources of their own, whole on each way out, and back in by a replay. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { rowsOf, resourceOfRow, type Batch, type BatchResource } from '../../src/core/batch.ts';
import type { ExporterFactory } from '../../src/core/component.ts';
import type { MetricBatch } from '../../src/core/metric-batch.ts';
import { fileExporter } from '../../src/exporters/file/index.ts';
import { otlpGrpcExporter } from '../../src/exporters/otlp-grpc/index.ts';
import { otlpHttpExporter } from '../../src/exporters/otlp-http/index.ts';
import { logsFromJson } from '../../src/otlp/from-json.ts';
import { attributesOf } from '../../src/otlp/log-text.ts';
import { metricsToJson } from '../../src/otlp/to-json.ts';
import { replayConfig } from '../../src/receivers/replay/config.ts';
import { replayReceiver } from '../../src/receivers/replay/index.ts';
import { decodeMetrics } from '../support/otlp-metrics.ts';
import { decodeRequest } from '../support/otlp.ts';
import { listening } from './loopback.ts';
import { imbalance, itemsOf, settingsFor, textBatch, until } from './support.ts';

const ROWS = 300;
const CONTAINERS = 7;
const POINTS = 60;

const containers: readonly BatchResource[] = Array.from({ length: CONTAINERS }, (_, index) => ({
  attributes: [
    ['service.name', `web-${index}`],
    ['container.id', String(index).repeat(64)],
  ],
}));
const host = [['service.name', 'ringtail']] as const;

const batch: Batch = {
  ...textBatch(ROWS),
  rowResources: {
    ids: Uint32Array.from({ length: ROWS }, (_, row) => ((row >> 1) * 5) % (CONTAINERS + 1)),
    list: [undefined, ...containers],
  },
  selection: Uint32Array.from({ length: ROWS / 2 }, (_, index) => 2 * index),
};
const points: MetricBatch = {
  receiver: 'sockets',
  resource: undefined,
  metrics: ['ringtail.session.opened', 'ringtail.network.io'].map((name, metric) => ({
    name,
    description: '',
    unit: '',
    type: 'sum',
    monotonic: true,
    temporality: 'cumulative',
    points: Array.from({ length: POINTS }, (_, index) => ({
      attributes: [['ringtail.cgroup.id', index]],
      resource: [undefined, ...containers][(index * 3) % (CONTAINERS + 1)],
      startUnixNs: 1n,
      timeUnixNs: 2n,
      value: BigInt(1000 * metric + index),
    })),
  })),
};

type Told = readonly [resource: unknown, ...rest: readonly unknown[]];
const sorted = (told: readonly Told[]): readonly string[] => told.map((one) => JSON.stringify(one)).toSorted();
const textOf = (attributes: readonly (readonly [string, unknown])[]) => attributes.find(([name]) => name === 'text')![1];

const logsToldBy = (of: Batch): readonly Told[] =>
  Array.from({ length: rowsOf(of) }, (_, index) => {
    const row = of.selection?.[index] ?? index;
    return [resourceOfRow(of, row)?.attributes ?? host, textOf(attributesOf(of, row))];
  });
const wantedLogs = sorted(logsToldBy(batch));
const wantedPoints = sorted(
  points.metrics.flatMap(({ name, points: of }) =>
    of.map((point) => [point.resource?.attributes ?? host, name, Number('value' in point ? point.value : 0)] as const),
  ),
);
const logsIn = (requests: readonly Uint8Array[]): readonly string[] =>
  sorted(requests.flatMap((bytes) => decodeRequest(bytes).records.map(({ resource, attributes }): Told => [resource, textOf(attributes)])));
const pointsIn = (requests: readonly Uint8Array[]): readonly string[] =>
  sorted(requests.flatMap((bytes) => decodeMetrics(bytes).map(({ resource, name, value }): Told => [resource, name, Number(value)])));

/** Through an exporter with this configuration. */
const send = async (factory: ExporterFactory, config: object): Promise<void> => {
  const { settings, counters } = settingsFor(factory.type);
  const exporter = factory.create(settings, factory.config.parse(config) as never);
  await exporter.start();
  exporter.logs!(batch);
  exporter.metrics!(points);
  await until(() => itemsOf(counters)['sent'] === ROWS / 2 + 2 * POINTS);
  expect(imbalance(counters)).toBe(0);
  await exporter.stop(1000);
};

type Received = { readonly logs: Buffer[]; readonly metrics: Buffer[] };

const temporaryFile = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ringtail-resources-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'out');
};

describe('resources of rows and points', () => {
  it('go by gRPC, in requests that hold each resource once', async () => {
    const received: Received = { logs: [], metrics: [] };
    const same = (bytes: Buffer): Buffer => bytes;
    const server = new Server();
    for (const signal of ['logs', 'metrics'] as const) {
      const service = `${signal === 'logs' ? 'Logs' : 'Metrics'}Service`;
      const path = `/opentelemetry.proto.collector.${signal}.v1.${service}/Export`;
      const Export = {
        path, requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
      } as const; // prettier-ignore
      server.addService(
        { Export },
        {
          Export(call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) {
            received[signal].push(call.request);
            respond(null, Buffer.alloc(0));
          },
        },
      );
    }
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    onTestFinished(() => server.forceShutdown());
    await send(otlpGrpcExporter, { endpoint: `127.0.0.1:${port}`, tls: { insecure: true } });
    expect(logsIn(received.logs)).toEqual(wantedLogs);
    expect(pointsIn(received.metrics)).toEqual(wantedPoints);
    expect(received.logs.map((bytes) => decodeRequest(bytes).resources.length)).toEqual([CONTAINERS + 1]);
    const { resourceMetrics } = JSON.parse(String(metricsToJson(received.metrics[0]!))) as { readonly resourceMetrics: readonly unknown[] };
    expect(resourceMetrics).toHaveLength(CONTAINERS + 1);
  });

  it('go by HTTP, also when the other side takes smaller requests', async () => {
    const received: Received = { logs: [], metrics: [] };
    const refused: string[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const signal = request.url === '/v1/logs' ? 'logs' : 'metrics';
        if (bytes.length > 2000) {
          refused.push(signal);
          response.writeHead(413).end();
          return;
        }
        received[signal].push(bytes);
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      });
    });
    await send(otlpHttpExporter, { endpoint: `http://127.0.0.1:${await listening(server)}` });
    expect(new Set(refused)).toEqual(new Set(['logs', 'metrics']));
    expect(received.logs.length).toBeGreaterThan(4);
    expect(received.metrics.length).toBeGreaterThan(4);
    expect(logsIn(received.logs)).toEqual(wantedLogs);
    expect(pointsIn(received.metrics)).toEqual(wantedPoints);
  });

  it('stand in a file as protobuf', async () => {
    const path = temporaryFile();
    await send(fileExporter, { path, format: 'proto' });
    const bytes = readFileSync(path);
    const frames: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32BE(at)) frames.push(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at)));
    // points do not wait for others
    expect(frames).toHaveLength(2);
    expect(pointsIn([frames[0]!])).toEqual(wantedPoints);
    expect(logsIn([frames[1]!])).toEqual(wantedLogs);
  }); // prettier-ignore

  it('stand in a file as JSON', async () => {
    const path = temporaryFile();
    await send(fileExporter, { path, format: 'json' });
    const [metrics, logs] = readFileSync(path, 'utf8').split('\n') as [string, string];
    const { resourceMetrics } = JSON.parse(metrics) as { readonly resourceMetrics: readonly { readonly resource: unknown }[] };
    expect(resourceMetrics.map(({ resource }) => JSON.stringify(resource)).join()).toContain('web-6');
    expect(resourceMetrics).toHaveLength(CONTAINERS + 1);
    expect(logsIn([logsFromJson(logs)])).toEqual(wantedLogs);
  });

  it.each(['json', 'proto'] as const)('of a file are those of its replay: %s', async (format) => {
    const path = temporaryFile();
    const { settings, counters } = settingsFor('file');
    const exporter = fileExporter.create(settings, fileExporter.config.parse({ path, format }) as never);
    await exporter.start();
    exporter.logs!(batch);
    await until(() => itemsOf(counters)['sent'] === ROWS / 2);
    await exporter.stop(1000);
    const receiver = replayReceiver.create(
      { ...settings, id: 'replay', kernel: { hub: { readiness: () => undefined } } } as never,
      replayConfig.parse({ path }) as never,
    );
    const told: Told[] = [];
    receiver.logs$!.subscribe((one) => {
      for (let row = 0; row < one.rows; row++) told.push([resourceOfRow(one, row)!.attributes, textOf(attributesOf(one, row))]);
    });
    await receiver.start();
    expect(await receiver.finished).toBeUndefined();
    await receiver.stop(1000);
    expect(sorted(told)).toEqual(wantedLogs);
  });
});
