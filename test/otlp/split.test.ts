/** Requests are taken apart; the oracle is code that others generated from the official schema. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitRequest } from '../../src/otlp/split.ts';
import { otlp } from '../support/otlp.ts';

type Message = { encode(message: object): { finish(): Uint8Array }; decode(bytes: Uint8Array): object };
const schema = otlp as unknown as {
  readonly collector: Readonly<Record<'logs' | 'trace', { readonly v1: Readonly<Record<string, Message>> }>>;
};
const logsRequest = schema.collector.logs.v1['ExportLogsServiceRequest']!;
const traceRequest = schema.collector.trace.v1['ExportTraceServiceRequest']!;

const attributes = fc.array(
  fc.record({ key: fc.string({ minLength: 1, maxLength: 8 }), value: fc.record({ stringValue: fc.string({ maxLength: 300 }) }) }),
  { maxLength: 3 },
);
const logRecord = fc.record({ eventName: fc.string({ maxLength: 20 }), severityNumber: fc.nat(24), attributes });
const scopeLogs = fc.record({
  scope: fc.record({ name: fc.string({ maxLength: 10 }), version: fc.constant('1') }),
  logRecords: fc.array(logRecord, { maxLength: 6 }),
  schemaUrl: fc.string({ maxLength: 5 }),
});
const logs = fc.record({
  resourceLogs: fc.array(
    fc.record({
      resource: fc.record({ attributes }),
      scopeLogs: fc.array(scopeLogs, { maxLength: 4 }),
      schemaUrl: fc.string({ maxLength: 5 }),
    }),
    { maxLength: 4 },
  ),
});

type Plain = {
  readonly resourceLogs: readonly {
    readonly resource: object;
    readonly schemaUrl: string;
    readonly scopeLogs: readonly {
      readonly scope: { readonly name: string };
      readonly schemaUrl: string;
      readonly logRecords: readonly { readonly eventName: string }[];
    }[];
  }[];
};

/** Every record with all that it belongs to. */
const flat = (bytes: Uint8Array): readonly string[] =>
  (logsRequest.decode(bytes) as Plain).resourceLogs.flatMap(({ resource, schemaUrl, scopeLogs: scopes }) =>
    scopes.flatMap(({ scope, schemaUrl: scopeSchema, logRecords }) =>
      logRecords.map((record) => JSON.stringify([resource, schemaUrl, scope, scopeSchema, record])),
    ),
  );

/** Of every record the names of scope and event. */
const namesOf = (bytes: Uint8Array): readonly string[] =>
  (logsRequest.decode(bytes) as Plain).resourceLogs.flatMap(({ scopeLogs: scopes }) =>
    scopes.flatMap(({ scope, logRecords }) => logRecords.map(({ eventName }) => `${scope.name} ${eventName}`)),
  );

const varint = (value: number, width = 1): number[] => {
  const out: number[] = [];
  let rest = value;
  do {
    out.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  } while (rest > 0 || out.length < width);
  out[out.length - 1]! &= 0x7f;
  return out;
};
const field = (number: number, content: readonly number[] | Uint8Array, width = 1): number[] => [
  ...varint(number * 8 + 2),
  ...varint(content.length, width),
  ...content,
];

