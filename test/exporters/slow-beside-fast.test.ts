/** Two exporters in one pipeline: what the slow one cannot take delays the fast one by nothing. Told by the order of events, not by time. */
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { Subject } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Batch } from '../../src/core/batch.ts';
import type { Exporter, ExporterFactory } from '../../src/core/component.ts';
import { createCounters } from '../../src/core/counters.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createRateLimit } from '../../src/core/rate-limit.ts';
import { otlpGrpcExporter } from '../../src/exporters/otlp-grpc/index.ts';
import { otlpHttpExporter } from '../../src/exporters/otlp-http/index.ts';
import { connectPipeline } from '../../src/service/pipeline.ts';
import { flows } from '../../src/service/signals.ts';
import { decodeRequest, encodeResponse } from '../support/otlp.ts';
import { listening } from './loopback.ts';
import { imbalance, itemsOf, settingsFor, textBatch, until } from './support.ts';

const BATCHES = 60;
const ROWS = 100;
const TEXT_BYTES = 2000;

/** Reads one byte a second and answers nothing. */
const slowServer = async () => {
  const seen = { connections: 0, bytes: 0 };
  const port = await listening(
    createServer({ pauseOnConnect: true }, (socket) => {
      seen.connections++;
      const timer = setInterval(() => (seen.bytes += socket.read(1)?.length ?? 0), 1000);
      socket.on('error', () => {});
      socket.on('close', () => clearInterval(timer));
    }),
  );
  return { port, seen };
};

const fastServer = async () => {
  const texts: string[] = [];
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      for (const { attributes } of decodeRequest(Buffer.concat(chunks)).records)
        texts.push(String(attributes.at(-1)![1]).split(' ', 1)[0]!);
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(encodeResponse());
    });
  });
  return { port: await listening(server), texts };
};

const startExporter = async (
  factory: ExporterFactory,
  config: object,
): Promise<{ component: Exporter; items: () => Record<string, number> }> => {
  const counters = createCounters();
  const { settings } = settingsFor(factory.type, counters);
  const component = factory.create(settings, factory.config.parse(config) as never);
  await component.start();
  onTestFinished(async () => {
    await component.stop(0);
    expect(imbalance(counters)).toBe(0);
  });
  return { component, items: () => itemsOf(counters) };
};

describe.each([
  ['otlp_http', otlpHttpExporter, 'http://127.0.0.1'],
  ['otlp_grpc', otlpGrpcExporter, '127.0.0.1'],
] as const)('a slow %s beside a fast exporter', (_type, factory, host) => {
  it('fills its own queue and holds up nobody', async () => {
    const slow = await slowServer();
    const fast = await fastServer();
    const stuck = await startExporter(factory, {
      endpoint: `${host}:${slow.port}`,
      timeout: '1h',
      flush_interval: '1ms',
      sending_queue: { queue_size: '4MiB' },
    });
    const quick = await startExporter(otlpHttpExporter, { endpoint: `http://127.0.0.1:${fast.port}`, flush_interval: '1ms' });
    const source = new Subject<Batch>();
    const connection = connectPipeline({
      id: 'logs',
      flow: flows.logs,
      sources: [source],
      processors: [],
      // the slow one is asked first
      exporters: [
        { id: 'slow', component: stuck.component },
        { id: 'fast', component: quick.component },
      ],
      counters: createCounters(),
      logger: silentLogger,
      rateLimit: createRateLimit(),
      onRefused() {},
    });
    onTestFinished(() => connection.unsubscribe());
    for (let i = 0; i < BATCHES; i++) {
      source.next(textBatch(ROWS, TEXT_BYTES, i * ROWS));
      // a batch is not made before the one before has arrived where it can
      await until(() => fast.texts.length === (i + 1) * ROWS);
    }
    expect(fast.texts).toEqual(Array.from({ length: BATCHES * ROWS }, (_, i) => String(i)));
    await until(() => quick.items()['sent'] === BATCHES * ROWS);
    expect(quick.items()).toEqual({ accepted: BATCHES * ROWS, sent: BATCHES * ROWS });
    // by then the slow one was connected to, has answered nothing, and its queue is full
    expect(slow.seen.connections).toBeGreaterThan(0);
    const { accepted, held, sent = 0, 'dropped/queue_full': dropped } = stuck.items();
    expect(sent).toBe(0);
    expect(held! * TEXT_BYTES).toBeLessThanOrEqual(4 * 2 ** 20);
    expect(dropped).toBeGreaterThan(0);
    expect(held! + dropped!).toBe(accepted);
    expect(stuck.component.health!()).toMatchObject({ details: { dropped } });
  });
});
