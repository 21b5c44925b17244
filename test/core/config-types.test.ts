import { describe, expect, it } from 'vitest';
import { byteSize, duration, formatByteSize, formatDuration, parseByteSize, parseDurationMs } from '../../src/core/config-types.ts';

describe('durations', () => {
  it.each([
    ['50ms', 50],
    ['1s', 1000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['250us', 0.25],
    ['250µs', 0.25],
    ['0', 0],
    ['0s', 0],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(['', '5', '5 s', 's', '-1s', '1s2', '1d', '1s ', 'x1s'])('does not take %j', (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });

  it.each([
    [50, '50ms'],
    [1500, '1.5s'],
    [60_000, '1m'],
    [5_400_000, '1.5h'],
    [0, '0ms'],
    [1234, '1234ms'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
    expect(parseDurationMs(text)).toBe(ms);
  });

  it('keeps to its limits and says them', () => {
    const schema = duration({ minMs: 1, maxMs: 1000 });
    expect(schema.parse('1s')).toBe(1000);
    expect(schema.safeParse('2s').error?.issues[0]?.message).toBe('out of range; allowed is 1ms to 1s');
    expect(duration().safeParse('1000h').error?.issues[0]?.message).toBe('out of range; allowed is 0ms to 24 days');
    expect(schema.safeParse(5).error?.issues[0]?.message).toMatch(/^not a duration; write it with a unit/);
    expect(schema.safeParse('fast').error?.issues[0]?.message).toMatch(/^not a duration; write it with a unit/);
    expect(duration().parse(0)).toBe(0);
  });

  it('takes its default as a user would write it', () => {
    expect(duration().prefault('50ms').parse(undefined)).toBe(50);
  });
});

describe('sizes', () => {
  it.each([
    ['32768', 32_768],
    ['8MiB', 8 * 2 ** 20],
    ['64 KiB', 65_536],
    ['64kib', 65_536],
    ['1.5MiB', 1.5 * 2 ** 20],
    ['1GiB', 2 ** 30],
    ['1MB', 1_000_000],
    ['12B', 12],
  ])('reads %s as %d bytes', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  it.each(['', 'MiB', '-1', '1.5', '8 XiB', '1e3', '99999999999GiB'])('does not take %j', (text) => {
    expect(parseByteSize(text)).toBeUndefined();
  });

  it.each([
    [2 ** 30, '1GiB'],
    [8 * 2 ** 20, '8MiB'],
    [4096, '4KiB'],
    [4097, '4097B'],
  ])('writes %d as %s', (bytes, text) => {
    expect(formatByteSize(bytes)).toBe(text);
    expect(parseByteSize(text)).toBe(bytes);
  });

  it('keeps to its limits and says them', () => {
    const schema = byteSize({ min: 4096, max: 2 ** 30, powerOfTwo: true });
    expect(schema.parse(8192)).toBe(8192);
    expect(schema.parse('8MiB')).toBe(8 * 2 ** 20);
    expect(schema.safeParse('12KiB').error?.issues[0]?.message).toBe('not a power of two; allowed is for instance 64KiB, 1MiB or 8MiB');
    expect(schema.safeParse('1KiB').error?.issues[0]?.message).toBe('out of range; allowed is 4KiB to 1GiB');
    expect(byteSize({ min: 1 }).safeParse(0).error?.issues[0]?.message).toBe('out of range; allowed is 1B or more');
    expect(schema.safeParse(true).error?.issues[0]?.message).toMatch(/^not a size/);
    expect(schema.safeParse('big').error?.issues[0]?.message).toMatch(/^not a size/);
  });
});
