import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/core/batch.ts';
import type { BatchTap } from '../../../src/core/component.ts';
import { everyEvent } from '../../../src/live/events/filter.ts';
import type { EventReader } from '../../../src/live/events/reader.ts';
import { createEventStreams, type OpenEvents } from '../../../src/live/events/stream.ts';
import type { LiveEvent, LiveMessage } from '../../../src/live/events/types.ts';
import { eventName } from '../../../src/otlp/names.ts';
import { batchOf, sourceOf } from './batches.ts';

const createWorld = (tick = 0) => {
  const taps = new Set<BatchTap>();
  const counts = { sent: 0, slow_reader: 0, rate: 0 };
  const clock = { nowMs: 0 };
  const streams = createEventStreams({
    tap(listener) {
      taps.add(listener);
      return () => void taps.delete(listener);
    },
    now: () => (clock.nowMs += tick),
    count: (taken) => void counts[taken]++,
  });
  const show = (batch: Batch, pipeline = 'logs', isFirst = true): void => {
    for (const tap of taps) tap(pipeline, batch, isFirst);
  };
  const open = (options: Partial<OpenEvents> = {}): EventReader =>
    streams.open({ filter: everyEvent, eventsPerSecond: 1_000_000, bufferBytes: 2 ** 20, ...options });
  return { taps, counts, clock, streams, show, open };
};

/** What comes until the end, or as many items. */
const readAll = async (reader: EventReader, items = Number.POSITIVE_INFINITY): Promise<readonly LiveMessage[]> => {
  const messages: LiveMessage[] = [];
  let left = items;
  for await (const text of reader) {
    expect(text.endsWith('\n')).toBe(true);
    messages.push(...text.trimEnd().split('\n').map((line) => JSON.parse(line) as LiveMessage)); // prettier-ignore
    if (--left <= 0) break;
  }
  return messages;
};

const pidsIn = (messages: readonly LiveMessage[]): readonly unknown[] =>
  messages.flatMap((message) => (message.type === 'event' ? [message.attributes['process.pid']] : []));
const missedIn = (messages: readonly LiveMessage[], reason?: string): number =>
  messages.reduce(
    (sum, message) => (message.type === 'missed' && (reason ?? message.reason) === message.reason ? sum + message.count : sum),
    0,
  );
const events = (count: number, firstPid = 1) => batchOf(Array.from({ length: count }, (_, index) => ({ pid: firstPid + index })));

