import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_ACTOR, rowsOf, type AttributeSource, type Batch } from '../../src/core/batch.ts';
import { createFrameBuilder } from '../../src/core/frame-builder.ts';
import { createLogWriter, type LogRequest } from '../../src/otlp/log-writer.ts';
import { attributesOf, unixNsOf } from '../../src/otlp/log-text.ts';
import { createRequestMemory } from '../../src/otlp/request-memory.ts';
import { encodeAttributes } from '../../src/otlp/wire.ts';
import { decodeRequest, type PlainRecord } from '../support/otlp.ts';
import { batches } from './random-batches.ts';

const nowMs = 1_795_000_000_123.5;
const resource = [
  ['service.name', 'ringtail'],
  ['host.name', 'höst'],
] as const;

const write = (input: readonly Batch[], maxRequestBytes?: number, maxRecords?: number): LogRequest[] => {
  const requests: LogRequest[] = [];
  const writer = createLogWriter({
    resource,
    version: '1.2.3',
    onRequest: (request) => requests.push(request),
    nowMs: () => nowMs,
    ...(maxRequestBytes === undefined ? {} : { maxRequestBytes }),
    ...(maxRecords === undefined ? {} : { maxRecords }),
  });
  for (const batch of input) writer.append(batch);
  writer.flush();
  return requests;
};

/** Read off the table by itself. */
const contextText = ({ contexts }: Batch, row: number): readonly [string, string] => {
  const id = contexts?.ids[row] ?? 0;
  const hex = id === 0 ? '' : Buffer.from(contexts!.strings.bytes).toString('hex', (id - 1) * 24, id * 24);
  return [hex.slice(0, 32), /^0*$/.test(hex.slice(32)) ? '' : hex.slice(32)];
};

/** What should be there, from the plain reading of each row. */
const expected = (batch: Batch): PlainRecord[] =>
  Array.from({ length: rowsOf(batch) }, (_, i) => {
    const row = batch.selection?.[i] ?? i;
    return {
      resource: (batch.rowResources?.list[batch.rowResources.ids[row]!] ?? batch.resource)?.attributes ?? resource,
      scope: `ringtail/${batch.receiver.split('/')[0]}`,
      version: '1.2.3',
      timeNs: unixNsOf(batch, row),
      observedNs: BigInt(nowMs * 1000) * 1000n,
      severityNumber: 9,
      severityText: 'INFO',
      eventName: batch.kind.eventName,
      attributes: attributesOf(batch, row).map(([name, value]) => [name.toWellFormed(), value] as const),
      context: contextText(batch, row),
    };
  });

const bySource = (records: readonly PlainRecord[]): ReadonlyMap<string, readonly PlainRecord[]> =>
  Map.groupBy(records, ({ scope, resource: of }) => JSON.stringify([of, scope]));

const simpleBatch = (rows: number, texts: (row: number) => string = (row) => `text ${row}`): Batch => {
  const builder = createFrameBuilder({ wallOffsetNs: 1_790_000_000_000_000_000n });
  const actors = [builder.addActor({ pid: 1, comm: 'init' }), builder.addActor({ pid: 2, comm: 'other' })];
  for (let row = 0; row < rows; row++) builder.addRow(1, { bootNs: BigInt(row), actor: actors[row % 2]!, columns: { text: texts(row) } });
  const frame = builder.build();
  return {
    ...frame.batches[0]!,
    kind: { eventName: 'test.event', fields: [{ name: 'text', type: 'string', column: 'text' }] },
    receiver: 'process',
    frame,
    selection: undefined,
    actorAttributes: [],
    rowAttributes: [],
    resource: undefined,
    omitted: undefined,
  };
};

