/** Metrics take the same way out as log records: the same queue, retries and books, counted in points. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { Writable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Exporter, ExporterFactory } from '../../src/core/component.ts';
import type { MetricBatch } from '../../src/core/metric-batch.ts';
import { debugConfig } from '../../src/exporters/debug/config.ts';
import { createDebugExporter } from '../../src/exporters/debug/exporter.ts';
import { fileExporter } from '../../src/exporters/file/index.ts';
import { otlpGrpcExporter } from '../../src/exporters/otlp-grpc/index.ts';
import { otlpHttpExporter } from '../../src/exporters/otlp-http/index.ts';
import { createOtlpExporter } from '../../src/exporters/shared/otlp-exporter.ts';
import { retryOnFailure, sendingQueue } from '../../src/exporters/shared/queue-config.ts';
import type { Outcome } from '../../src/exporters/shared/transport.ts';
import { decodeMetrics, encodeMetricsResponse } from '../support/otlp-metrics.ts';
import { decodeRequest } from '../support/otlp.ts';
import { listening } from './loopback.ts';
import { imbalance, itemsOf, manualTimers, sampleOf, settingsFor, textBatch, until } from './support.ts';

const SECOND = 1_000_000_000n;

/** `count` points of one sum; each tells its number. */
const pointBatch = (count: number, first = 0, size = 0): MetricBatch => ({
  receiver: 'syscalls',
  resource: undefined,
  metrics: [
    {
      name: 'ringtail.syscall.count',
      description: 'System calls that ended.',
      unit: '{call}',
      type: 'sum',
      monotonic: true,
      temporality: 'cumulative',
      points: Array.from({ length: count }, (_, index) => ({
        attributes: [['ringtail.syscall.name', 'openat'], ...(size > 0 ? [['pad', 'x'.repeat(size)] as const] : [])],
        startUnixNs: 1_795_000_000n * SECOND,
        timeUnixNs: 1_795_000_010n * SECOND,
        value: BigInt(first + index),
      })),
    },
  ],
});
const valuesIn = (bytes: Uint8Array): readonly number[] => decodeMetrics(bytes).map(({ value }) => Number(value));

type Try = { readonly signal: string; readonly bytes: Buffer; readonly answer: (outcome: Outcome) => void };

/** An exporter whose transport the test answers for. */
const setUp = async (queue: object = {}, more: { readonly maxRequestBytes?: number } = {}) => {
  const time = manualTimers();
  const tries: Try[] = [];
  const { settings, counters, warnings } = settingsFor('otlp_grpc');
  const exporter = createOtlpExporter({
    settings,
    config: {
      timeout: 5000,
      flush_interval: 200,
      sending_queue: sendingQueue.parse({ num_consumers: 1, ...queue }),
      retry_on_failure: retryOnFailure.parse({ initial_interval: '1s', randomization_factor: 0 }),
    },
    connect: async () => ({
      send: (bytes, _timeoutMs, signal) => new Promise((answer) => void tries.push({ signal, bytes, answer })),
      close() {},
    }),
    timers: time.timers,
    ...more,
  });
  await exporter.start();
  return { ...time, tries, counters, warnings, exporter, items: () => itemsOf(counters) };
};

