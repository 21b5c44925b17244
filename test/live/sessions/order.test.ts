import fc from 'fast-check';
import { expect, test } from 'vitest';
import { byKey, pageOf } from '../../../src/live/sessions/order.ts';

test('a page is a piece of the whole order, whatever the keys', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 60 }),
      fc.nat({ max: 70 }),
      fc.nat({ max: 20 }),
      fc.boolean(),
      (keys, offset, limit, descending) => {
        const rows = keys.map((key, index) => ({ row: index, key, id: String(index).padStart(3, '0') }));
        const compare = byKey<number>(descending);
        const whole = [...rows].sort(compare);
        expect(pageOf([...rows], compare, offset, limit)).toEqual(whole.slice(offset, offset + limit));
      },
    ),
  );
});

test('equal keys are in the order of their ids, whichever way the others go', () => {
  const rows = ['c', 'a', 'b'].map((id) => ({ row: id, key: 1, id }));
  expect(pageOf([...rows], byKey(true), 0, 3).map(({ row }) => row)).toEqual(['a', 'b', 'c']);
  expect(pageOf([...rows], byKey(false), 0, 3).map(({ row }) => row)).toEqual(['a', 'b', 'c']);
});

test.each([
  ['ascending', (index: number) => index],
  ['descending', (index: number) => -index],
  ['equal', () => 0],
])('many rows that are %s already', (_, keyOf) => {
  const rows = Array.from({ length: 5000 }, (__, index) => ({ row: index, key: keyOf(index), id: String(index).padStart(5, '0') }));
  let compared = 0;
  const compare = byKey<number>(false);
  const page = pageOf([...rows], (a, b) => (compared++, compare(a, b)), 0, 20);
  expect(page).toEqual([...rows].sort(compare).slice(0, 20));
  expect(compared, 'rows that are not shown are not put into order').toBeLessThan(5000 * 20);
});
