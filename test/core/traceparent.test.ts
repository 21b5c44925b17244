import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTraceparent, isSampled, newContext, parseTraceparent } from '../../src/core/traceparent.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = '00f067aa0ba902b7';

describe('traceparent', () => {
  it.each([
    [`00-${trace}-${span}-01`, 1],
    [` 00-${trace}-${span}-00\n`, 0],
    // of a later version what this one has
    [`01-${trace}-${span}-01-what-comes-then`, 1],
  ])('%s', (text, flags) => {
    const context = parseTraceparent(text)!;
    expect([hex(context.traceId), hex(context.spanId), context.flags]).toEqual([trace, span, flags]);
  });

  it.each([
    '',
    trace,
    `00-${trace}-${span}`,
    `00-${trace}-${span}-1`,
    `ff-${trace}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${trace}-${span}-01-more`,
    `00-${trace.slice(1)}-${span}-01`,
  ])('%j is none', (text) => expect(parseTraceparent(text)).toBeUndefined());

  it('is written as it is read, and new ones are all different', () => {
    const contexts = Array.from({ length: 100 }, newContext);
    for (const context of contexts) {
      const read = parseTraceparent(formatTraceparent(context))!;
      expect([hex(read.traceId), hex(read.spanId), read.flags]).toEqual([hex(context.traceId), hex(context.spanId), 1]);
    }
    expect(new Set(contexts.map(({ traceId }) => hex(traceId))).size).toBe(100);
  });

  it('says whether it is sampled, whatever other flags there are', () => {
    expect(['00', '01', '02', '03'].map((flags) => isSampled(parseTraceparent(`00-${trace}-${span}-${flags}`)!))).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  const whole = `00-${trace}-${span}-01`;
  it('is read to what it says, or not at all, whatever stands there', () => {
    const bytes = fc.uint8Array({ maxLength: 80 }).map((raw) => Buffer.from(raw).toString('latin1'));
    const nearly = fc
      .tuple(fc.nat({ max: whole.length }), fc.nat({ max: 3 }), fc.string({ unit: 'binary', maxLength: 3 }))
      .map(([at, left, put]) => whole.slice(0, at) + put + whole.slice(at + left));
    fc.assert(
      fc.property(fc.oneof(bytes, fc.string({ unit: 'binary' }), nearly), (text) => {
        const context = parseTraceparent(text);
        if (context === undefined) return;
        expect([context.traceId.length, context.spanId.length]).toEqual([16, 8]);
        expect(context.traceId.some((byte) => byte !== 0) && context.spanId.some((byte) => byte !== 0)).toBe(true);
        expect(text.trim().slice(2, 55)).toBe(formatTraceparent(context).slice(2));
      }),
      { numRuns: 2000 },
    );
  });
});
