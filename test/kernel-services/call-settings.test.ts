import { describe, expect, it } from 'vitest';
import type { CallName, CallNeeds } from '../../src/kernel/calls/needs.ts';
import { callNumbersOf } from '../../src/kernel/calls/numbers.ts';
import { encodeSettings, unionOfCalls } from '../../src/kernel/calls/settings.ts';
import { callId, callWant, limitPer, mapLayout } from '../../src/kernel/layouts.gen.ts';

const at = mapLayout.callSettings;
const x86 = callNumbersOf('x86_64')!;

const needs = (part: Partial<Omit<CallNeeds, 'events'>> & { readonly events?: readonly CallName[] }): CallNeeds => ({
  failures: new Set(),
  limit: undefined,
  aggregateWindowMs: undefined,
  counted: new Set(),
  ruleSets: [undefined],
  ...part,
  events: new Set(part.events),
});

describe('numbers of system calls', () => {
  it('are those that the processor uses', () => {
    expect(x86.native.openat).toBe(257);
    expect(x86.compat.openat).toBe(295);
    expect(callNumbersOf('aarch64')!.native.openat).toBe(56);
    expect(callNumbersOf('riscv64')).toBeUndefined();
  });

  it.each(['x86_64', 'aarch64'])('stand for one call each (%s)', (machine) => {
    const { native, compat } = callNumbersOf(machine)!;
    for (const table of [native, compat]) {
      const numbers = Object.values(table).flat();
      expect(new Set(numbers).size).toBe(numbers.length);
      expect(Math.max(...numbers)).toBeLessThan(at.compat - at.native);
    }
  });
});

describe('settings of the programs of system calls', () => {
  it('are nothing when nobody asks', () => {
    expect(encodeSettings(undefined, x86)).toEqual(new Uint8Array(at.size));
  });

  it('name a call by its number in both ways of calling, and say what is done with it', () => {
    const bytes = encodeSettings(needs({ events: ['openat'], failures: new Set(['clone']), counted: new Set(['openat', 'read']) }), x86);
    expect(bytes[at.native + 257]).toBe(callId.openat);
    expect(bytes[at.compat + 295]).toBe(callId.openat);
    expect(bytes[at.native + 295]).toBe(0); // preadv
    expect(bytes[at.wants + callId.openat]).toBe(callWant.event | callWant.count);
    expect(bytes[at.wants + callId.read]).toBe(callWant.count);
    expect(bytes[at.wants + callId.clone]).toBe(callWant.failure);
    expect(bytes[at.native + 1]).toBe(0);
    expect(bytes[at.compat + 102]).toBe(0);
  });

  it('reach calls of sockets by the one number that 32-bit programs have for them, and its own two', () => {
    const bytes = encodeSettings(needs({ events: ['sendto'] }), x86);
    expect(bytes[at.compat + 102]).toBe(callId.socketcall);
    expect(bytes[at.wants + callId.send]).toBe(callWant.event);
    expect(bytes[at.wants + callId.recv]).toBe(0);
  });

  it('hold limit and aggregation', () => {
    const limit = { per: 'cgroup', perSecond: 1000, burst: 50 } as const;
    const view = new DataView(encodeSettings(needs({ events: ['read'], limit, aggregateWindowMs: 1000 }), x86).buffer);
    expect(view.getBigUint64(at.tokenNs, true)).toBe(1_000_000n);
    expect(view.getUint32(at.limitPer, true)).toBe(limitPer.cgroup);
    expect(view.getUint32(at.burst, true)).toBe(50);
    expect(view.getUint32(at.aggregate, true)).toBe(1);
    expect(view.getUint32(at.enterRound, true)).toBe(0);
  });

  it('tell what was kept at the enter in another round', () => {
    const view = new DataView(encodeSettings(needs({ events: ['close'] }), x86, 3).buffer);
    expect(view.getUint32(at.enterRound, true)).toBe(3);
  });
});

describe('what all ask for together', () => {
  const limit = (perSecond: number, per: 'cgroup' | 'process' = 'process') => ({ per, perSecond, burst: perSecond * 2 });

  it('is nothing without anybody', () => expect(unionOfCalls([])).toBeUndefined());

  it('is every call of every one', () => {
    const union = unionOfCalls([needs({ events: ['openat'] }), needs({ events: ['read'], counted: new Set(['write']) })])!;
    expect([...union.events]).toEqual(['openat', 'read']);
    expect([...union.counted]).toEqual(['write']);
    expect(union.ruleSets).toEqual([undefined, undefined]);
  });

  it('has the limit that lets most through, none when one has none', () => {
    const read = (one: CallNeeds['limit']) => needs({ events: ['read'], limit: one });
    expect(unionOfCalls([read(limit(10)), read(limit(20))])!.limit).toEqual(limit(20));
    expect(unionOfCalls([read(limit(10, 'cgroup')), read(limit(20, 'process'))])!.limit).toEqual(limit(20));
    expect(unionOfCalls([read(limit(10)), read(undefined)])!.limit).toBeUndefined();
  });

  it('adds up only when all want it', () => {
    const read = (aggregateWindowMs: number | undefined) => needs({ events: ['read'], aggregateWindowMs });
    expect(unionOfCalls([read(1000), read(500)])!.aggregateWindowMs).toBe(500);
    expect(unionOfCalls([read(1000), read(undefined)])!.aggregateWindowMs).toBeUndefined();
  });

  it('gives no say to who only counts', () => {
    const union = unionOfCalls([
      needs({ events: ['read'], limit: limit(10), aggregateWindowMs: 500 }),
      needs({ counted: new Set(['read']) }),
    ])!;
    expect(union).toMatchObject({ limit: limit(10), aggregateWindowMs: 500, ruleSets: [undefined] });
    expect(unionOfCalls([needs({ counted: new Set(['read']) })])).toMatchObject({ limit: undefined, aggregateWindowMs: undefined });
  });
});
