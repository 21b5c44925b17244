import { describe, expect, it } from 'vitest';
import type { LossByKind } from '../../src/kernel/hub.ts';
import { createLossWatch } from '../../src/kernel/loss-watch.ts';

const create = () => {
  const numbers = { lost: 0, limited: 0, skipped: 0 };
  const told: LossByKind[] = [];
  let now = 1000;
  const counts = {
    of: () => ({ seen: 0, filtered: 0, aggregated: 0, written: 0, ...numbers }),
    total: () => 0,
    refresh() {},
    unregister() {},
  };
  const look = createLossWatch(
    [
      {
        labels: new Map([[7, 'open']]),
        counts,
        skipped: () => ({ on_call: numbers.skipped, on_other: 5 }),
        kindOf: (program) => (program === 'on_call' ? 7 : undefined),
      },
    ],
    { tellLoss: (loss) => void told.push(loss) },
    () => now,
  );
  return { numbers, told, look, pass: (ms: number) => (now += ms) };
};

describe('a watch for loss', () => {
  it('says nothing when nothing was lost', () => {
    const { look, told } = create();
    look();
    look();
    expect(told).toEqual([]);
  });

  it('tells each reason once, with what came since the last look and the window', () => {
    const { look, told, numbers, pass } = create();
    Object.assign(numbers, { lost: 3, limited: 4 });
    pass(500);
    look();
    expect(told).toEqual([
      { reason: 'ring_full', lostByKind: new Map([[7, 3]]), startMs: 1000, endMs: 1500 },
      { reason: 'rate_limited', lostByKind: new Map([[7, 4]]), startMs: 1000, endMs: 1500 },
    ]);
    told.length = 0;
    Object.assign(numbers, { lost: 5, skipped: 2 });
    pass(500);
    look();
    expect(told).toEqual([
      { reason: 'ring_full', lostByKind: new Map([[7, 2]]), startMs: 1500, endMs: 2000 },
      { reason: 'recursion', lostByKind: new Map([[7, 2]]), startMs: 1500, endMs: 2000 },
    ]);
  });

  it('tells nothing of a program that was loaded anew and counts from nothing', () => {
    const { look, told, numbers } = create();
    numbers.skipped = 9;
    look();
    told.length = 0;
    numbers.skipped = 2;
    look();
    numbers.skipped = 3;
    look();
    expect(told.map(({ lostByKind }) => [...lostByKind.values()])).toEqual([[1]]);
  });
});
