import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCounters } from '../../src/core/counters.ts';
import { createCapacity } from '../../src/exporters/shared/capacity.ts';
import { createOtlpExporter } from '../../src/exporters/shared/otlp-exporter.ts';
import { retryOnFailure, sendingQueue } from '../../src/exporters/shared/queue-config.ts';
import type { Outcome, Transport } from '../../src/exporters/shared/transport.ts';
import { decodeRequest } from '../support/otlp.ts';
import { imbalance, itemsOf, manualTimers, sampleOf, settingsFor, textBatch } from './support.ts';

type Try = {
  readonly bytes: Buffer;
  readonly timeoutMs: number;
  readonly records: number;
  /** Text of each record; of a loss event its attributes. */
  readonly texts: readonly string[];
  readonly answer: (outcome: Outcome) => void;
  readonly fail: (error: Error) => void;
};

const lossText = (attributes: readonly (readonly [string, unknown])[]): string => {
  const values = new Map(attributes);
  const [receiver, reason, lost] = ['ringtail.receiver', 'ringtail.reason', 'ringtail.lost'].map((name) => values.get(name) ?? '-');
  return `loss ${receiver} ${reason} ${lost}`;
};

/** A transport whose answers the test gives. */
const scripted = () => {
  const tries: Try[] = [];
  let closed = false;
  const transport: Transport = {
    send: (bytes, timeoutMs) =>
      new Promise((answer, fail) => {
        const texts = decodeRequest(bytes).records.map(({ eventName, attributes }) =>
          eventName === 'ringtail.loss' ? lossText(attributes) : String(attributes.at(-1)![1]).split(' ', 1)[0]!,
        );
        tries.push({ bytes, timeoutMs, records: texts.length, texts, answer, fail });
      }),
    close: () => void (closed = true),
  };
  return { transport, tries, isClosed: () => closed };
};

type Overrides = {
  readonly queue?: object;
  readonly retry?: object;
  readonly maxRequestBytes?: number;
};

