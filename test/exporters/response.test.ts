import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFields } from '../../src/exporters/shared/proto-reader.ts';
import { retryDelayMs, shortMessage, statusMessage, successOf } from '../../src/exporters/shared/response.ts';
import { encodeResponse } from '../support/otlp.ts';

describe('an answer', () => {
  it('is read as the generated code wrote it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.string({ minLength: 1, maxLength: 60 }), (rejectedLogRecords, errorMessage) => {
        const outcome = successOf(encodeResponse({ rejectedLogRecords, errorMessage }));
        expect(outcome).toEqual({ kind: 'success', rejected: rejectedLogRecords, message: shortMessage(errorMessage.toWellFormed()) });
      }),
    );
  });

  it.each([
    ['nothing', encodeResponse(), {}],
    ['an empty partial success', encodeResponse({ rejectedLogRecords: 0, errorMessage: '' }), {}],
    ['a warning', encodeResponse({ rejectedLogRecords: 0, errorMessage: 'old client' }), { message: 'old client' }],
    ['a negative number', encodeResponse({ rejectedLogRecords: -5, errorMessage: '' }), {}],
  ])('with %s', (_case, bytes, wanted) => expect(successOf(bytes)).toEqual({ kind: 'success', ...wanted }));

  it('that is no protobuf is no error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(readFields(bytes).length).toBeLessThanOrEqual(bytes.length);
        expect(successOf(bytes).kind).toBe('success');
        expect(statusMessage(bytes).length).toBeLessThanOrEqual(500);
        expect(retryDelayMs(bytes) ?? 0).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['an unfinished tag', [0x80]],
    ['an endless varint', [0x08, ...Array(11).fill(0xff)]],
    ['a length beyond the end', [0x0a, 5, 1]],
    ['a group', [0x0b, 0x0c]],
  ])('with %s ends there', (_case, bytes) => expect(readFields(Uint8Array.from([0x10, 7, ...bytes]))).toEqual([{ field: 2, value: 7n }]));

  it('skips fixed numbers', () => {
    const bytes = Uint8Array.from([0x09, ...Array(8).fill(1), 0x0d, ...Array(4).fill(1), 0x10, 7]);
    expect(readFields(bytes)).toEqual([{ field: 2, value: 7n }]);
  });

  it('is shown short and harmless', () => expect(shortMessage(`\u001b[1m\n${'x'.repeat(1000)}`)).toBe(` [1m ${'x'.repeat(495)}`));
});
