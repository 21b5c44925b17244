import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCounters } from '../../src/core/counters.ts';
import { createLogExporter, type LogExporterOptions } from '../../src/exporters/shared/log-exporter.ts';
import { retryOnFailure, sendingQueue } from '../../src/exporters/shared/config.ts';
import type { Outcome, Transport } from '../../src/exporters/shared/transport.ts';
import { decodeRequest } from '../support/otlp.ts';
import { imbalance, itemsOf, manualTimers, sampleOf, settingsFor, textBatch } from './support.ts';

type Try = {
  readonly bytes: Buffer;
  readonly timeoutMs: number;
  readonly records: number;
  readonly answer: (outcome: Outcome) => void;
  readonly fail: (error: Error) => void;
};

/** A transport whose answers the test gives. */
const scripted = () => {
  const tries: Try[] = [];
  let closed = false;
  const transport: Transport = {
    send: (bytes, timeoutMs) =>
      new Promise((answer, fail) => tries.push({ bytes, timeoutMs, records: decodeRequest(bytes).records.length, answer, fail })),
    close: () => void (closed = true),
  };
  return { transport, tries, isClosed: () => closed };
};

type Overrides = {
  readonly queue?: object;
  readonly retry?: object;
  readonly maxRequestBytes?: number;
  readonly onDropped?: LogExporterOptions['onDropped'];
};

const setUp = ({ queue = {}, retry = {}, maxRequestBytes, onDropped }: Overrides = {}) => {
  const time = manualTimers();
  const link = scripted();
  const { settings, counters, warnings } = settingsFor('otlp_grpc', createCounters());
  const exporter = createLogExporter({
    settings,
    config: { timeout: 5000, flush_interval: 200, sending_queue: sendingQueue.parse(queue), retry_on_failure: retryOnFailure.parse(retry) },
    connect: async () => link.transport,
    timers: time.timers,
    ...(maxRequestBytes !== undefined && { maxRequestBytes }),
    ...(onDropped && { onDropped }),
  });
  return { ...time, ...link, counters, warnings, exporter, items: () => itemsOf(counters) };
};

const unavailable: Outcome = { kind: 'retryable', message: 'connection refused' };