describe('an exporter that sends', () => {
  it('sends a batch at once, in its turn among the log records', async () => {
    const { exporter, tries, advance, items, counters } = await setUp();
    exporter.metrics!(pointBatch(3));
    exporter.logs!(textBatch(2));
    await advance(200);
    expect(items()).toEqual({ accepted: 5, held: 5 });
    tries[0]!.answer({ kind: 'success' });
    await advance(0);
    expect(tries.map(({ signal }) => signal)).toEqual(['metrics', 'logs']);
    expect(valuesIn(tries[0]!.bytes)).toEqual([0, 1, 2]);
    expect(items()).toEqual({ accepted: 5, held: 2, sent: 3 });
    tries[1]!.answer({ kind: 'success' });
    await advance(0);
    expect(sampleOf(counters, 'otelcol_exporter_sent_metric_points')).toBe(3);
    expect(sampleOf(counters, 'otelcol_exporter_sent_log_records')).toBe(2);
    expect(imbalance(counters)).toBe(0);
  });

  it('tries again, and counts what was rejected and what was never taken', async () => {
    const { exporter, tries, advance, items, counters } = await setUp();
    exporter.metrics!(pointBatch(4));
    await advance(0);
    tries[0]!.answer({ kind: 'retryable', message: 'away' });
    await advance(1000);
    tries[1]!.answer({ kind: 'success', rejected: 1 });
    exporter.metrics!(pointBatch(2));
    await advance(0);
    tries[2]!.answer({ kind: 'permanent', message: 'no' });
    await advance(0);
    expect(items()).toEqual({ accepted: 6, sent: 3, 'rejected/partial_success': 1, 'failed/permanent': 2 });
    expect(sampleOf(counters, 'otelcol_exporter_send_failed_metric_points')).toBe(3);
    expect(sampleOf(counters, 'otelcol_exporter_send_failed_log_records')).toBe(0);
  });

  it('cuts what is refused for its size between points, and makes smaller requests from then on', async () => {
    const { exporter, tries, advance, items, warnings } = await setUp();
    exporter.metrics!(pointBatch(1000, 0, 1000));
    await advance(0);
    const whole = tries[0]!.bytes.length;
    tries[0]!.answer({ kind: 'permanent', tooLarge: true, message: 'too large' });
    await advance(0);
    tries[1]!.answer({ kind: 'success' });
    await advance(0);
    tries[2]!.answer({ kind: 'success' });
    await advance(0);
    expect(tries.slice(1).flatMap(({ bytes }) => valuesIn(bytes))).toEqual(Array.from({ length: 1000 }, (_, index) => index));
    expect(items()).toEqual({ accepted: 1000, sent: 1000 });
    expect(warnings.at(-1)!.fields).toEqual({ refused_bytes: whole, limit_bytes: Math.ceil(whole / 2) });
    exporter.metrics!(pointBatch(1000, 0, 1000));
    await advance(0);
    expect(tries[3]!.bytes.length).toBeLessThanOrEqual(whole / 2);
  });

  it('drops points for which there is no room, and tells of no loss among log records', async () => {
    const { exporter, tries, advance, items, counters } = await setUp({ sizer: 'items', queue_size: 8 });
    exporter.metrics!(pointBatch(10));
    await advance(0);
    expect(items()).toEqual({ accepted: 10, held: 8, 'dropped/queue_full': 2 });
    expect(sampleOf(counters, 'otelcol_exporter_enqueue_failed_metric_points')).toBe(2);
    for (let index = 0; index < 4; index++) {
      tries[index]!.answer({ kind: 'success' });
      await advance(200);
    }
    expect(tries.map(({ signal, bytes }) => [signal, valuesIn(bytes).length])).toEqual(Array.from({ length: 4 }, () => ['metrics', 2]));
    await exporter.stop(0);
    expect(items()).toEqual({ accepted: 10, sent: 8, 'dropped/queue_full': 2 });
  });

  it('drops what is left at the end', async () => {
    const { exporter, advance, items } = await setUp();
    exporter.metrics!(pointBatch(3));
    const stopping = exporter.stop(100);
    await advance(100);
    await stopping;
    exporter.metrics!(pointBatch(2));
    expect(items()).toEqual({ accepted: 5, 'dropped/shutdown': 5 });
  });
});

const start = async (factory: ExporterFactory, input: object): Promise<{ exporter: Exporter; items: () => Record<string, number> }> => {
  const { settings, counters } = settingsFor(factory.type);
  const exporter = factory.create(settings, factory.config.parse({ flush_interval: '1ms', ...input }) as never);
  await exporter.start();
  onTestFinished(() => exporter.stop(0));
  return { exporter, items: () => itemsOf(counters) };
};

