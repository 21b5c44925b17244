import { describe, expect, it } from 'vitest';
import { createCounters, scopeOf } from '../../src/core/counters.ts';

const valuesOf = (counters: ReturnType<typeof createCounters>) =>
  counters.samples().map(({ name, kind, value }) => `${kind} ${name} ${value}`);

describe('readers of one name and labels', () => {
  it('add up, in whatever order the labels are written', () => {
    const counters = createCounters();
    counters.gauge('held', { a: '1', b: '2' }, () => 3);
    const remove = counters.gauge('held', { b: '2', a: '1' }, () => 4);
    counters.gauge('held', { a: '1', b: '3' }, () => 50);
    expect(valuesOf(counters)).toEqual(['gauge held 7', 'gauge held 50']);
    remove();
    remove();
    expect(valuesOf(counters)).toEqual(['gauge held 3', 'gauge held 50']);
  });

  it('of a number that only grows leave behind what they had counted', () => {
    const counters = createCounters();
    let kernel = 5;
    const remove = counters.observed('seen', {}, () => kernel);
    kernel = 7;
    remove();
    remove();
    expect(valuesOf(counters)).toEqual(['counter seen 7']);
    kernel = 100;
    counters.observed('seen', {}, () => 2);
    expect(valuesOf(counters)).toEqual(['counter seen 9']);
  });

  it('that cannot be read any more leave behind what they said last', () => {
    const counters = createCounters();
    let closed = false;
    const remove = counters.observed('seen', {}, () => {
      if (closed) throw new Error('closed');
      return 8;
    });
    counters.samples();
    closed = true;
    expect(() => counters.samples()).toThrow('closed');
    remove();
    expect(valuesOf(counters)).toEqual(['counter seen 8']);
  });

  it('are told apart by kind', () => {
    const counters = createCounters();
    counters.gauge('items', {}, () => 1);
    counters.observed('items', {}, () => 2);
    counters.counter('items').value = 3;
    expect(valuesOf(counters)).toEqual(['counter items 3', 'gauge items 1', 'counter items 2']);
  });
});

describe('a scope', () => {
  it('shares the counters, and takes out its own readers alone', () => {
    const counters = createCounters();
    const [old, fresh] = [scopeOf(counters), scopeOf(counters)];
    old.counters.counter('sent', { exporter: 'a' }).value += 2;
    fresh.counters.counter('sent', { exporter: 'a' }).value += 3;
    old.counters.gauge('items', { exporter: 'a', outcome: 'held' }, () => 4);
    old.counters.gauge('items', { exporter: 'a', outcome: 'other' }, () => 100);
    old.counters.gauge('items', { exporter: 'b', outcome: 'held' }, () => 20)();
    fresh.counters.gauge('items', { exporter: 'a', outcome: 'held' }, () => 5);
    old.counters.observed('read', {}, () => 6);
    expect(old.sumOfGauges('items', { outcome: 'held' })).toBe(4);
    expect(valuesOf(counters)).toEqual(['counter sent 5', 'gauge items 9', 'gauge items 100', 'counter read 6']);
    old.close();
    expect(old.sumOfGauges('items', {})).toBe(0);
    expect(valuesOf(counters)).toEqual(['counter sent 5', 'gauge items 5', 'counter read 6']);
  });
});
