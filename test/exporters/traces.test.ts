/** Spans take the same way out as log records: the same requests, queue, retries and books. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { Writable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Batch } from '../../src/core/batch.ts';
import type { Exporter, ExporterFactory } from '../../src/core/component.ts';
import { spanColumns, spanStatus } from '../../src/core/spans.ts';
import { debugConfig } from '../../src/exporters/debug/config.ts';
import { createDebugExporter } from '../../src/exporters/debug/exporter.ts';
import { fileExporter } from '../../src/exporters/file/index.ts';
import { otlpGrpcExporter } from '../../src/exporters/otlp-grpc/index.ts';
import { otlpHttpExporter } from '../../src/exporters/otlp-http/index.ts';
import { createOtlpExporter } from '../../src/exporters/shared/otlp-exporter.ts';
import { retryOnFailure, sendingQueue } from '../../src/exporters/shared/queue-config.ts';
import type { Outcome } from '../../src/exporters/shared/transport.ts';
import { otlp } from '../support/otlp.ts';
import { listening } from './loopback.ts';
import { itemsOf, imbalance, manualTimers, sampleOf, settingsFor, textBatch, until } from './support.ts';

const second = { lo: 1_000_000_000, hi: 0 };

/** `count` spans of a second, each with its number in its name and ids. */
const spanBatch = (count: number, first = 0): Batch => {
  const batch = textBatch(count, 1, first);
  const spans = spanColumns(count, batch.frame.strings);
  for (let row = 0; row < count; row++) {
    spans.traceIds.fill(1, row * 16, row * 16 + 16);
    spans.spanIds[row * 8 + 7] = first + row + 1;
    if (row > 0) spans.parentIds[row * 8 + 7] = first + 1;
    spans.names[row] = batch.columns['text']![row]!;
    spans.endNsLo[row] = batch.bootNsLo[row]! + second.lo;
    spans.endNsHi[row] = batch.bootNsHi[row]!;
    if (row === 1) spans.statuses[row] = spanStatus.error;
  }
  return { ...batch, spans };
};

type Spans = {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly { readonly name: string }[] }[] }[];
};
const namesIn = (bytes: Uint8Array): readonly string[] =>
  (otlp.collector.trace.v1.ExportTraceServiceRequest.decode(bytes) as Spans).resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name.trim())),
  );

type Try = { readonly signal: string; readonly bytes: Buffer; readonly answer: (outcome: Outcome) => void };

const setUp = async (queue: object = {}) => {
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
  });
  await exporter.start();
  return { ...time, tries, counters, warnings, exporter, items: () => itemsOf(counters) };
};