describe('on the wire', () => {
  it('they go by gRPC to the service of metrics, over the connection of the log records', async () => {
    const calls: { readonly path: string; readonly bytes: Buffer }[] = [];
    const peers = new Set<string>();
    const same = (bytes: Buffer): Buffer => bytes;
    const server = new Server();
    for (const name of ['logs.v1.LogsService', 'metrics.v1.MetricsService']) {
      const path = `/opentelemetry.proto.collector.${name}/Export`;
      const methods = {
        Export: {
          path, requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
        }, // prettier-ignore
      } as const;
      server.addService(methods, {
        Export(call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) {
          peers.add(call.getPeer());
          calls.push({ path: name, bytes: call.request });
          respond(
            null,
            name.startsWith('metrics') ? encodeMetricsResponse({ rejectedDataPoints: 1, errorMessage: 'old' }) : Buffer.alloc(0),
          );
        },
      });
    }
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    onTestFinished(() => server.forceShutdown());
    const { exporter, items } = await start(otlpGrpcExporter, { endpoint: `127.0.0.1:${port}`, compression: 'gzip' });
    exporter.logs!(textBatch(1));
    await until(() => items()['sent'] === 1);
    exporter.metrics!(pointBatch(3, 5));
    await until(() => items()['rejected/partial_success'] === 1);
    expect(calls.map(({ path }) => path)).toEqual(['logs.v1.LogsService', 'metrics.v1.MetricsService']);
    expect(valuesIn(calls[1]!.bytes)).toEqual([5, 6, 7]);
    expect(peers.size).toBe(1);
    expect(items()).toEqual({ accepted: 4, sent: 3, 'rejected/partial_success': 1 });
  });

  it.each([
    ['', {}, ['/v1/logs', '/v1/metrics']],
    ['/base', {}, ['/base/v1/logs', '/base/v1/metrics']],
    ['/base', { metrics_endpoint: '/m' }, ['/base/v1/logs', '/m']],
    ['/base', { logs_endpoint: '/l' }, ['/l', '/base/v1/metrics']],
    ['', { logs_endpoint: '/same', metrics_endpoint: '/same' }, ['/same', '/same']],
  ] as const)('they go by HTTP to their path: %s %o', async (base, own, wanted) => {
    const urls: string[] = [];
    const points: number[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        urls.push(request.url!);
        if (urls.length === 2) points.push(...valuesIn(Buffer.concat(chunks)));
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(encodeMetricsResponse());
      });
    });
    const host = `http://127.0.0.1:${await listening(server)}`;
    const ends = Object.fromEntries(Object.entries(own).map(([key, path]) => [key, `${host}${path}`]));
    const { exporter, items } = await start(otlpHttpExporter, { endpoint: `${host}${base}`, ...ends });
    exporter.logs!(textBatch(1));
    await until(() => items()['sent'] === 1);
    exporter.metrics!(pointBatch(2));
    await until(() => items()['sent'] === 3);
    expect(urls).toEqual(wanted);
    expect(points).toEqual([0, 1]);
  });

  const written = async (format: 'json' | 'proto'): Promise<Buffer> => {
    const folder = mkdtempSync(join(tmpdir(), 'ringtail-metrics-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'out');
    const { exporter, items } = await start(fileExporter, { path, format });
    exporter.metrics!(pointBatch(2));
    await until(() => items()['sent'] === 2);
    exporter.logs!(textBatch(1));
    await until(() => items()['sent'] === 3);
    return readFileSync(path);
  };

  it('they stand in a file as JSON, a line each', async () => {
    const lines = (await written('json')).toString().trim().split('\n');
    const [metrics, logs] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const metric = { name: 'ringtail.syscall.count', sum: { isMonotonic: true } };
    expect(metrics).toMatchObject({ resourceMetrics: [{ scopeMetrics: [{ scope: { name: 'ringtail/syscalls' }, metrics: [metric] }] }] });
    expect(Object.keys(logs!)).toEqual(['resourceLogs']);
  });

  it('they stand in a file as protobuf, a message each', async () => {
    const bytes = await written('proto');
    const length = bytes.readUInt32BE(0);
    expect(valuesIn(bytes.subarray(4, 4 + length))).toEqual([0, 1]);
    expect(decodeRequest(bytes.subarray(8 + length)).records).toHaveLength(1);
  });
});