const setUp = ({ queue = {}, retry = {}, maxRequestBytes }: Overrides = {}) => {
  const time = manualTimers();
  const link = scripted();
  const { settings, counters, warnings } = settingsFor('otlp_grpc', createCounters());
  const exporter = createOtlpExporter({
    settings,
    config: { timeout: 5000, flush_interval: 200, sending_queue: sendingQueue.parse(queue), retry_on_failure: retryOnFailure.parse(retry) },
    connect: async () => link.transport,
    timers: time.timers,
    ...(maxRequestBytes !== undefined && { maxRequestBytes }),
  });
  return { ...time, ...link, counters, warnings, exporter, items: () => itemsOf(counters), health: () => exporter.health!() };
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

  it('leaves the other side alone for as long as it says, with everything, whatever succeeds meanwhile', async () => {
    const { exporter, advance, tries, items, health } = setUp({ queue: { num_consumers: 3 } });
    await exporter.start();
    for (const rows of [1, 2]) {
      exporter.logs!(textBatch(rows));
      await advance(200);
    }
    tries[0]!.answer({ kind: 'retryable', afterMs: 60_000, message: 'busy' });
    await advance(0);
    expect(health()).toMatchObject({ status: 'recoverable', message: 'busy' });
    // this one was under way already
    tries[1]!.answer({ kind: 'success' });
    exporter.logs!(textBatch(4));
    await advance(59_999);
    expect(tries).toHaveLength(2);
    await advance(1);
    expect(tries.map(({ records }) => records)).toEqual([1, 2, 1, 4]);
    for (const { answer } of tries.slice(2)) answer({ kind: 'success' });
    await advance(0);
    expect(items()).toEqual({ accepted: 7, sent: 7 });
    expect(health().status).toBe('ok');
  });

  it('does not hammer on a side that says at once', async () => {
    const { exporter, advance, tries } = setUp({ retry: { initial_interval: '1s' } });
    await exporter.start();
    exporter.logs!(textBatch(1));
    await advance(200);
    tries[0]!.answer({ kind: 'retryable', afterMs: 0, message: 'again' });
    await advance(999);
    expect(tries).toHaveLength(1);
    await advance(1);
    expect(tries).toHaveLength(2);
  });

  it('is silent for an hour at the most, whatever it is told', async () => {
    const { exporter, advance, tries, items } = setUp({ retry: { max_elapsed_time: '5m' } });
    await exporter.start();
    exporter.logs!(textBatch(1));
    await advance(200);
    tries[0]!.answer({ kind: 'retryable', afterMs: 1e12, message: 'never' });
    await advance(0);
    expect(items()).toEqual({ accepted: 1, 'failed/timeout': 1 });
    exporter.logs!(textBatch(2));
    await advance(3_599_999);
    expect(tries).toHaveLength(1);
    await advance(1);
    expect(tries).toHaveLength(2);
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

  it('drops the newest whole request when the queue is full, and tells it in the data when there is room', async () => {
    const { exporter, advance, tries, items, counters, health } = setUp({ queue: { queue_size: '4MiB', num_consumers: 1 } });
    await exporter.start();
    for (let i = 0; i < 4; i++) {
      exporter.logs!(textBatch(10, 150_000, i * 10));
      await advance(200);
    }
    expect(items()).toEqual({ accepted: 40, 'dropped/queue_full': 20, held: 20 });
    expect(sampleOf(counters, 'otelcol_exporter_enqueue_failed_log_records')).toBe(20);
    expect(health()).toMatchObject({ status: 'ok', details: { queue_capacity: 4 * 2 ** 20, dropped: 20 } });
    tries[0]!.answer({ kind: 'success' });
    await advance(200);
    expect(items()).toEqual({ accepted: 41, 'dropped/queue_full': 20, sent: 10, held: 11 });
    tries[1]!.answer({ kind: 'success' });
    await advance(0);
    expect(tries[2]!.texts).toEqual(['loss process queue_full 20']);
    tries[2]!.answer({ kind: 'success' });
    exporter.logs!(textBatch(10, 150_000));
    await advance(200);
    expect(items()).toEqual({ accepted: 51, 'dropped/queue_full': 20, sent: 21, held: 10 });
    // told once
    expect(tries[3]!.texts.filter((text) => text.startsWith('loss'))).toEqual([]);
  });

  it('tells a loss again when what told it is lost, and at the stop', async () => {
    const { exporter, advance, tries, items } = setUp({ queue: { sizer: 'requests', queue_size: 2, num_consumers: 1 } });
    await exporter.start();
    const log = async (rows: number, receiver = 'process') => {
      exporter.logs!({ ...textBatch(rows), receiver });
      await advance(200);
    };
    await log(1);
    await log(2);
    await log(4); // dropped
    tries[0]!.answer({ kind: 'success' });
    await advance(0); // the loss stands in the open request now ...
    exporter.logs!(textBatch(8));
    tries[1]!.answer(unavailable);
    await advance(200); // ... which has room: one is waiting for its retry
    await log(16); // dropped
    expect(items()).toEqual({ accepted: 32, 'dropped/queue_full': 20, sent: 1, held: 11 });
    await advance(60_000);
    tries.at(-1)!.answer({ kind: 'success' });
    await advance(0);
    expect(tries.at(-1)!.texts[0]).toBe('loss process queue_full 4');
    // now the second loss is in the open request, and that one finds no room
    await log(32, 'other');
    await log(64);
    tries.at(-1)!.answer({ kind: 'success' });
    await advance(0);
    expect(tries.at(-1)!.texts.filter((text) => text.startsWith('loss'))).toEqual(['loss process queue_full 16']);
    const stopping = exporter.stop(5000);
    await advance(0);
    tries.at(-1)!.answer({ kind: 'success' });
    await advance(0);
    expect(tries.at(-1)!.texts).toEqual(['loss - queue_full 64']);
    tries.at(-1)!.answer({ kind: 'success' });
    await stopping;
    expect(items()).toMatchObject({ 'dropped/queue_full': 4 + 16 + 64 });
  });

  it('knows which of several open requests tells a loss', async () => {
    const { exporter, advance, tries, items } = setUp({ queue: { queue_size: '4MiB', num_consumers: 1 } });
    const requests = { records: 1, maxRecords: 100, timeoutMs: 50 };
    await exporter.start();
    for (const [rows, bytes] of [
      [1, 10],
      [1, 3_000_000],
      [2, 1_000_000],
    ] as const) {
      exporter.logs!(textBatch(rows, bytes));
      await advance(200);
    }
    // the last one was dropped, which the open request tells now
    tries[0]!.answer({ kind: 'success' });
    await advance(0);
    exporter.logs!({ ...textBatch(4, 500_000), requests }); // dropped too, and has told nothing
    tries[1]!.answer({ kind: 'success' });
    await advance(200);
    tries[2]!.answer({ kind: 'success' });
    await advance(0);
    expect(tries[2]!.texts).toEqual(['loss process queue_full 2', 'loss process queue_full 4']);
    expect(items()).toEqual({ accepted: 10, sent: 4, 'dropped/queue_full': 6 });
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
    const exporter = createOtlpExporter({
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

  it('sends what is too large in halves, and smaller from then on', async () => {
    const MOST_BYTES = 150_000;
    const { exporter, advance, tries, items, warnings } = setUp({ queue: { num_consumers: 1 } });
    const answerAll = async () => {
      for (let tried = 0; tried < tries.length; tried++) {
        const { bytes, answer } = tries[tried]!;
        answer(bytes.length > MOST_BYTES ? { kind: 'permanent', tooLarge: true, message: 'larger than max' } : { kind: 'success' });
        await advance(0);
      }
    };
    await exporter.start();
    exporter.logs!(textBatch(80, 5000));
    await advance(200);
    // one record is larger than what is taken
    exporter.logs!(textBatch(1, 250_000));
    await advance(200);
    await answerAll();
    // 80 → 40 + 40, each half before what came later
    expect(tries.map(({ records }) => records)).toEqual([80, 40, 20, 20, 40, 20, 20, 1]);
    expect(tries.filter(({ records }) => records === 20).flatMap(({ texts }) => texts)).toEqual(
      Array.from({ length: 80 }, (_, i) => String(i)),
    );
    expect(items()).toEqual({ accepted: 81, sent: 80, 'failed/too_large': 1 });
    const limits = warnings
      .filter(({ message }) => message.startsWith('the receiving side takes smaller'))
      .map(({ fields }) => fields['limit_bytes']);
    expect(limits).toEqual(tries.slice(0, 2).map(({ bytes }) => Math.ceil(bytes.length / 2)));
    const before = tries.length;
    exporter.logs!(textBatch(80, 5000));
    await advance(200);
    await answerAll();
    const later = tries.slice(before);
    expect(later.reduce((sum, { records }) => sum + records, 0)).toBe(80);
    expect(Math.max(...later.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(Number(limits[1]));
    expect(later.length).toBeLessThan(10);
  });

  it('does not learn less than a request must be able to hold', async () => {
    const { exporter, advance, tries, items } = setUp({ queue: { num_consumers: 1 } });
    await exporter.start();
    exporter.logs!(textBatch(4, 1000));
    await advance(200);
    for (let tried = 0; tried < tries.length; tried++) {
      tries[tried]!.answer({ kind: 'permanent', tooLarge: true, message: 'never' });
      await advance(0);
    }
    expect(items()).toEqual({ accepted: 4, 'failed/too_large': 4 });
    exporter.logs!(textBatch(40, 1000));
    await advance(200);
    expect(tries.at(-1)!.records).toBe(40);
  });

  it.each<[string, object, (units: { readonly requests: number; readonly records: number }) => number, number]>([
    ['requests', { sizer: 'requests', queue_size: 3 }, ({ requests }) => requests, 3],
    ['records', { sizer: 'items', queue_size: 30 }, ({ records }) => records, 30],
  ])('counts %s when it is told to', async (_name, queue, unitsOf, most) => {
    const { exporter, advance, tries, items, counters } = setUp({ queue: { ...queue, num_consumers: 1 } });
    await exporter.start();
    for (let i = 0; i < 12; i++) {
      exporter.logs!(textBatch(5));
      await advance(200);
    }
    const { held = 0 } = items();
    expect(unitsOf({ requests: held / 5, records: held })).toBe(most);
    expect([sampleOf(counters, 'otelcol_exporter_queue_size'), sampleOf(counters, 'otelcol_exporter_queue_capacity')]).toEqual([
      most,
      most,
    ]);
    expect(items()['dropped/queue_full']).toBe(60 - held);
    expect(tries).toHaveLength(1);
  });

  it('makes requests that fit several times into a queue that counts records', async () => {
    const { exporter, settle, tries, items } = setUp({ queue: { sizer: 'items', queue_size: 100 } });
    await exporter.start();
    exporter.logs!(textBatch(100));
    await settle();
    expect(tries.map(({ records }) => records)).toEqual([25, 25, 25]);
    expect(items()).toEqual({ accepted: 100, held: 100 });
  });

  it.each([{ sizer: 'requests' }, { sizer: 'items' }] as const)('is bounded in bytes too with %o', (queue) => {
    const capacity = createCapacity(sendingQueue.parse({ ...queue, queue_size: 1_000_000 }));
    const request = { signal: 'logs', bytes: { length: 4_000_000 } as Buffer, records: 10 } as const;
    let taken = 0;
    for (; capacity.fits(request); taken++) capacity.add(request);
    expect(taken).toBe(Math.floor((256 * 2 ** 20) / 4_000_000));
  });

  it('says when it has no room and drops nothing when it is to block', async () => {
    const { exporter, advance, tries, items } = setUp({ queue: { queue_size: '4MiB', num_consumers: 1, block_on_overflow: true } });
    await exporter.start();
    expect(exporter.readiness!()).toBeUndefined();
    // one frame may take it over the limit
    exporter.logs!(textBatch(6, 1_000_000));
    await advance(200);
    let asked = 0;
    const ready = exporter.readiness!()!.then(() => asked++);
    await advance(60_000);
    expect(asked).toBe(0);
    tries[0]!.answer({ kind: 'success' });
    await ready;
    expect(exporter.readiness!()).toBeUndefined();
    expect(items()).toEqual({ accepted: 6, sent: 3, held: 3 });
    exporter.logs!(textBatch(6, 1_000_000));
    await advance(200);
    // nobody waits for an exporter that stops
    const waiting = exporter.readiness!()!;
    const stopping = exporter.stop(1000);
    expect(exporter.readiness!()).toBeUndefined();
    await advance(1000);
    await waiting;
    await stopping;
    expect(items()).toEqual({ accepted: 12, sent: 3, 'dropped/shutdown': 9 });
  });

  it('lets nobody go on before the result when it is to wait for it', async () => {
    const { exporter, advance, tries } = setUp({ queue: { wait_for_result: true }, retry: { enabled: false } });
    await exporter.start();
    for (const outcome of [{ kind: 'success' } as const, unavailable]) {
      expect(exporter.readiness!()).toBeUndefined();
      exporter.logs!(textBatch(3));
      let waits = 0;
      const ready = exporter.readiness!()!.then(() => waits++);
      await advance(0); // sent without the flush interval: nothing comes on top
      expect([tries.at(-1)!.records, waits]).toEqual([3, 0]);
      tries.at(-1)!.answer(outcome);
      await ready;
    }
    expect(exporter.readiness!()).toBeUndefined();
  });

  it('has no say in the reading of the ring unless it is told to', () => {
    expect(setUp().exporter.readiness).toBeUndefined();
  });

  it('keeps its books whatever happens', async () => {
    const tooLarge: Outcome = { kind: 'permanent', tooLarge: true, message: 'too large' };
    const outcome: fc.Arbitrary<Outcome> = fc.oneof(
      fc.record({ kind: fc.constant('success' as const), rejected: fc.nat(30) }),
      fc.constant<Outcome>({ kind: 'success' }),
      fc.constant(unavailable),
      fc.record({ kind: fc.constant('retryable' as const), afterMs: fc.nat(20_000), message: fc.constant('later') }),
      fc.constant<Outcome>({ kind: 'permanent', message: 'no' }),
      fc.constant(tooLarge),
    );
    const step = fc.oneof(
      fc.record({ do: fc.constant('log' as const), rows: fc.integer({ min: 1, max: 30 }) }),
      fc.record({ do: fc.constant('big' as const), rows: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ do: fc.constant('answer' as const), which: fc.nat(), outcome }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.nat(40_000) }),
    );
    const queues = fc.record({
      enabled: fc.boolean(),
      size: fc.constantFrom({ queue_size: '4MiB' }, { sizer: 'requests', queue_size: 3 }, { sizer: 'items', queue_size: 60 }),
      num_consumers: fc.integer({ min: 1, max: 3 }),
      block_on_overflow: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), queues, fc.boolean(), async (steps, { size, ...queue }, answering) => {
        const { exporter, advance, tries, counters, items, health } = setUp({ queue: { ...queue, ...size }, maxRequestBytes: 3000 });
        await exporter.start();
        const open = () => tries.filter(({ answer }) => !answered.has(answer));
        const answered = new Set<unknown>();
        /** What arrived, a partial success whole. */
        const arrived: string[] = [];
        const settleOne = ({ answer, texts }: Try, with_: Outcome) => {
          answered.add(answer);
          if (with_.kind === 'success') arrived.push(...texts);
          answer(with_);
        };
        let logged = 0;
        for (const action of steps) {
          if (action.do === 'log' || action.do === 'big') {
            exporter.logs!(textBatch(action.rows, action.do === 'log' ? 10 : 1_200_000, logged));
            logged += action.rows;
          } else if (action.do === 'wait') {
            await advance(action.ms);
          } else {
            const waiting = open();
            const chosen = waiting[action.which % waiting.length];
            if (chosen !== undefined) settleOne(chosen, action.outcome);
            await advance(0);
          }
          expect(imbalance(counters)).toBe(0);
          expect(open().length).toBeLessThanOrEqual(queue.num_consumers);
          expect(Number(health().details!['queue_bytes'])).toBeLessThanOrEqual((4 + 64) * 2 ** 20);
        }
        const stopping = exporter.stop(5000);
        for (let i = 0; i < (answering ? 400 : 0) && open().length > 0; i++) {
          for (const one of open()) settleOne(one, { kind: 'success' });
          await advance(0);
        }
        await advance(5000);
        await stopping;
        expect(imbalance(counters)).toBe(0);
        const { accepted = 0, held = 0, sent = 0, 'rejected/partial_success': rejected = 0, ...rest } = items();
        expect(held).toBe(0);
        expect(arrived).toHaveLength(sent + rejected);
        const told = arrived.filter((text) => text.startsWith('loss'));
        const texts = arrived.filter((text) => !text.startsWith('loss'));
        expect(new Set(texts).size).toBe(texts.length);
        expect(accepted).toBeGreaterThanOrEqual(logged);
        // whatever was dropped is told, unless what told it did not arrive either
        const lost = told.reduce((sum, text) => sum + Number(text.split(' ')[3]), 0);
        const full = rest['dropped/queue_full'] ?? 0;
        const others = Object.keys(rest).filter((key) => key !== 'dropped/queue_full');
        expect(lost).toBeLessThanOrEqual(full);
        expect(others.length > 0 || lost === full).toBe(true);
        expect(queue.block_on_overflow && full > 0).toBe(false);
      }),
      { numRuns: 100 },
    );
  }, 60_000);
});
