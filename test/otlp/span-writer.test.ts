import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rowsOf, type Batch } from '../../src/core/batch.ts';
import { spansOf } from '../../src/core/spans.ts';
import type { LogRequest } from '../../src/otlp/log-writer.ts';
import { textOf } from '../../src/otlp/log-text.ts';
import { createSpanWriter } from '../../src/otlp/span-writer.ts';
import { splitRequest } from '../../src/otlp/split.ts';
import { tracesToJson } from '../../src/otlp/to-json.ts';
import { createFrameBuilder } from '../../src/core/frame-builder.ts';
import { spanOf, type Span } from '../../src/text/span.ts';
import { otlp, plainAttributes, type KeyValue, type Long } from '../support/otlp.ts';
import { asSpans, spanBatches } from './random-spans.ts';

const resource = [['service.name', 'ringtail']] as const;

const write = (
  input: readonly Batch[],
  options: { readonly maxRequestBytes?: number; readonly maxRecords?: number } = {},
): LogRequest[] => {
  const requests: LogRequest[] = [];
  const writer = createSpanWriter({ resource, version: '1.2.3', onRequest: (request) => requests.push(request), ...options });
  for (const batch of input) writer.append(batch);
  writer.flush();
  return requests;
};

type Decoded = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly spans: readonly {
        readonly traceId: Buffer;
        readonly spanId: Buffer;
        readonly parentSpanId: Buffer | null;
        readonly traceState: string | null;
        readonly name: string | null;
        readonly kind: number;
        readonly startTimeUnixNano: Long;
        readonly endTimeUnixNano: Long;
        readonly flags: number | null;
        readonly attributes: readonly KeyValue[];
        readonly events: readonly { readonly timeUnixNano: Long; readonly name: string; readonly attributes: readonly KeyValue[] }[];
        readonly droppedEventsCount: number | null;
        readonly links: readonly { readonly traceId: Buffer; readonly spanId: Buffer; readonly attributes: readonly KeyValue[] }[];
        readonly status?: { readonly code: number; readonly message: string | null };
      }[];
    }[];
  }[];
};
const decode = (bytes: Uint8Array): Decoded => otlp.collector.trace.v1.ExportTraceServiceRequest.decode(bytes) as Decoded;
/** What is not there the generated code gives as null. */
const hex = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString('hex');

const kinds = ['', 'INTERNAL', 'SERVER', 'CLIENT'];
const statuses = ['UNSET', 'OK', 'ERROR'];

type Told = Span & { readonly scope: string; readonly traceState: string; readonly flags: number; readonly links: readonly unknown[] };

const told = (requests: readonly LogRequest[]): Told[] =>
  requests.flatMap(({ bytes }) =>
    decode(bytes).resourceSpans.flatMap(({ resource: of, scopeSpans }) =>
      scopeSpans.flatMap(({ scope, spans }) =>
        spans.map((span) => ({
          scope: scope.name,
          resource: plainAttributes(of.attributes),
          name: span.name ?? '',
          traceId: hex(span.traceId),
          spanId: hex(span.spanId),
          parentId: hex(span.parentSpanId),
          traceState: span.traceState ?? '',
          kind: kinds[span.kind]!,
          flags: span.flags ?? 0,
          startUnixNs: BigInt(span.startTimeUnixNano.toString()),
          endUnixNs: BigInt(span.endTimeUnixNano.toString()),
          status: statuses[span.status?.code ?? 0]!,
          statusMessage: span.status?.message ?? '',
          attributes: plainAttributes(span.attributes),
          events: span.events.map(({ timeUnixNano, name, attributes }) => ({
            unixNs: BigInt(timeUnixNano.toString()),
            name,
            attributes: plainAttributes(attributes),
          })),
          droppedEvents: (span.droppedEventsCount ?? 0) >>> 0,
          links: span.links.map(({ traceId, spanId, attributes }) => [hex(traceId), hex(spanId), plainAttributes(attributes)]),
        })),
      ),
    ),
  );