describe('the debug exporter', () => {
  const show = async (config: object, batch: MetricBatch) => {
    const chunks: string[] = [];
    const stream = new Writable({ write: (chunk: Buffer, _encoding, done) => (chunks.push(String(chunk)), done()) });
    const { settings, counters } = settingsFor('debug');
    const exporter = createDebugExporter({ settings, config: debugConfig.parse(config), stream, env: {} });
    await exporter.start();
    exporter.metrics!(batch);
    await exporter.stop(1000);
    return { lines: chunks.join('').split('\n').slice(0, -1), counters };
  };
  const histogram: MetricBatch = {
    receiver: 'syscalls',
    resource: { attributes: [['host.name', 'h']] },
    metrics: [
      {
        name: 'ringtail.session.duration',
        description: '',
        unit: 's',
        type: 'histogram',
        temporality: 'delta',
        points: [
          { attributes: [['a', '\u001b']], startUnixNs: SECOND, timeUnixNs: 2n * SECOND, count: 3n, sum: 1.5, bounds: [1], buckets: [2n, 1n] },
        ],
      },
    ],
  }; // prettier-ignore

  it('shows a line a point', async () => {
    const { lines, counters } = await show({}, pointBatch(2, 41));
    expect(lines.map((line) => line.replace(/^\S+/, ''))).toEqual([
      '  syscall.count 41 {call} ringtail.syscall.name=openat',
      '  syscall.count 42 {call} ringtail.syscall.name=openat',
    ]);
    expect(itemsOf(counters)).toEqual({ accepted: 2, sent: 2 });
    expect(sampleOf(counters, 'otelcol_exporter_sent_metric_points')).toBe(2);
  });

  it('shows all that is known when it is asked to, harmless to a terminal', async () => {
    const { lines } = await show({ verbosity: 'detailed' }, histogram);
    expect(lines.map((line) => line.replace(/^\d\d:\S+/, '').replaceAll(/ +/g, ' '))).toEqual([
      ' session.duration 3 of 1.5 s a=\\x1b',
      ' type histogram',
      ' temporality delta',
      ' since 1970-01-01T00:00:01.000000000Z',
      ' bounds 1',
      ' buckets 2 1',
      ' a \\x1b',
      ' resource host.name h',
    ]);
  });

  it('counts by name', async () => {
    const { lines, counters } = await show({ verbosity: 'basic' }, pointBatch(3));
    expect(lines.map((line) => line.replace(/^\S+/, ''))).toEqual(['  syscall.count 3']);
    expect(itemsOf(counters)).toEqual({ accepted: 3, sent: 3 });
  });

  it('writes an object a point for tools', async () => {
    const { lines } = await show({ format: 'json' }, { ...histogram, metrics: [...pointBatch(1).metrics, ...histogram.metrics] });
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        time: '1970-01-01T00:00:02.000000000Z',
        metric: 'ringtail.session.duration',
        type: 'histogram',
        unit: 's',
        receiver: 'syscalls',
        temporality: 'delta',
        start: '1970-01-01T00:00:01.000000000Z',
        count: '3',
        sum: 1.5,
        bounds: [1],
        buckets: ['2', '1'],
        attributes: { a: '\u001b' },
        resource: { 'host.name': 'h' },
      },
      {
        time: '2026-11-18T11:06:50.000000000Z',
        metric: 'ringtail.syscall.count',
        type: 'sum',
        unit: '{call}',
        receiver: 'syscalls',
        temporality: 'cumulative',
        start: '2026-11-18T11:06:40.000000000Z',
        value: '0',
        attributes: { 'ringtail.syscall.name': 'openat' },
        resource: { 'host.name': 'h' },
      },
    ]);
  });
});
