import { expect, it } from 'vitest';
import type { Batch } from '../../src/core/batch.ts';
import { createLossTeller } from '../../src/exporters/shared/loss-teller.ts';
import { attributesOf } from '../../src/otlp/log-text.ts';

const setUp = () => {
  let nowMs = Date.UTC(2026, 10, 21);
  const teller = createLossTeller('otlp_http/b', () => (nowMs += 1000));
  const told: unknown[] = [];
  const append = (batch: Batch) => void told.push([batch.receiver, ...attributesOf(batch, 0).map(([, value]) => value)]);
  return { teller, told, append };
};

it('a loss has a window, and the receiver when there is one', () => {
  const { teller, told, append } = setUp();
  teller.tell(append);
  expect(told).toEqual([]);
  teller.saw('process');
  teller.dropped(3, undefined);
  teller.dropped(4, undefined);
  teller.tell(append);
  teller.tell(append);
  teller.saw('process/b');
  teller.dropped(5, teller.closed());
  teller.tell(append);
  expect(told).toEqual([
    ['otlp_http/b', 'process', 'queue_full', 7, '2026-11-21T00:00:01.000Z', '2026-11-21T00:00:02.000Z'],
    ['otlp_http/b', 'queue_full', 12, '2026-11-21T00:00:01.000Z', '2026-11-21T00:00:03.000Z'],
  ]);
});

it('what could not be told is told later', () => {
  const { teller, told, append } = setUp();
  teller.dropped(3, undefined);
  const failing = () => {
    throw new Error('no');
  };
  expect(() => teller.tell(failing)).toThrow('no');
  expect(teller.closed()).toBeUndefined();
  teller.tell(append);
  expect(told).toHaveLength(1);
  expect(teller.closed()).toMatchObject({ lost: 3 });
});
