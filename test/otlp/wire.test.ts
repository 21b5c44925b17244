import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyBytes, putTemplate, TEMPLATE_SLACK, templateOf, viewOf } from '../../src/otlp/copy.ts';
import {
  ATTRIBUTE_OVERHEAD, encodeAttributes, keyBytes, putBoolAttribute, putBytes, putIntAttribute, putPaddedVarint4, putStringAttribute, putVarint, putVarint64,
  varint64Size, varintSize,
} from '../../src/otlp/wire.ts'; // prettier-ignore
import { otlp } from '../support/otlp.ts';

const LogRecord = otlp.logs.v1.LogRecord;
const attributesOf = (bytes: Uint8Array) => LogRecord.toObject(LogRecord.decode(bytes), { longs: String })['attributes'];

const varintOf = (value: bigint): number[] => {
  const out: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 0x80n) return [...out, Number(rest)];
    out.push(Number(rest & 0x7fn) | 0x80);
  }
};

describe('varints', () => {
  it('of 32 and 64 bits are the shortest form and as long as said', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
          fc.nat(70).map((bits) => (1n << BigInt(bits % 64)) - BigInt(bits & 1)),
        ),
        (value) => {
          const out = new Uint8Array(12);
          const [lo, hi] = [Number(value & 0xffff_ffffn), Number(value >> 32n)];
          expect([...out.subarray(0, putVarint64(out, 0, lo, hi))]).toEqual(varintOf(value));
          expect(varint64Size(lo, hi)).toBe(varintOf(value).length);
          expect([...out.subarray(0, putVarint(out, 0, lo))]).toEqual(varintOf(BigInt(lo)));
          expect(varintSize(lo % 2 ** 31)).toBe(varintOf(BigInt(lo % 2 ** 31)).length);
        },
      ),
    );
  });

  it('padded ones have four bytes and the same value', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 28 - 1), (value) => {
        const out = new Uint8Array(4);
        putPaddedVarint4(out, 0, value);
        expect(out.reduce((sum, byte, index) => sum + (byte & 0x7f) * 2 ** (7 * index), 0)).toBe(value);
        expect(Array.from(out, (byte) => byte >> 7)).toEqual([1, 1, 1, 0]);
      }),
    );
  });
});

describe('attributes', () => {
  it('of one kind each are what the general encoder writes', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.string({ maxLength: 400 }),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.boolean(),
        (name, value, int, flag) => {
          const [key, bytes] = [keyBytes(name), new TextEncoder().encode(value)];
          const out = new Uint8Array(3 * (key.length + ATTRIBUTE_OVERHEAD) + bytes.length);
          const bits = BigInt.asUintN(64, int);
          let at = putStringAttribute(out, 0, key, bytes, 0, bytes.length);
          at = putIntAttribute(out, at, key, Number(bits & 0xffff_ffffn), Number(bits >> 32n));
          at = putBoolAttribute(out, at, key, flag);
          expect(out.subarray(0, at)).toEqual(
            encodeAttributes([
              [name, value],
              [name, int],
              [name, flag],
            ]),
          );
        },
      ),
    );
  });

  it('are decoded by the generated code', () => {
    const bytes = encodeAttributes([
      ['text', 'wörter'],
      ['int', -5],
      ['big', 2n ** 60n],
      ['float', 1.5],
      ['flag', true],
      ['list', ['a', '', 'ü']],
      ['none', []],
      ['lone', '\ud800'],
    ]);
    expect(attributesOf(bytes)).toEqual([
      { key: 'text', value: { stringValue: 'wörter' } },
      { key: 'int', value: { intValue: '-5' } },
      { key: 'big', value: { intValue: String(2n ** 60n) } },
      { key: 'float', value: { doubleValue: 1.5 } },
      { key: 'flag', value: { boolValue: true } },
      { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: '' }, { stringValue: 'ü' }] } } },
      { key: 'none', value: { arrayValue: {} } },
      { key: 'lone', value: { stringValue: '\ufffd' } },
    ]);
  });
});

describe('copies', () => {
  it('touch what they should and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 600 }), fc.nat(20), fc.nat(20), (from, start, at) => {
        const first = Math.min(start, from.length);
        const length = from.length - first;
        const wanted = new Uint8Array(at + length + 9).fill(0xaa);
        wanted.set(from.subarray(first), at);
        const out = new Uint8Array(wanted.length).fill(0xaa);
        expect(copyBytes(out, viewOf(out), at, from, viewOf(from), first, length)).toBe(at + length);
        expect(out).toEqual(wanted);
        const plain = new Uint8Array(wanted.length).fill(0xaa);
        expect(putBytes(plain, at, from, first)).toBe(at + length);
        expect(plain).toEqual(wanted);
      }),
    );
  });

  it('of templates spoil no more than the slack', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 3 }), (parts) => {
        const bytes = parts.flatMap((part) => [...part]);
        const out = new Uint8Array(bytes.length + TEMPLATE_SLACK + 1).fill(0xaa);
        expect(putTemplate(viewOf(out), 0, templateOf(...parts))).toBe(bytes.length);
        expect([...out.subarray(0, bytes.length)]).toEqual(bytes);
        expect(out.at(-1)).toBe(0xaa);
      }),
    );
  });
});
