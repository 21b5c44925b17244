import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/core/batch.ts';
import { otlpHttpConfig } from '../../../src/exporters/otlp-http/config.ts';
import { otlpHttpExporter } from '../../../src/exporters/otlp-http/index.ts';
import { createOtlpExporter } from '../../../src/exporters/shared/otlp-exporter.ts';
import { batchConfig } from '../../../src/processors/batch/config.ts';
import { batchProcessor } from '../../../src/processors/batch/index.ts';
import { imbalance, manualTimers, settingsFor, textBatch, until } from '../../exporters/support.ts';
import { decodeRequest, encodeResponse } from '../../support/otlp.ts';
import { runThrough } from '../harness.ts';

/** One pipeline's processor, as a function on batches. */
const pipelineOf = (config: object | undefined) => {
  if (config === undefined) return (batch: Batch) => batch;
  const processor = batchProcessor.create(settingsFor('batch').settings, batchConfig.parse(config) as never);
  return (batch: Batch) => runThrough(processor, [batch])[0]!;
};

const textsOf = (bytes: Uint8Array): readonly string[] =>
  decodeRequest(bytes).records.map(({ attributes }) => String(attributes.at(-1)![1]).trimEnd());

const FLUSH_MS = 200;

const setUp = async (flushMs = FLUSH_MS) => {
  const clock = manualTimers();
  const { settings, counters } = settingsFor('fake');
  const requests: (readonly string[])[] = [];
  const { timeout, sending_queue, retry_on_failure } = otlpHttpConfig.parse({});
  const exporter = createOtlpExporter({
    settings,
    config: { timeout, flush_interval: flushMs, sending_queue, retry_on_failure },
    connect: async () => ({
      async send(bytes) {
        requests.push(textsOf(bytes));
        return { kind: 'success' };
      },
      close() {},
    }),
    timers: clock.timers,
  });
  await exporter.start();
  return { exporter, requests, clock, counters };
};

type Step = { readonly pipeline: number; readonly records: number; readonly waitMs: number };
type Cut = { readonly send_batch_size: number; readonly send_batch_max_size: number; readonly timeoutMs: number };

const cut: fc.Arbitrary<Cut> = fc
  .record({
    send_batch_size: fc.integer({ min: 0, max: 12 }),
    more: fc.constantFrom(undefined, 0, 1, 5),
    timeoutMs: fc.constantFrom(0, 30, 100),
  })
  .map(({ send_batch_size, more, timeoutMs }) => ({
    send_batch_size,
    send_batch_max_size: more === undefined ? 0 : Math.max(1, send_batch_size + more),
    timeoutMs,
  }));

/** The sizes of requests in order, by pipeline: what the documentation says, counted by hand. */
const model = (cuts: readonly (Cut | undefined)[], steps: readonly Step[]): readonly (readonly number[])[] => {
  const sizes: number[][] = cuts.map(() => []);
  const open = cuts.map(() => ({ records: 0, dueMs: Infinity }));
  let nowMs = 0;
  const send = (index: number, records: number): void => {
    sizes[index]!.push(records);
    open[index]!.records -= records;
    open[index]!.dueMs = Infinity;
  };
  for (const { pipeline, records, waitMs } of steps) {
    const index = pipeline % cuts.length;
    const pending = open[index]!;
    const { send_batch_size: size, send_batch_max_size: most, timeoutMs } = cuts[index] ?? { send_batch_size: Infinity, send_batch_max_size: 0, timeoutMs: FLUSH_MS }; // prettier-ignore
    pending.records += records;
    const isEnough = (): boolean => pending.records > 0 && (size === 0 || timeoutMs === 0 || pending.records >= size);
    while (isEnough()) send(index, most === 0 ? pending.records : Math.min(most, pending.records));
    if (pending.records > 0) pending.dueMs = Math.min(pending.dueMs, nowMs + timeoutMs);
    nowMs += waitMs;
    for (const [other, { records: left, dueMs }] of open.entries()) if (dueMs <= nowMs) send(other, left);
  }
  for (const [other, { records: left }] of open.entries()) if (left > 0) send(other, left);
  return sizes;
};