describe('an exporter that sends', () => {
  it('gathers spans in a request of their own, beside that of the log records', async () => {
    const { exporter, tries, advance, items, counters } = await setUp();
    exporter.traces!(spanBatch(2));
    exporter.logs!(textBatch(1));
    exporter.traces!(spanBatch(1, 2));
    expect(items()).toEqual({ accepted: 4, held: 4 });
    await advance(200);
    tries[0]!.answer({ kind: 'success' });
    await advance(0);
    tries[1]!.answer({ kind: 'success' });
    await advance(0);
    expect(tries.map(({ signal }) => signal).toSorted()).toEqual(['logs', 'traces']);
    expect(namesIn(tries.find(({ signal }) => signal === 'traces')!.bytes)).toEqual(['0', '1', '2']);
    expect(items()).toEqual({ accepted: 4, sent: 4 });
    expect(sampleOf(counters, 'otelcol_exporter_sent_spans')).toBe(3);
    expect(imbalance(counters)).toBe(0);
  });

  it('tries again, and counts what was rejected and what was never taken', async () => {
    const { exporter, tries, advance, items, counters } = await setUp();
    exporter.traces!(spanBatch(4));
    await advance(200);
    tries[0]!.answer({ kind: 'retryable', message: 'away' });
    await advance(1000);
    tries[1]!.answer({ kind: 'success', rejected: 1 });
    exporter.traces!(spanBatch(2));
    await advance(200);
    tries[2]!.answer({ kind: 'permanent', message: 'no' });
    await advance(0);
    expect(items()).toEqual({ accepted: 6, sent: 3, 'rejected/partial_success': 1, 'failed/permanent': 2 });
    expect(sampleOf(counters, 'otelcol_exporter_send_failed_spans')).toBe(3);
  });

  it('cuts what is refused for its size between spans, and makes smaller requests from then on', async () => {
    const { exporter, tries, advance, items, warnings } = await setUp();
    exporter.traces!(spanBatch(4000));
    await advance(200);
    const whole = tries[0]!.bytes.length;
    tries[0]!.answer({ kind: 'permanent', tooLarge: true, message: 'too large' });
    for (const half of [1, 2]) {
      await advance(0);
      tries[half]!.answer({ kind: 'success' });
    }
    await advance(0);
    expect(tries.slice(1).flatMap(({ bytes }) => namesIn(bytes))).toEqual(Array.from({ length: 4000 }, (_, index) => String(index)));
    expect(items()).toEqual({ accepted: 4000, sent: 4000 });
    expect(warnings.at(-1)!.fields).toEqual({ refused_bytes: whole, limit_bytes: Math.ceil(whole / 2) });
    exporter.traces!(spanBatch(4000));
    await advance(200);
    expect(tries[3]!.bytes.length).toBeLessThanOrEqual(whole / 2);
  });

  it('hands over what is open at the end, and drops what comes later', async () => {
    const { exporter, tries, advance, items, counters } = await setUp();
    exporter.traces!(spanBatch(3));
    const stopping = exporter.stop(100);
    await advance(0);
    tries[0]!.answer({ kind: 'success' });
    await advance(100);
    await stopping;
    exporter.traces!(spanBatch(2));
    expect(items()).toEqual({ accepted: 5, sent: 3, 'dropped/shutdown': 2 });
    expect(sampleOf(counters, 'otelcol_exporter_send_failed_spans')).toBe(2);
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
  it('they go by gRPC to the service of traces', async () => {
    const calls: Buffer[] = [];
    const same = (bytes: Buffer): Buffer => bytes;
    const server = new Server();
    const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
    const methods = {
      Export: {
        path, requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
      }, // prettier-ignore
    } as const;
    server.addService(methods, {
      Export(call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) {
        calls.push(call.request);
        const { ExportTraceServiceResponse } = otlp.collector.trace.v1;
        respond(
          null,
          Buffer.from(ExportTraceServiceResponse.encode({ partialSuccess: { rejectedSpans: 1, errorMessage: 'old' } }).finish()),
        );
      },
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    onTestFinished(() => server.forceShutdown());
    const { exporter, items } = await start(otlpGrpcExporter, { endpoint: `127.0.0.1:${port}` });
    exporter.traces!(spanBatch(3, 5));
    await until(() => items()['rejected/partial_success'] === 1);
    expect(calls.map(namesIn)).toEqual([['5', '6', '7']]);
    expect(items()).toEqual({ accepted: 3, sent: 2, 'rejected/partial_success': 1 });
  });

  it.each([
    ['', {}, ['/v1/logs', '/v1/traces']],
    ['/base', { traces_endpoint: '/t' }, ['/base/v1/logs', '/t']],
    ['/base', { logs_endpoint: '/l', metrics_endpoint: '/m' }, ['/l', '/base/v1/traces']],
  ] as const)('they go by HTTP to their path: %s %o', async (base, own, wanted) => {
    const urls: string[] = [];
    const server = createServer((request, response) => {
      urls.push(request.url!);
      request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
    });
    const host = `http://127.0.0.1:${await listening(server)}`;
    const ends = Object.fromEntries(Object.entries(own).map(([key, path]) => [key, `${host}${path}`]));
    const { exporter, items } = await start(otlpHttpExporter, { endpoint: `${host}${base}`, ...ends });
    exporter.logs!(textBatch(1));
    await until(() => items()['sent'] === 1);
    exporter.traces!(spanBatch(2));
    await until(() => items()['sent'] === 3);
    expect(urls).toEqual(wanted);
  });

  it('they stand in a file as JSON', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringtail-traces-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'out');
    const { exporter, items } = await start(fileExporter, { path });
    exporter.traces!(spanBatch(2));
    await until(() => items()['sent'] === 2);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({
      resourceSpans: [
        {
          scopeSpans: [
            { spans: [{ name: '0 ', traceId: '01'.repeat(16), spanId: '0000000000000001' }, { parentSpanId: '0000000000000001' }] },
          ],
        },
      ],
    });
  });
});

describe('the debug exporter', () => {
  const show = async (config: object) => {
    const chunks: string[] = [];
    const stream = new Writable({ write: (chunk: Buffer, _encoding, done) => (chunks.push(String(chunk)), done()) });
    const { settings, counters } = settingsFor('debug');
    const exporter = createDebugExporter({ settings, config: debugConfig.parse(config), stream, env: {} });
    await exporter.start();
    exporter.traces!(spanBatch(2));
    await exporter.stop(1000);
    expect(itemsOf(counters)).toEqual({ accepted: 2, sent: 2 });
    return chunks.join('').split('\n').slice(0, -1);
  };
  const trace = '01'.repeat(16);

  it('shows a line a span', async () => {
    expect((await show({})).map((line) => line.replace(/^\S+ */, ''))).toEqual([
      `0  1.0 s  pid 4711  trace ${trace} span 0000000000000001`,
      `1  1.0 s  pid 4711  trace ${trace} span 0000000000000002 in 0000000000000001`,
    ]);
  });

  it('writes an object a span for tools', async () => {
    expect((await show({ format: 'json' })).map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { span: '0 ', trace_id: trace, span_id: '0000000000000001', kind: 'INTERNAL', status: 'UNSET' },
      { span: '1 ', trace_id: trace, parent_span_id: '0000000000000001', status: 'ERROR' },
    ]);
  });
});
