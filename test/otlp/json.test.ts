import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logsFromJson } from '../../src/otlp/from-json.ts';
import { logsToJson } from '../../src/otlp/to-json.ts';
import { createLogWriter } from '../../src/otlp/log-writer.ts';
import { ProtoError } from '../../src/otlp/proto-cursor.ts';
import { readAttributes } from '../../src/otlp/read-attributes.ts';
import { decodeRequest, otlp } from '../support/otlp.ts';
import { createRandom } from '../support/random.ts';
import { batches as randomBatches } from './random-batches.ts';

const { ExportLogsServiceRequest } = otlp.collector.logs.v1;
const encode = (message: object): Buffer => Buffer.from(ExportLogsServiceRequest.encode(message).finish());
const record = (fields: object) => ({ resourceLogs: [{ scopeLogs: [{ logRecords: [fields] }] }] });
const value = (any: object) => record({ attributes: [{ key: 'k', value: any }] });

describe('JSON of OTLP', () => {
  it('is what the specification says', () => {
    const bytes = encode({
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'host.name', value: { stringValue: 'a"\n' } }] },
          scopeLogs: [
            {
              scope: { name: 's', version: '1' },
              logRecords: [
                {
                  timeUnixNano: '1795000000123456789',
                  observedTimeUnixNano: '18446744073709551615',
                  severityNumber: 9,
                  severityText: 'INFO',
                  eventName: 'e',
                  flags: 257,
                  traceId: Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'),
                  spanId: Buffer.from('f0f1f2f3f4f5f6f7', 'hex'),
                  body: { kvlistValue: { values: [{ key: 'x', value: { bytesValue: Buffer.from([0xff, 0xee]) } }] } },
                  attributes: [
                    { key: 'int', value: { intValue: '-9223372036854775808' } },
                    { key: 'double', value: { doubleValue: 0.1 } },
                    { key: 'nan', value: { doubleValue: Number.NaN } },
                    { key: 'bool', value: { boolValue: false } },
                    { key: 'list', value: { arrayValue: { values: [{ stringValue: 'é' }, { intValue: '3' }] } } },
                  ],
                },
              ],
            },
          ],
          schemaUrl: 'u',
        },
      ],
    });
    const json = String(logsToJson(bytes));
    expect(json).not.toContain('\n');
    expect(JSON.parse(json)).toEqual({
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'host.name', value: { stringValue: 'a"\n' } }] },
          scopeLogs: [
            {
              scope: { name: 's', version: '1' },
              logRecords: [
                {
                  timeUnixNano: '1795000000123456789',
                  observedTimeUnixNano: '18446744073709551615',
                  severityNumber: 9,
                  severityText: 'INFO',
                  eventName: 'e',
                  flags: 257,
                  traceId: '000102030405060708090a0b0c0d0e0f',
                  spanId: 'f0f1f2f3f4f5f6f7',
                  body: { kvlistValue: { values: [{ key: 'x', value: { bytesValue: '/+4=' } }] } },
                  attributes: [
                    { key: 'int', value: { intValue: '-9223372036854775808' } },
                    { key: 'double', value: { doubleValue: 0.1 } },
                    { key: 'nan', value: { doubleValue: 'NaN' } },
                    { key: 'bool', value: { boolValue: false } },
                    { key: 'list', value: { arrayValue: { values: [{ stringValue: 'é' }, { intValue: '3' }] } } },
                  ],
                },
              ],
            },
          ],
          schemaUrl: 'u',
        },
      ],
    });
    expect(ExportLogsServiceRequest.decode(logsFromJson(json))).toEqual(ExportLogsServiceRequest.decode(bytes));
  });

  it('comes back as the same request, whatever the records hold', () => {
    fc.assert(
      fc.property(randomBatches, (batches) => {
        const requests: Buffer[] = [];
        const writer = createLogWriter({
          resource: [['service.name', 'ringtail']],
          version: '1',
          onRequest: ({ bytes }) => requests.push(bytes),
        });
        for (const batch of batches) writer.append(batch);
        writer.flush();
        for (const bytes of requests) expect(decodeRequest(logsFromJson(String(logsToJson(bytes))))).toEqual(decodeRequest(bytes));
      }),
      { numRuns: 100 },
    );
  });

  it('gathers what stands apart, and of what stands twice takes the last', () => {
    const { LogRecord } = otlp.logs.v1;
    const attribute = (key: string) => ({ attributes: [{ key, value: { boolValue: true } }] });
    const parts = [attribute('a'), { eventName: 'x' }, attribute('b'), { eventName: 'y' }, attribute('c')];
    const body = Buffer.concat(parts.map((part) => LogRecord.encode(part).finish()));
    const delimited = (tag: number, content: Buffer) => Buffer.concat([Buffer.of(tag, content.length), content]);
    const json = String(logsToJson(delimited(0x0a, delimited(0x12, delimited(0x12, body)))));
    const yes = { boolValue: true };
    expect(JSON.parse(json)).toEqual({
      resourceLogs: [
        { scopeLogs: [{ logRecords: [{ eventName: 'y', attributes: ['a', 'b', 'c'].map((key) => ({ key, value: yes })) }] }] },
      ],
    });
    expect(json.match(/"eventName"/g)?.length).toBe(1);
  });

  it('takes numbers where strings are usual, null for nothing, and members that it does not know', () => {
    const json =
      '{"resourceLogs":[{"resource":{"attributes":null},"entity":1,"scopeLogs":[{"scope":{},"logRecords":[{"timeUnixNano":12,"observedTimeUnixNano":"1","attributes":[{"key":"k","value":{"intValue":-5}}]}]}]}]}';
    expect(decodeRequest(logsFromJson(json)).records).toMatchObject([{ timeNs: 12n, attributes: [['k', -5]] }]);
  });

  it.each([
    ['what is cut off', '{"resourceLogs', 'not JSON'],
    ['more than one', '{"resourceLogs":[]}{}', 'more behind it'],
    ['a list', '[]', 'object'],
    ['one where several stand', '{"resourceLogs":{}}', 'resourceLogs'],
    ['a number as a text', JSON.stringify(record({ eventName: 5 })), 'eventName'],
    ['a fraction', JSON.stringify(value({ intValue: 1.5 })), 'intValue'],
    ['more than 64 bits', JSON.stringify(value({ intValue: '9223372036854775808' })), 'intValue'],
    ['less than nothing', JSON.stringify(record({ timeUnixNano: '-1' })), 'timeUnixNano'],
    ['an id that is no hex', JSON.stringify(record({ traceId: 'xyz' })), 'traceId'],
    ['values that are nested too deep', `${'{"a":1,"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":'}${'{"arrayValue":{"values":['.repeat(100)}`.concat(
      ']}}'.repeat(100), '}]}]}]}'), 'deep'],
  ])('%s is an error', (_what, text, words) => {
    expect(() => logsFromJson(text)).toThrow(ProtoError);
    expect(() => logsFromJson(text)).toThrow(words);
  }); // prettier-ignore
});