const closers: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

describe('batch processor', () => {
  it('cuts requests by records and time, each pipeline for itself', async () => {
    const step = fc.record({ pipeline: fc.nat(3), records: fc.integer({ min: 1, max: 30 }), waitMs: fc.constantFrom(0, 10, 35, 120) });
    await fc.assert(
      fc.asyncProperty(
        // one that says nothing, beside those that do
        fc.array(cut, { maxLength: 2 }).map((cuts): readonly (Cut | undefined)[] => [undefined, ...cuts]),
        fc.array(step, { minLength: 1, maxLength: 20 }),
        async (cuts, steps) => {
          const { exporter, requests, clock, counters } = await setUp();
          const pipelines = cuts.map((one) =>
            pipelineOf(
              one && { send_batch_size: one.send_batch_size, send_batch_max_size: one.send_batch_max_size, timeout: `${one.timeoutMs}ms` },
            ),
          );
          const sent = cuts.map(() => 0);
          for (const { pipeline, records, waitMs } of steps) {
            const index = pipeline % cuts.length;
            exporter.logs!(pipelines[index]!(textBatch(records, 16, index * 10_000 + sent[index]!)));
            sent[index]! += records;
            await clock.advance(waitMs);
          }
          await exporter.stop(1000);
          const numbers = requests.map((texts) => texts.map((one) => Number.parseInt(one, 10)));
          for (const index of cuts.keys()) {
            const own = numbers.filter(([first]) => Math.floor(first! / 10_000) === index);
            expect(own.map(({ length }) => length)).toEqual(model(cuts, steps)[index]);
            expect(own.flat()).toEqual(Array.from({ length: sent[index]! }, (_, i) => index * 10_000 + i));
          }
          expect(imbalance(counters)).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  }, 60_000);

  it('is seen by the receiving side', async () => {
    const sizes: number[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        sizes.push(textsOf(Buffer.concat(chunks)).length);
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(encodeResponse());
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => (server.closeAllConnections(), new Promise((resolve) => server.close(resolve))));
    const { port } = server.address() as AddressInfo;
    const config = otlpHttpConfig.parse({
      endpoint: `http://127.0.0.1:${port}`,
      compression: 'none',
      flush_interval: '1ms',
      sending_queue: { num_consumers: 1 },
    });
    const exporter = otlpHttpExporter.create(settingsFor('otlp_http').settings, config as never);
    await exporter.start();
    const through = pipelineOf({ send_batch_size: 100, send_batch_max_size: 150, timeout: '1h' });
    for (let i = 0; i < 7; i++) exporter.logs!(through(textBatch(60)));
    await until(() => sizes.length === 3);
    expect(sizes).toEqual([120, 120, 120]);
    await exporter.stop(5000);
    expect(sizes).toEqual([120, 120, 120, 60]);
  });

  const tooFew = 'send_batch_max_size: less than send_batch_size, which is 8192; allowed is 0, or 8192 and more';
  const noKeys = 'metadata_keys: not supported: records of the kernel come without client metadata; allowed is an empty list';
  const noDuration = 'timeout: not a duration; write it with a unit, as in 50ms, 5s or 1h30m';
  it.each([
    [{ send_batch_max_size: 100 }, [tooFew]],
    [{ metadata_keys: ['tenant'] }, [noKeys]],
    [{ timeout: '200', send_batch_max_size: 100, metadata_keys: ['tenant'] }, [noDuration, noKeys, tooFew]],
  ])('refuses %j', (config, expected) => {
    expect(batchConfig.safeParse(config).error!.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)).toEqual(expected);
  });

  it('has the defaults of the Collector', () => {
    expect(batchConfig.parse({})).toMatchObject({ send_batch_size: 8192, timeout: 200, send_batch_max_size: 0, metadata_keys: [] });
  });
});