describe('a sending exporter', () => {
  it('lets batches share a request until the flush interval ends', async () => {
    const { exporter, advance, tries, items, counters } = setUp();
    await exporter.start();
    exporter.logs!(textBatch(2));
    await advance(199);
    exporter.logs!(textBatch(3));
    expect(tries).toHaveLength(0);
    expect(items()).toEqual({ accepted: 5, held: 5 });
    await advance(1);
    expect(tries.map(({ records }) => records)).toEqual([5]);
    expect(tries[0]!.timeoutMs).toBe(5000);
    expect(sampleOf(counters, 'otelcol_exporter_queue_size')).toBe(tries[0]!.bytes.length);
    expect(sampleOf(counters, 'otelcol_exporter_queue_capacity')).toBe(32 * 2 ** 20);
    tries[0]!.answer({ kind: 'success' });
    await advance(0);
    expect(items()).toEqual({ accepted: 5, sent: 5 });
    expect(sampleOf(counters, 'otelcol_exporter_sent_log_records')).toBe(5);
    expect(sampleOf(counters, 'otelcol_exporter_queue_size')).toBe(0);
  });

  it('sends a full request at once', async () => {
    const { exporter, settle, tries } = setUp({ maxRequestBytes: 2000 });
    await exporter.start();
    exporter.logs!(textBatch(20));
    await settle();
    expect(tries.length).toBeGreaterThan(0);
    for (const { bytes } of tries) expect(bytes.length).toBeLessThanOrEqual(2000);
  });

  it('keeps what comes before the start and sends it then', async () => {
    const { exporter, advance, tries } = setUp();
    exporter.logs!(textBatch(1));
    await advance(1000);
    expect(tries).toHaveLength(0);
    await exporter.start();
    await advance(0);
    expect(tries).toHaveLength(1);
  });

  it('counts what was rejected in part, at most what was sent', async () => {
    const { exporter, advance, tries, items, warnings, counters } = setUp();
    await exporter.start();
    exporter.logs!(textBatch(5));
    await advance(200);
    tries[0]!.answer({ kind: 'success', rejected: 2, message: 'too old' });
    await advance(0);
    expect(items()).toEqual({ accepted: 5, sent: 3, 'rejected/partial_success': 2 });
    expect(sampleOf(counters, 'otelcol_exporter_send_failed_log_records')).toBe(2);
    expect(warnings).toEqual([{ fields: { rejected: 2, answer: 'too old' }, message: 'the receiving side did not take everything' }]);
    exporter.logs!(textBatch(5));
    await advance(200);
    tries[1]!.answer({ kind: 'success', rejected: 99 });
    await advance(0);
    expect(items()).toEqual({ accepted: 10, sent: 3, 'rejected/partial_success': 7 });
  });

  it('tries again after growing waits and gives up after max_elapsed_time', async () => {
    const { exporter, advance, tries, items } = setUp({
      retry: { initial_interval: '1s', multiplier: 2, max_interval: '4s', max_elapsed_time: '10s' },
    });
    await exporter.start();
    exporter.logs!(textBatch(3));
    await advance(200);
    for (const waitMs of [1000, 2000, 4000]) {
      tries.at(-1)!.answer(unavailable);
      const before = tries.length;
      await advance(waitMs - 1);
      expect(tries).toHaveLength(before);
      await advance(1);
      expect(tries).toHaveLength(before + 1);
    }
    expect(items()).toEqual({ accepted: 3, held: 3 });
    tries.at(-1)!.answer(unavailable);
    await advance(0);
    expect(items()).toEqual({ accepted: 3, 'failed/timeout': 3 });
    expect(new Set(tries.map(({ bytes }) => bytes)).size).toBe(1);
  });

  it('never gives up when max_elapsed_time is 0', async () => {
    const { exporter, advance, tries, items } = setUp({ retry: { max_elapsed_time: 0 } });
    await exporter.start();
    exporter.logs!(textBatch(1));
    await advance(200);
    for (let i = 0; i < 100; i++) {
      tries.at(-1)!.answer(unavailable);
      await advance(30_000);
    }
    expect(tries).toHaveLength(101);
    expect(items()).toEqual({ accepted: 1, held: 1 });
  });

  it('spreads the waits', async () => {
    const { exporter, advance, tries, timers } = setUp({ retry: { initial_interval: '1s', randomization_factor: 0.5 } });
    timers.random = () => 0;
    await exporter.start();
    exporter.logs!(textBatch(1));
    await advance(200);
    tries[0]!.answer(unavailable);
    await advance(499);
    expect(tries).toHaveLength(1);
    await advance(1);
    expect(tries).toHaveLength(2);
  });

  it('waits as long as the other side says, whatever succeeds meanwhile', async () => {
    const { exporter, advance, tries } = setUp({ queue: { num_consumers: 2 } });
    await exporter.start();
    exporter.logs!(textBatch(1));
    await advance(200);
    tries[0]!.answer({ kind: 'retryable', afterMs: 60_000, message: 'busy' });
    exporter.logs!(textBatch(1));
    await advance(200);
    tries[1]!.answer({ kind: 'success' });
    await advance(59_000);
    expect(tries).toHaveLength(2);
    await advance(1000);
    expect(tries).toHaveLength(3);
  });

  it('uses the other side at once when it is back', async () => {
    const { exporter, advance, tries, items } = setUp({ queue: { num_consumers: 2 } });
    await exporter.start();
    exporter.logs!(textBatch(1));
    await advance(200);
    tries[0]!.answer(unavailable);
    exporter.logs!(textBatch(2));
    await advance(200);
    tries[1]!.answer({ kind: 'success' });
    await advance(0);
    expect(tries.map(({ records }) => records)).toEqual([1, 2, 1]);
    expect(items()).toEqual({ accepted: 3, sent: 2, held: 1 });
  });

  it.each<[string, Outcome | Error, object, string]>([
    ['a permanent failure', { kind: 'permanent', message: 'no' }, {}, 'failed/permanent'],
    ['a failure without retry', unavailable, { enabled: false }, 'failed/retry_disabled'],
    ['a transport that throws', new Error('broken'), {}, 'failed/permanent'],
  ])('gives up after %s', async (_case, outcome, retry, key) => {
    const { exporter, advance, tries, items, counters, warnings } = setUp({ retry });
    await exporter.start();
    exporter.logs!(textBatch(4));
    await advance(200);
    if (outcome instanceof Error) tries[0]!.fail(outcome);
    else tries[0]!.answer(outcome);
    await advance(0);
    expect(items()).toEqual({ accepted: 4, [key]: 4 });
    expect(sampleOf(counters, 'otelcol_exporter_send_failed_log_records')).toBe(4);
    expect(warnings.map(({ message }) => message)).toEqual(['records could not be sent']);
  });

  it('drops the newest whole request when the queue is full, and tells', async () => {
    const drops: [number, string][] = [];
    const { exporter, advance, tries, items, counters } = setUp({
      queue: { queue_size: '4MiB', num_consumers: 1 },
      onDropped: (records, reason) => drops.push([records, reason]),
    });
    await exporter.start();
    for (let i = 0; i < 4; i++) {
      exporter.logs!(textBatch(10, 150_000, i * 10));
      await advance(200);
    }
    expect(items()).toEqual({ accepted: 40, 'dropped/queue_full': 20, held: 20 });
    expect(drops).toEqual([
      [10, 'queue_full'],
      [10, 'queue_full'],
    ]);
    expect(sampleOf(counters, 'otelcol_exporter_enqueue_failed_log_records')).toBe(20);
    tries[0]!.answer({ kind: 'success' });
    await advance(0);
    expect(tries).toHaveLength(2);
    exporter.logs!(textBatch(10, 150_000));
    await advance(200);
    expect(items()).toEqual({ accepted: 50, 'dropped/queue_full': 20, sent: 10, held: 20 });
  });

  it('without a queue holds no more than what is under way', async () => {
    const { exporter, advance, tries, items } = setUp({ queue: { enabled: false, num_consumers: 2 } });
    await exporter.start();
    for (let i = 0; i < 3; i++) {
      exporter.logs!(textBatch(1));
      await advance(200);
    }
    expect(tries).toHaveLength(2);
    expect(items()).toEqual({ accepted: 3, held: 2, 'dropped/queue_full': 1 });
  });

  it('at the stop sends what is open, tries failures again soon, and is done when all is through', async () => {
    const { exporter, advance, tries, items, isClosed, pending } = setUp();
    await exporter.start();
    exporter.logs!(textBatch(1));
    await advance(200);
    tries[0]!.answer(unavailable);
    exporter.logs!(textBatch(2));
    await advance(0);
    let done = false;
    const stopping = exporter.stop(3000).then(() => (done = true));
    await advance(0);
    expect(tries.map(({ records }) => records)).toEqual([1, 2, 1]);
    expect(tries[1]!.timeoutMs).toBe(3000);
    tries[2]!.answer(unavailable);
    await advance(0);
    tries[1]!.answer({ kind: 'success' });
    await advance(0);
    expect(tries).toHaveLength(4);
    expect(done).toBe(false);
    tries[3]!.answer({ kind: 'success' });
    await stopping;
    expect(items()).toEqual({ accepted: 3, sent: 3 });
    expect(isClosed()).toBe(true);
    expect(pending()).toBe(0);
  });

  it('at the deadline drops what is left, and late answers change nothing', async () => {
    const { exporter, advance, tries, items, isClosed, pending } = setUp({ queue: { num_consumers: 1 } });
    await exporter.start();
    exporter.logs!(textBatch(1));
    await advance(200);
    exporter.logs!(textBatch(2));
    const stopping = exporter.stop(1000);
    await advance(1000);
    await stopping;
    expect(items()).toEqual({ accepted: 3, 'dropped/shutdown': 3 });
    expect(isClosed()).toBe(true);
    tries[0]!.answer({ kind: 'success' });
    await advance(60_000);
    expect(items()).toEqual({ accepted: 3, 'dropped/shutdown': 3 });
    exporter.logs!(textBatch(4));
    expect(items()).toEqual({ accepted: 7, 'dropped/shutdown': 7 });
    expect(pending()).toBe(0);
    await exporter.stop(1000);
  });

  it('at the deadline leaves no wait behind', async () => {
    const { exporter, advance, tries, items, pending } = setUp();
    await exporter.start();
    exporter.logs!(textBatch(1));
    await advance(200);
    tries[0]!.answer({ kind: 'retryable', afterMs: 100_000, message: 'later' });
    await advance(0);
    const stopping = exporter.stop(1000);
    await advance(1000);
    await stopping;
    expect(items()).toEqual({ accepted: 1, 'dropped/shutdown': 1 });
    expect(pending()).toBe(0);
  });

  it('stops after a start that failed', async () => {
    const { settings, counters } = settingsFor('otlp_http');
    const exporter = createLogExporter({
      settings,
      config: { timeout: 1, flush_interval: 1, sending_queue: sendingQueue.parse({}), retry_on_failure: retryOnFailure.parse({}) },
      connect: () => Promise.reject(new Error('no such file')),
    });
    await expect(exporter.start()).rejects.toThrow('no such file');
    exporter.logs!(textBatch(2));
    await exporter.stop(10_000);
    expect(itemsOf(counters)).toEqual({ accepted: 2, 'dropped/shutdown': 2 });
  });

  it('repeats a warning only after a while, with the number of those in between', async () => {
    const { exporter, advance, tries, warnings } = setUp({ retry: { initial_interval: '1s', multiplier: 1 } });
    await exporter.start();
    exporter.logs!(textBatch(1));
    await advance(200);
    for (let i = 0; i < 12; i++) {
      tries.at(-1)!.answer(unavailable);
      await advance(1000);
    }
    expect(warnings.map(({ message }) => message)).toEqual(Array(2).fill('sending failed and is tried again'));
    expect(warnings[1]!.fields['suppressed']).toBe(9);
  });

  it('keeps its books whatever happens', async () => {
    const outcome: fc.Arbitrary<Outcome> = fc.oneof(
      fc.record({ kind: fc.constant('success' as const), rejected: fc.nat(30) }),
      fc.constant<Outcome>({ kind: 'success' }),
      fc.constant(unavailable),
      fc.record({ kind: fc.constant('retryable' as const), afterMs: fc.nat(20_000), message: fc.constant('later') }),
      fc.constant<Outcome>({ kind: 'permanent', message: 'no' }),
    );
    const step = fc.oneof(
      fc.record({ do: fc.constant('log' as const), rows: fc.integer({ min: 1, max: 30 }) }),
      fc.record({ do: fc.constant('big' as const), rows: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ do: fc.constant('answer' as const), which: fc.nat(), outcome }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.nat(40_000) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 3 }),
        fc.boolean(),
        async (steps, enabled, consumers, answering) => {
          const { exporter, advance, tries, counters, items } = setUp({
            queue: { enabled, queue_size: '4MiB', num_consumers: consumers },
            maxRequestBytes: 3000,
          });
          await exporter.start();
          const open = () => tries.filter(({ answer }) => !answered.has(answer));
          const answered = new Set<unknown>();
          let logged = 0;
          for (const action of steps) {
            if (action.do === 'log' || action.do === 'big') {
              exporter.logs!(textBatch(action.rows, action.do === 'log' ? 10 : 1_200_000));
              logged += action.rows;
            } else if (action.do === 'wait') {
              await advance(action.ms);
            } else {
              const waiting = open();
              const chosen = waiting[action.which % waiting.length];
              if (chosen !== undefined) {
                answered.add(chosen.answer);
                chosen.answer(action.outcome);
              }
              await advance(0);
            }
            expect(imbalance(counters)).toBe(0);
            expect(items()['accepted'] ?? 0).toBe(logged);
            expect(open().length).toBeLessThanOrEqual(consumers);
            expect(sampleOf(counters, 'otelcol_exporter_queue_size')).toBeLessThanOrEqual(4 * 2 ** 20);
          }
          const stopping = exporter.stop(5000);
          if (answering) {
            for (let i = 0; i < 400 && open().length > 0; i++) {
              for (const { answer } of open()) {
                answered.add(answer);
                answer({ kind: 'success' });
              }
              await advance(0);
            }
          }
          await advance(5000);
          await stopping;
          expect(imbalance(counters)).toBe(0);
          expect(items()['held'] ?? 0).toBe(0);
          expect(items()['accepted'] ?? 0).toBe(logged);
        },
      ),
      { numRuns: 60 },
    );
  }, 30_000);
});