describe('bytes that are damaged', () => {
  const base = encode({
    resourceLogs: [
      {
        resource: { attributes: [{ key: 'host.name', value: { stringValue: 'a' } }] },
        scopeLogs: [
          {
            scope: { name: 'ringtail/process' },
            logRecords: [
              { timeUnixNano: '1', eventName: 'e', attributes: [{ key: 'list', value: { arrayValue: { values: [{ stringValue: 'x' }, { boolValue: true }] } } }] },
              { traceId: Buffer.alloc(16, 1), attributes: [{ key: 'd', value: { doubleValue: 0.5 } }, { key: 'm', value: { kvlistValue: { values: [{ key: 'k', value: { intValue: '-1' } }] } } }] },
            ],
          },
        ],
      },
    ],
  }); // prettier-ignore

  it('become JSON that comes back, or an error', () => {
    const random = createRandom(7);
    let errors = 0;
    for (let i = 0; i < 10_000; i++) {
      const bytes = Buffer.from(base.subarray(0, random.below(3) === 0 ? random.below(base.length) : base.length));
      random.mutate(bytes, 1 + random.below(4));
      try {
        const again = String(logsToJson(logsFromJson(String(logsToJson(bytes)))));
        // what was no text is replaced once, and then stays
        expect(String(logsToJson(logsFromJson(again)))).toBe(again);
        readAttributes(bytes, 0, bytes.length, 1);
      } catch (error) {
        if (!(error instanceof ProtoError)) throw error;
        errors++;
      }
    }
    expect(errors).toBeGreaterThan(1_000);
    expect(errors).toBeLessThan(9_900);
  });
});

it('attributes are read as values', () => {
  const bytes = encode({
    resourceLogs: [
      {
        resource: {
          attributes: [
            { key: 's', value: { stringValue: '' } },
            { key: 'i', value: { intValue: '9007199254740993' } },
            { key: 'n', value: { intValue: '-3' } },
            { key: 'd', value: { doubleValue: 1.5 } },
            { key: 'w', value: { doubleValue: 2 } },
            { key: 'b', value: { boolValue: true } },
            { key: 'l', value: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: 'b' }] } } },
            { key: 'm', value: { arrayValue: { values: [{ intValue: '1' }, { boolValue: true }] } } },
            { key: 't', value: { kvlistValue: { values: [{ key: 'x', value: { stringValue: 'y' } }] } } },
            { key: 'none', value: {} },
          ],
        },
      },
    ],
  });
  // resourceLogs, then resource: two tags and lengths
  const attributes = readAttributes(bytes, 4 + (bytes[1]! > 127 ? 2 : 0), bytes.length, 1);
  expect(JSON.parse(JSON.stringify(attributes, (_key, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item)))).toEqual([
    ['s', ''],
    ['i', '9007199254740993n'],
    ['n', -3],
    ['d', 1.5],
    ['w', 2],
    ['b', true],
    ['l', ['a', 'b']],
    ['m', '[1,true]'],
    ['t', '{"x":"y"}'],
  ]);
});