describe('log writer', () => {
  it('writes what the plain reading says, whatever the batches and the size of a request', () => {
    const limits = fc.record({
      cap: fc.oneof(fc.constantFrom(1, 4_000_000), fc.integer({ min: 200, max: 4000 })),
      maxRecords: fc.oneof(fc.constant(undefined), fc.integer({ min: 1, max: 20 })),
    });
    fc.assert(
      fc.property(batches, limits, (input, { cap, maxRecords }) => {
        const requests = write(input, cap, maxRecords);
        const rows = input.flatMap(expected);
        const isInOrder = input.every(({ rowResources }) => rowResources === undefined);
        const written: PlainRecord[] = [];
        for (const { bytes, records } of requests) {
          const decoded = decodeRequest(bytes);
          // each resource once, and in it each record in its place among those of its scope
          expect(new Set(decoded.resources.map((one) => JSON.stringify(one))).size).toBe(decoded.resources.length);
          expect(decoded.records.length).toBe(records);
          const inOrder = isInOrder ? rows.slice(written.length, written.length + records) : decoded.records;
          expect(bySource(decoded.records)).toEqual(bySource(inOrder));
          written.push(...decoded.records);
          expect(bytes.length <= cap || records === 1).toBe(true);
          expect(records).toBeLessThanOrEqual(maxRecords ?? records);
        }
        expect(written.length).toBe(rows.length);
        expect(bySource(written)).toEqual(bySource(rows));
      }),
      { numRuns: 500 },
    );
  }, 60_000);

  it('writes each resource once in a request, and again in the next one', () => {
    const batch = simpleBatch(20);
    const other = { attributes: [['service.name', 'other']] } as const;
    const [first, ...more] = write(Array.from({ length: 9 }, (_, index) => ({ ...batch, resource: index % 2 === 0 ? undefined : other })));
    expect(more).toEqual([]);
    expect(decodeRequest(first!.bytes).resources).toEqual([resource, other.attributes]);
    expect(decodeRequest(first!.bytes).scopes).toEqual([
      ['ringtail/process', 100],
      ['ringtail/process', 80],
    ]);
    const alone = write([{ ...batch, resource: other }]);
    expect(decodeRequest(alone[0]!.bytes).resources).toEqual([other.attributes]);
  });

  it('writes rows of one batch below their resources, each resource once, whichever way they alternate', () => {
    const rows = 90;
    const list = [undefined, ...['a', 'b', 'a'].map((id) => ({ attributes: [['container.id', id]] as const }))];
    const rowResources = { ids: Uint32Array.from({ length: rows }, (_, row) => row % list.length), list };
    const batch: Batch = {
      ...simpleBatch(rows),
      rowResources,
      selection: Uint32Array.from({ length: 60 }, (_, index) => rows - 1 - index),
    };
    const other = { ...batch, resource: { attributes: [['service.name', 'other']] as const } };
    const [request, ...more] = write([batch, other]);
    expect(more).toEqual([]);
    const { resources, records } = decodeRequest(request!.bytes);
    expect(resources).toEqual([list[1]!.attributes, resource, list[2]!.attributes, other.resource.attributes]);
    expect(bySource(records)).toEqual(bySource([batch, other].flatMap(expected)));
  });

  it('knows a resource that is made anew by what it says, also among more than it remembers', () => {
    const batch: Batch = { ...simpleBatch(2), actor: Uint32Array.of(NO_ACTOR, NO_ACTOR), kind: { eventName: 'x', fields: [] } };
    const named = (id: number) => ({ attributes: [['container.id', `${id}`]] as const });
    const input = Array.from({ length: 4200 }, (_, id): Batch => ({
      ...batch,
      rowResources: { ids: Uint32Array.of(1, 2), list: [undefined, named(id), named(id)] },
    }));
    const [request] = write(input);
    const { resources, scopes } = decodeRequest(request!.bytes);
    expect(resources.map(([attribute]) => attribute![1]).join()).toBe(input.map((_, id) => id).join());
    expect(scopes.every(([, count]) => count === 2)).toBe(true);
  });

  it('gives every request memory of its own', () => {
    const requests = write([simpleBatch(300)], 2000);
    expect(requests.length).toBeGreaterThan(10);
    const memories = new Set(requests.map(({ bytes }) => bytes.buffer));
    expect(memories.size).toBe(requests.length);
    for (const { bytes } of requests) expect(bytes.buffer.byteLength).toBe(bytes.length);
  });

  it('writes later requests into memory that was given back, and only there', () => {
    const input = Array.from({ length: 12 }, (_, part) => simpleBatch(600, (row) => `${part} ${row} ${'x'.repeat(row % 500)}`));
    const decoded: PlainRecord[] = [];
    const memories: ArrayBufferLike[] = [];
    const memory = createRequestMemory(300_000);
    const writer = createLogWriter({
      memory,
      resource,
      version: '1.2.3',
      nowMs: () => nowMs,
      maxRequestBytes: 300_000,
      onRequest({ bytes }) {
        decoded.push(...decodeRequest(bytes).records);
        memories.push(bytes.buffer);
        memory.give(bytes.buffer);
      },
    });
    for (const batch of input) writer.append(batch);
    writer.flush();
    expect(decoded).toEqual(input.flatMap(expected));
    expect(memories.length).toBeGreaterThan(6);
    expect(new Set(memories).size).toBeLessThan(memories.length - 2);
  });

  it('fills requests to the default bound and not beyond 4 MiB', () => {
    const big = simpleBatch(30, () => 'x'.repeat(200_000));
    const requests = write([big]);
    expect(requests.map(({ records }) => records)).toEqual([19, 11]);
    expect(requests[0]!.bytes.length).toBeLessThan(4_000_000);
  });

  it('sends a record alone that is larger than a request, and those beside it whole', () => {
    const requests = write([simpleBatch(3, (row) => (row === 1 ? 'x'.repeat(5_000_000) : 'small'))]);
    expect(requests.map(({ records }) => records)).toEqual([1, 1, 1]);
    expect(requests.map(({ bytes }) => bytes.length > 4_000_000)).toEqual([false, true, false]);
    expect(decodeRequest(requests[1]!.bytes).records[0]!.attributes.at(-1)).toEqual(['text', 'x'.repeat(5_000_000)]);
  });

  it('opens a scope where the receiver type changes and shares the request', () => {
    const batch = simpleBatch(2);
    const [request] = write([batch, batch, { ...batch, receiver: 'syscalls/x' }, batch]);
    expect(decodeRequest(request!.bytes).scopes).toEqual([
      ['ringtail/process', 4],
      ['ringtail/syscalls', 2],
      ['ringtail/process', 2],
    ]);
  });

  it('keeps the bound also where a new scope begins', () => {
    // Nothing in these records but what has one length, so that the reckoning has no slack.
    const first: Batch = { ...simpleBatch(1), actor: Uint32Array.of(NO_ACTOR), kind: { eventName: 'x', fields: [] } };
    const input = Array.from({ length: 12 }, (_, index) =>
      index % 2 === 0 ? first : { ...first, receiver: 'a-longer-name-of-a-receiver' },
    );
    for (let cap = 100; cap < 500; cap++) {
      for (const { bytes, records } of write(input, cap)) expect(records === 1 || bytes.length <= cap).toBe(true);
    }
  });

  it('asks a source once a process and request', () => {
    const bytes = encodeAttributes([['process.owner', 'root']]);
    let writes = 0;
    const source: AttributeSource = {
      size: () => bytes.length,
      write(_id, out, at) {
        writes++;
        out.set(bytes, at);
        return at + bytes.length;
      },
      entries: () => [['process.owner', 'root']],
    };
    const batch = { ...simpleBatch(1000), actorAttributes: [{ source, ids: Uint32Array.of(1, 1) }] };
    expect(write([batch, batch])).toHaveLength(1);
    expect(writes).toBe(2);
    writes = 0;
    const requests = write([batch], 20_000);
    expect(writes).toBe(2 * requests.length);
  });

  it('does not take a frame for another one that has its place in the pool', () => {
    const batch = simpleBatch(2);
    const pid = Uint32Array.of(1, 2);
    const frame = { ...batch.frame, sequence: 1, actors: { ...batch.frame.actors, pid } };
    const requests: LogRequest[] = [];
    const writer = createLogWriter({ resource: [], version: '1', onRequest: (request) => requests.push(request) });
    writer.append({ ...batch, frame });
    pid.set([11, 12]);
    frame.sequence = 2;
    writer.append({ ...batch, frame });
    writer.flush();
    const pids = decodeRequest(requests[0]!.bytes).records.map(({ attributes }) => attributes.find(([name]) => name === 'process.pid')![1]);
    expect(pids).toEqual([1, 2, 11, 12]);
  });

  it('keeps whole records when a source throws', () => {
    const bytes = encodeAttributes([['a', 'b']]);
    let broken = false;
    const source: AttributeSource = {
      size: () => bytes.length,
      write(_id, out, at) {
        out.set(bytes, at);
        return at + bytes.length;
      },
      entries: () => [['a', 'b']],
    };
    const failing: AttributeSource = {
      ...source,
      write(id, out, at) {
        if (broken) throw new Error('broken');
        return source.write(id, out, at);
      },
    };
    const batch: Batch = {
      ...simpleBatch(2),
      actorAttributes: [{ source, ids: Uint32Array.of(1, 1) }],
      rowAttributes: [{ source: failing, ids: Uint32Array.of(1, 1) }],
      resource: undefined,
      omitted: undefined,
    };
    const requests: LogRequest[] = [];
    const writer = createLogWriter({ resource: [], version: '1', onRequest: (request) => requests.push(request) });
    broken = true;
    expect(() => writer.append(batch)).toThrow('broken');
    expect(writer.openRecords()).toBe(0);
    broken = false;
    writer.append(batch);
    broken = true;
    expect(() => writer.append(batch)).toThrow('broken');
    expect(writer.openRecords()).toBe(2);
    broken = false;
    writer.append(batch);
    writer.flush();
    const attributes = decodeRequest(requests[0]!.bytes).records.map((record) => record.attributes);
    expect(attributes).toEqual([0, 1, 0, 1].map((row) => attributesOf(batch, row)));
  });

  it('remembers the processes of a large frame', () => {
    const builder = createFrameBuilder({ wallOffsetNs: 0n });
    for (let i = 0; i < 3000; i++) builder.addRow(1, { bootNs: BigInt(i), actor: builder.addActor({ pid: i % 1500 }) });
    const { batches: built, ...frame } = builder.build();
    const kind = { eventName: 'x', fields: [] };
    const source = (() => {
      const bytes = [encodeAttributes([['odd', false]]), encodeAttributes([['odd', true]])];
      return {
        size: () => 20,
        write: (id: number, out: Uint8Array, at: number) => (out.set(bytes[id]!, at), at + bytes[id]!.length),
        entries: (id: number) => [['odd', id === 1] as const],
      };
    })();
    const ids = Uint32Array.from({ length: 1500 }, (_, i) => i % 2);
    const large: Batch = {
      ...built[0]!,
      kind,
      receiver: 'process',
      frame,
      selection: undefined,
      actorAttributes: [{ source, ids }],
      rowAttributes: [],
      resource: undefined,
      omitted: undefined,
    };
    const small = { ...simpleBatch(2), actorAttributes: large.actorAttributes };
    const [request] = write([small, large]);
    expect(decodeRequest(request!.bytes).records).toEqual([small, large].flatMap(expected));
  });

  it('refuses a kind with an attribute name beyond the bound', () => {
    const batch = { ...simpleBatch(1), kind: { eventName: 'x', fields: [{ name: 'n'.repeat(97), type: 'u32' as const, column: 'text' }] } };
    expect(() => write([batch])).toThrow(RangeError);
  });

  it('hands over nothing when nothing was written', () => {
    expect(write([])).toEqual([]);
    expect(write([{ ...simpleBatch(2), selection: new Uint32Array(0) }])).toEqual([]);
  });
});
