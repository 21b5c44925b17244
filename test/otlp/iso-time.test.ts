import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ISO_TIME_LENGTH, isoTimeOfUs, putIsoTime, usOfNs } from '../../src/otlp/iso-time.ts';

const written = (us: number): string => {
  const out = new Uint8Array(ISO_TIME_LENGTH + 2).fill(0x2e);
  expect(putIsoTime(out, 1, us)).toBe(1 + ISO_TIME_LENGTH);
  return new TextDecoder().decode(out.subarray(1, 1 + ISO_TIME_LENGTH));
};
const LAST_US = Date.UTC(2254, 0) * 1000;

describe('ISO times', () => {
  it.each([
    [0, '1970-01-01T00:00:00.000000Z'],
    [Date.UTC(2026, 10, 21, 2, 45, 2, 123) * 1000 + 456, '2026-11-21T02:45:02.123456Z'],
    [Date.UTC(2028, 1, 29, 23, 59, 59, 999) * 1000 + 999, '2028-02-29T23:59:59.999999Z'],
  ])('%d µs', (us, text) => {
    expect(written(us)).toBe(text);
    expect(isoTimeOfUs(us)).toBe(text);
  });

  it('writes the bytes of the text', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: LAST_US }), (us) => {
        expect(written(us)).toBe(isoTimeOfUs(us));
        expect(Date.parse(written(us))).toBe(Math.floor(us / 1000));
      }),
    );
  });

  it('reckons microseconds of 64-bit nanoseconds exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: BigInt(LAST_US) * 1000n }), (ns) => {
        expect(usOfNs(Number(ns & 0xffff_ffffn), Number(ns >> 32n))).toBe(Number(ns / 1000n));
      }),
    );
  });
});
