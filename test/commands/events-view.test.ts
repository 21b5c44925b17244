import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEventsOutput } from '../../src/commands/events/output.ts';
import { unixNsOf } from '../../src/commands/events/view.ts';
import { timeText } from '../../src/text/json.ts';

describe('a time', () => {
  it('is read as it is written, to the nanosecond', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 253_402_300_799_999_999_999n }), (ns) => void expect(unixNsOf(timeText(ns))).toBe(ns)));
  });

  it.each([
    ['2026-11-21T02:45:02Z', 1_795_229_102_000_000_000n],
    ['2026-11-21T02:45:02.5Z', 1_795_229_102_500_000_000n],
    ['2026-13-41T02:45:02Z', 0n],
    ['2026-11-21T02:45:02.1234567890Z', 0n],
    ['yesterday', 0n],
    ['', 0n],
  ])('%s is %s', (text, ns) => expect(unixNsOf(text)).toBe(ns));
});

describe('standard output', () => {
  it('gets the lines of a turn at once, and much at once without waiting for it', async () => {
    const written: string[] = [];
    const output = createEventsOutput({ write: (text) => written.push(text) });
    output.add('a\n');
    output.add('b\n');
    expect(written).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(written).toEqual(['a\nb\n']);
    output.add('x'.repeat(70_000));
    expect(written).toHaveLength(2);
    output.flush();
    expect(written).toHaveLength(2);
    expect(output.room()).toBeUndefined();
  });

  it.each([
    [{ isTTY: true, columns: 80 }, 80],
    [{ isTTY: true, columns: 0 }, undefined],
    [{ isTTY: true }, undefined],
    [{ isTTY: false, columns: 80 }, undefined],
    [{}, undefined],
  ])('of %o has %s columns', (shape, columns) => expect(createEventsOutput({ ...shape, write() {} }).columns()).toBe(columns));
});