describe('splitRequest', () => {
  it('gives two halves that together are the whole, each record under its resource and scope', () => {
    fc.assert(
      fc.property(logs, (message) => {
        const bytes = logsRequest.encode(message).finish();
        const whole = flat(bytes);
        const halves = splitRequest(bytes, 'logs') ?? [];
        expect(halves.map(({ records }) => records)).toEqual(
          whole.length < 2 ? [] : [Math.floor(whole.length / 2), Math.ceil(whole.length / 2)],
        );
        expect(halves.map((half) => flat(half.bytes).length)).toEqual(halves.map(({ records }) => records));
        expect(halves.flatMap((half) => flat(half.bytes))).toEqual(whole.length < 2 ? [] : whole);
        // never larger than the whole, and in memory of their own
        expect(halves.filter((half) => half.bytes.length > bytes.length || half.bytes.buffer.byteLength !== half.bytes.length)).toEqual([]);
      }),
    );
  });

  it('goes down to single records', () => {
    fc.assert(
      fc.property(logs, (message) => {
        const bytes = Buffer.from(logsRequest.encode(message).finish());
        const parts: Buffer[] = [];
        const divide = (whole: Buffer): void => {
          const halves = splitRequest(whole, 'logs');
          if (halves === undefined) parts.push(whole);
          else for (const half of halves) divide(half.bytes);
        };
        divide(bytes);
        const whole = flat(bytes);
        expect(parts.flatMap(flat)).toEqual(whole);
        expect(parts.map((part) => flat(part).length)).toEqual(whole.length === 0 ? [0] : whole.map(() => 1));
      }),
      { numRuns: 50 },
    );
  });

  it('reads lengths of any width and keeps unknown fields of every wire type in both halves', () => {
    const bytesField = field(77, [1, 2, 3]);
    const varintField = [...varint(78 * 8), ...varint(300)];
    const fixed = [...varint(79 * 8 + 1), 1, 2, 3, 4, 5, 6, 7, 8, ...varint(80 * 8 + 5), 1, 2, 3, 4];
    const groups = [...varint(81 * 8 + 3), ...varint(3 * 8 + 3), ...field(2, [9, 9]), ...varint(3 * 8 + 4), ...varint(81 * 8 + 4)];
    const unknown = [...bytesField, ...varintField, ...fixed, ...groups];
    const record = (name: string) => field(2, field(12, Buffer.from(name)), 4);
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3, 4, 5, 10), fc.integer({ min: 2, max: 9 }), (width, count) => {
        const names = Array.from({ length: count }, (_, i) => `r${i}`);
        // what belongs to the records stands before, between and behind them
        const scope = [...record(names[0]!), ...unknown, ...names.slice(1).flatMap(record), ...field(1, field(1, Buffer.from('s')))];
        const resource = [...field(1, []), ...unknown, ...field(2, scope, width), ...field(3, Buffer.from('url'))];
        const bytes = Uint8Array.from([...field(1, resource, width), ...unknown]);
        const halves = splitRequest(bytes, 'logs')!;
        expect(halves.flatMap((half) => namesOf(half.bytes))).toEqual(names.map((name) => `s ${name}`));
        for (const { bytes: half } of halves) {
          const needle = Buffer.from(unknown);
          let found = 0;
          for (let at = half.indexOf(needle); at >= 0; at = half.indexOf(needle, at + 1)) found++;
          expect(found).toBe(3);
        }
      }),
    );
  });

  it('takes traces apart as well', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const spans = traceRequest.encode({ resourceSpans: [{ scopeSpans: [{ spans: names.map((name) => ({ name })) }] }] }).finish();
    const itemsOf = (message: Message, part: Uint8Array, path: readonly string[]): string[] =>
      path
        .reduce<readonly object[]>((level, key) => level.flatMap((one) => (one as Record<string, object[]>)[key]!), [message.decode(part)])
        .map((one) => (one as { name: string }).name);
    expect(splitRequest(spans, 'logs')!.map(({ bytes }) => itemsOf(traceRequest, bytes, ['resourceSpans', 'scopeSpans', 'spans']))).toEqual(
      [
        ['a', 'b'],
        ['c', 'd', 'e'],
      ],
    );
  });

  it('answers what is no protobuf, whole or cut off, without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), logs, fc.double({ min: 0, max: 1, noNaN: true }), (noise, message, share) => {
        const bytes = logsRequest.encode(message).finish();
        for (const input of [noise, bytes.subarray(0, Math.floor(bytes.length * share))]) {
          const [first = { records: 1 }, second = { records: 1 }] = splitRequest(input, 'logs') ?? [];
          expect(second.records - first.records).toBeOneOf([0, 1]);
        }
      }),
    );
  });
});
