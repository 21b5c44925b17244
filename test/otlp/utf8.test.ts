import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { putReplacingInvalid, REPLACED_EXPANSION } from '../../src/otlp/utf8.ts';

const replaced = (bytes: Uint8Array): Uint8Array => {
  const out = new Uint8Array(bytes.length * REPLACED_EXPANSION);
  return out.subarray(0, putReplacingInvalid(out, 0, bytes, 0, bytes.length));
};
const reference = (bytes: Uint8Array): Uint8Array => new TextEncoder().encode(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));

/** Bytes at which the tables of valid sequences change. */
const edges = fc.constantFrom(
  0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
); // prettier-ignore

describe('putReplacingInvalid', () => {
  it('is the decoder of the Encoding standard, byte for byte', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(edges, fc.integer({ min: 0, max: 255 })), { maxLength: 12 }), (values) => {
        const bytes = Uint8Array.from(values);
        expect(replaced(bytes)).toEqual(reference(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  it('keeps within its slice', () => {
    const bytes = Uint8Array.of(0x41, 0xf0, 0x9f, 0x98, 0x80);
    const out = new Uint8Array(20);
    expect([...out.subarray(0, putReplacingInvalid(out, 0, bytes, 0, 4))]).toEqual([0x41, 0xef, 0xbf, 0xbd]);
  });
});