/** What should be there, from the plain reading of each row. */
const expected = (batch: Batch): Told[] =>
  Array.from({ length: rowsOf(batch) }, (_, i) => {
    const row = batch.selection?.[i] ?? i;
    const spans = spansOf(batch);
    const span = spanOf(batch, row);
    return {
      ...span,
      scope: `ringtail/${batch.receiver.split('/')[0]}`,
      resource: span.resource ?? resource,
      // a status that is unset says nothing more
      statusMessage: span.status === 'UNSET' ? '' : span.statusMessage,
      attributes: span.attributes.map(([name, value]) => [name.toWellFormed(), value] as const),
      traceState: textOf(spans, spans.traceStates[row]!),
      flags: spans.flags[row]!,
      links: (spans.links?.[row] ?? []).map(({ traceId, spanId, attributes }) => [hex(traceId), hex(spanId), attributes]),
    };
  });

const keyOf = ({ scope, resource: of }: Told): string => JSON.stringify([of, scope]);

const fewSpans = (rows: number): Batch => {
  const builder = createFrameBuilder({ wallOffsetNs: 1_790_000_000_000_000_000n });
  const actor = builder.addActor({ pid: 7, comm: 'make' });
  for (let row = 0; row < rows; row++) builder.addRow(1, { bootNs: BigInt(row), actor, columns: { text: `text ${row}` } });
  const frame = builder.build();
  const batch: Batch = {
    ...frame.batches[0]!,
    kind: { eventName: 'test.span', fields: [{ name: 'text', type: 'string', column: 'text' }] },
    receiver: 'process',
    frame,
    selection: undefined,
    actorAttributes: [],
    rowAttributes: [],
    resource: undefined,
    omitted: undefined,
  };
  return asSpans(batch, 1);
};

describe('span writer', () => {
  it('writes what the plain reading says, whatever the batches and the size of a request', () => {
    const limits = fc.record({
      maxRequestBytes: fc.oneof(fc.constantFrom(1, 4_000_000), fc.integer({ min: 200, max: 4000 })),
      maxRecords: fc.constantFrom(1, 3, 1000),
    });
    fc.assert(
      fc.property(spanBatches, limits, (input, limit) => {
        const requests = write(input, limit);
        const spans = told(requests);
        expect(Map.groupBy(spans, keyOf)).toEqual(Map.groupBy(input.flatMap(expected), keyOf));
        expect(requests.reduce((sum, { records }) => sum + records, 0)).toBe(spans.length);
        for (const { bytes, records } of requests) {
          expect(records).toBeGreaterThan(0);
          expect(records === 1 || (bytes.length <= limit.maxRequestBytes && records <= limit.maxRecords)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('has each resource once in a request', () => {
    fc.assert(
      fc.property(spanBatches, (input) => {
        for (const { bytes } of write(input)) {
          const resources = decode(bytes).resourceSpans.map(({ resource: of }) => JSON.stringify(plainAttributes(of.attributes)));
          expect(new Set(resources).size).toBe(resources.length);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('refuses records that are no spans, and goes on', () => {
    const requests: LogRequest[] = [];
    const writer = createSpanWriter({ resource, version: '1', onRequest: (request) => requests.push(request) });
    const batch = fewSpans(3);
    writer.append(batch);
    expect(() => writer.append({ ...batch, spans: undefined })).toThrow('records of test.span are no spans');
    writer.append(batch);
    expect(writer.openRecords()).toBe(6);
    writer.flush();
    expect(told(requests)).toEqual([...expected(batch), ...expected(batch)]);
  });

  it('can be split and told as JSON', () => {
    const batch = fewSpans(5);
    const [{ bytes } = { bytes: Buffer.alloc(0) }] = write([batch]);
    const halves = splitRequest(bytes, 'traces')!;
    expect(halves.map(({ records }) => records)).toEqual([2, 3]);
    expect(told(halves.map(({ bytes: half, records }) => ({ bytes: half, records })))).toEqual(expected(batch));
    const json = JSON.parse(String(tracesToJson(bytes))) as {
      resourceSpans: { scopeSpans: { spans: { name: string; traceId: string; startTimeUnixNano: string }[] }[] }[];
    };
    const spans = json.resourceSpans[0]!.scopeSpans[0]!.spans;
    expect(spans.map(({ traceId, startTimeUnixNano }) => [traceId, startTimeUnixNano])).toEqual(
      expected(batch).map(({ traceId, startUnixNs }) => [traceId, String(startUnixNs)]),
    );
  });
});