describe('live events', () => {
  it('say in which trace their thread was', async () => {
    const { show, streams, open } = createWorld();
    const reader = open();
    const bytes = Uint8Array.from({ length: 24 }, (_, i) => i + 1);
    const strings = { bytes, offsets: Uint32Array.of(0, 0), lengths: Uint32Array.of(0, 24), count: 2 };
    show({ ...events(2), contexts: { strings, ids: Uint32Array.of(1, 0) } });
    streams.end('ended');
    const [first, second] = await readAll(reader);
    expect(first).toMatchObject({ trace_id: '0102030405060708090a0b0c0d0e0f10', span_id: '1112131415161718' });
    expect(Object.keys(second!)).toEqual(['type', 'time', 'event', 'receiver', 'pipeline', 'attributes']);
  });

  it('cost nothing while nobody reads them', async () => {
    const { taps, streams, open } = createWorld();
    expect(taps.size).toBe(0);
    const [one, two] = [open(), open({ filter: { ...everyEvent, pids: [1] } })];
    expect([taps.size, streams.readers()]).toEqual([1, 2]);
    one.close();
    one.close();
    expect([taps.size, streams.readers()]).toEqual([1, 1]);
    two.close();
    expect([taps.size, streams.readers()]).toEqual([0, 0]);
    expect(await readAll(one)).toEqual([]);
  });

  it('are lines of the event, its receiver and pipeline, and the resource when it is not the host', async () => {
    const { show, streams, open } = createWorld();
    const reader = open();
    const source = sourceOf([[['process.owner', 'a\u001b[2J\u202e']]], ['process.owner']);
    const batch = batchOf([{ pid: 7, atNs: 1_000_000_001n }, { pid: 8 }], 'process/b');
    show({
      ...batch,
      actorAttributes: [{ source, ids: Uint32Array.of(1, 0) }],
      rowResources: { ids: Uint32Array.of(0, 1), list: [undefined, { attributes: [['container.id', 'c']] }] },
    });
    await turn();
    streams.end('ended');
    let text = '';
    for await (const some of reader) text += some;
    // oxlint-disable-next-line no-control-regex -- it is what is meant
    expect(text).not.toMatch(/[\u001b\u202e]/);
    const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line) as LiveMessage); // prettier-ignore
    expect(lines).toEqual([
      { type: 'event', time: expect.any(String), event: eventName.processExit, receiver: 'process/b', pipeline: 'logs', attributes: expect.objectContaining({ 'process.pid': 8 }), resource: { 'container.id': 'c' } },
      { type: 'event', time: '2026-09-21T14:13:21.000000001Z', event: eventName.processExit, receiver: 'process/b', pipeline: 'logs', attributes: expect.objectContaining({ 'process.pid': 7, 'process.owner': 'a\u001b[2J\u202e' }) },
      { type: 'end', reason: 'ended' },
    ]); // prettier-ignore
    expect(Object.keys(lines[1] as LiveEvent)).not.toContain('resource');
  });

  it('of one turn come in the order in which they happened', async () => {
    const { show, streams, open } = createWorld();
    const reader = open();
    show(batchOf([{ pid: 3, atNs: 30n }, { pid: 5, atNs: 50n }])); // prettier-ignore
    show(batchOf([{ pid: 1, atNs: 10n }, { pid: 4, atNs: 40n }])); // prettier-ignore
    await turn();
    show(batchOf([{ pid: 2, atNs: 20n }]));
    streams.end('ended');
    expect(pidsIn(await readAll(reader))).toEqual([1, 3, 4, 5, 2]);
  });

  it('that go through several pipelines are shown once, or where they are wanted', async () => {
    const { show, streams, open } = createWorld();
    const readers = [open(), open({ pipeline: 'logs/b' }), open({ pipeline: 'logs' })];
    show(events(1, 1), 'logs', true);
    show(events(1, 1), 'logs/b', false);
    show(events(1, 2), 'logs/b', true);
    await turn();
    streams.end('ended');
    expect((await Promise.all(readers.map((reader) => readAll(reader)))).map(pidsIn)).toEqual([[1, 2], [1, 2], [1]]); // prettier-ignore
  });

  it('are those that each reader wants, and loss', async () => {
    const { show, streams, open } = createWorld();
    const readers = [
      open({ filter: { ...everyEvent, pids: [2, 9] } }),
      open({ filter: { ...everyEvent, pids: [3] } }),
      open({ filter: { ...everyEvent, pids: [3] } }),
      open({ filter: { ...everyEvent, events: ['exec'] } }),
    ];
    show({ ...events(5), selection: Uint32Array.of(1, 2, 3) });
    show(batchOf([{ kind: { eventName: eventName.loss, fields: [] }, pid: 42, atNs: 99n }]));
    await turn();
    streams.end('ended');
    expect((await Promise.all(readers.map((reader) => readAll(reader)))).map(pidsIn)).toEqual([[2, 42], [3, 42], [3, 42], [42]]); // prettier-ignore
  });

  it('are given as they come to who waits for them', async () => {
    const { show, open } = createWorld();
    const reader = open();
    const iterator = reader[Symbol.asyncIterator]();
    const next = iterator.next();
    show(events(1));
    expect((await next).value).toMatch(/^\{"type":"event".*\}\n$/);
    const waiting = iterator.next();
    reader.close();
    expect((await waiting).done).toBe(true);
  });

  it('end with the signal of who asked', async () => {
    const { taps, open } = createWorld();
    const gone = new AbortController();
    const reading = readAll(open({ signal: gone.signal }));
    gone.abort();
    expect(await reading).toEqual([]);
    open({ signal: gone.signal });
    expect(taps.size).toBe(0);
  });

  it('that a slow reader misses are told by number, and no more than its buffer waits', async () => {
    const { show, streams, counts, open } = createWorld();
    const reader = open({ bufferBytes: 65_536 });
    for (let i = 0; i < 100; i++) {
      show(events(100));
      await turn();
    }
    const first = await reader[Symbol.asyncIterator]().next();
    expect(Buffer.byteLength(String(first.value))).toBeLessThanOrEqual(65_536);
    show(events(10, 70_000));
    await turn();
    streams.end('ended');
    const messages = [
      ...String(first.value).trimEnd().split('\n').map((line) => JSON.parse(line) as LiveMessage),
      ...(await readAll(reader)),
    ]; // prettier-ignore
    expect(pidsIn(messages).length + missedIn(messages, 'slow_reader')).toBe(10_010);
    expect(pidsIn(messages).slice(-10)).toEqual(Array.from({ length: 10 }, (_, index) => 70_000 + index));
    // in its place
    expect(messages.findIndex(({ type }) => type === 'missed')).toBe(messages.length - 12);
    expect(counts).toEqual({ sent: pidsIn(messages).length, slow_reader: missedIn(messages), rate: 0 });
  });

  it('beyond the rate are told by number', async () => {
    const { show, streams, clock, open } = createWorld();
    const reader = open({ eventsPerSecond: 100 });
    show(events(250));
    await turn();
    clock.nowMs += 50;
    show(events(10)); // five would be allowed, but one by one
    await turn();
    clock.nowMs += 50;
    show(events(20, 1000));
    await turn();
    streams.end('ended');
    const messages = await readAll(reader);
    expect(pidsIn(messages)).toEqual([
      ...Array.from({ length: 100 }, (_, index) => 1 + index),
      ...Array.from({ length: 10 }, (_, index) => 1000 + index),
    ]);
    expect(messages.flatMap((message) => (message.type === 'missed' ? [message] : []))).toEqual([
      { type: 'missed', count: 160, reason: 'rate' },
      { type: 'missed', count: 10, reason: 'rate' },
    ]);
  });

  it('take no more than a part of the time', async () => {
    // each look at this clock takes 10 ms, and so does each line
    const { show, streams, clock, open } = createWorld(10);
    const reader = open();
    show(events(1000));
    streams.end('ended');
    const messages = await readAll(reader);
    expect(pidsIn(messages).length * 10).toBeLessThanOrEqual(200 + 0.2 * clock.nowMs);
    expect(pidsIn(messages).length + missedIn(messages, 'rate')).toBe(1000);
  });

  it('are sent or told as missed, to the unit, whatever happens', async () => {
    const step = fc.oneof(
      fc.record({ show: fc.integer({ min: 1, max: 300 }) }),
      fc.record({ wait: fc.integer({ min: 1, max: 2000 }) }),
      fc.record({ read: fc.constant(1) }),
      fc.record({ turn: fc.constant(1) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 30 }),
        fc.integer({ min: 1, max: 500 }),
        fc.constantFrom(65_536, 131_072),
        async (steps, eventsPerSecond, bufferBytes) => {
          const { show, streams, clock, counts, open } = createWorld();
          const reader = open({ eventsPerSecond, bufferBytes, filter: { ...everyEvent, excludedPids: [1] } });
          const iterator = reader[Symbol.asyncIterator]();
          const texts: string[] = [];
          let matched = 0;
          let pending: Promise<void> | undefined;
          const take = async (): Promise<void> => {
            const { value, done } = await iterator.next();
            if (done !== true) texts.push(value);
            pending = undefined;
          };
          for (const one of steps) {
            if ('show' in one) {
              show(events(one.show));
              matched += one.show - 1;
            } else if ('wait' in one) clock.nowMs += one.wait;
            else if ('read' in one) pending ??= take();
            else await turn();
          }
          streams.end('ended');
          await pending;
          for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) texts.push(next.value);
          const messages = texts.join('').trimEnd().split('\n').map((line) => JSON.parse(line) as LiveMessage); // prettier-ignore
          expect(pidsIn(messages).length + missedIn(messages)).toBe(matched);
          expect(counts.sent).toBe(pidsIn(messages).length);
          expect(counts.sent).toBeLessThanOrEqual(eventsPerSecond * (1 + clock.nowMs / 1000) + 1);
          expect(messages.at(-1)).toEqual({ type: 'end', reason: 'ended' });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('of loss are told beyond the rate and the buffer, in bounds', async () => {
    const { show, streams, open } = createWorld();
    const readers = [open({ eventsPerSecond: 1 }), open({ bufferBytes: 65_536 })];
    show(events(1000));
    const loss = { eventName: eventName.loss, fields: [] };
    show(batchOf([{ kind: loss, pid: 5000, atNs: 9999n }]));
    show(batchOf(Array.from({ length: 1000 }, () => ({ kind: loss, pid: 6000, atNs: 9999n }))));
    await turn();
    streams.end('ended');
    const [slow, full] = await Promise.all(readers.map((reader) => readAll(reader)));
    expect(pidsIn(slow!)).toEqual([1, 5000, ...Array.from({ length: 1000 }, () => 6000)]);
    expect(pidsIn(full!)).toContain(5000);
    expect(pidsIn(full!).length).toBeLessThan(2000);
    expect(pidsIn(full!).length + missedIn(full!, 'slow_reader')).toBe(2001);
  });

  it('that are missed are told although nothing is sent', async () => {
    const { show, open } = createWorld();
    const reader = open({ eventsPerSecond: 1 });
    const read = readAll(reader, 2);
    show(events(5));
    expect(missedIn(await read)).toBe(4);
  });
});
