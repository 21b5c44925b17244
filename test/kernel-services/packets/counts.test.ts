import { expect, test } from 'vitest';
import { createPacketCounts } from '../../../src/kernel/packets/counts.ts';
import type { Reading } from '../../../src/kernel/sums.ts';
import { fakePrograms, keyOf } from './fakes.ts';

const setUp = (slots: number) => {
  const names = new Map<number, string>();
  const gone = new Set<number>();
  const programs = fakePrograms(slots);
  const links = {
    nameOf: (index: number) => names.get(index),
    isGone: (index: number) => gone.has(index),
    forget: (index: number) => void (gone.delete(index), names.delete(index)),
  };
  const counts = createPacketCounts(programs, links);
  const slotOf = (ifindex: number): number => [...programs.places.values()].find(([of]) => of === ifindex)![1];
  return { names, gone, programs, counts, slotOf };
};

const told = ({ count, keys, sums }: Reading): readonly string[] =>
  Array.from({ length: count }, (_, entry) => {
    const key = keys.subarray(entry * 8);
    return `${key.readUInt32LE(0)} ${key[4]} ${key[5]}: ${sums[entry * 2]} ${sums[entry * 2 + 1]}`;
  });

test('an interface with a slot and one without are told alike', async () => {
  const { names, programs, counts, slotOf } = setUp(1);
  names.set(5, 'a').set(6, 'b');
  counts.place(5);
  counts.place(6);
  programs.count(slotOf(5), 1 * 4 + 2, 3, 300);
  programs.others.set(keyOf(6, 2, 1).toString('hex'), [4, 400]);
  expect(told(await counts.read())).toEqual(['5 1 2: 3 300', '6 2 1: 4 400']);
});

test('indices that fall on the same place do not take it from each other', () => {
  const { programs, counts } = setUp(4);
  counts.place(5);
  counts.place(5 + 4096);
  expect([...programs.places]).toEqual([[5, [5, 0]]]);
});

test('what was taken is told once; what comes then is told anew', async () => {
  const { names, programs, counts, slotOf } = setUp(2);
  names.set(5, 'a');
  counts.place(5);
  programs.count(slotOf(5), 0, 3, 300);
  expect(told(await counts.take(Buffer.concat([keyOf(5, 0, 0), keyOf(5, 1, 1)])))).toEqual(['5 0 0: 3 300']);
  expect(told(await counts.read())).toEqual([]);
  programs.count(slotOf(5), 0, 1, 60);
  expect(told(await counts.read())).toEqual(['5 0 0: 1 60']);
});

test('a slot whose interface is gone is given to another one, which begins at nothing', async () => {
  const { names, gone, programs, counts, slotOf } = setUp(1);
  names.set(5, 'a').set(6, 'b');
  counts.place(5);
  programs.count(slotOf(5), 0, 3, 300);
  gone.add(5);
  expect(told(await counts.read())).toEqual(['5 0 0: 3 300']);
  await counts.take(keyOf(5, 0, 0));
  expect(names.has(5)).toBe(false);
  counts.place(6);
  expect(programs.places.get(5)).toEqual([0, 0]);
  expect(slotOf(6)).toBe(0);
  expect(told(await counts.read())).toEqual([]);
  programs.count(0, 0, 1, 60);
  expect(told(await counts.read())).toEqual(['6 0 0: 1 60']);
});

test('an interface that is gone and counted nothing is forgotten at the next reading', async () => {
  const { names, gone, programs, counts } = setUp(1);
  names.set(5, 'a');
  counts.place(5);
  gone.add(5);
  await counts.read();
  expect(names.has(5)).toBe(false);
  expect(programs.places.get(5)).toEqual([0, 0]);
});

test('a name that was dropped takes its slot along, with what was counted', async () => {
  const { names, programs, counts, slotOf } = setUp(1);
  names.set(5, 'a');
  counts.place(5);
  programs.count(slotOf(5), 0, 3, 300);
  names.clear();
  expect(told(await counts.read())).toEqual([]);
  names.set(6, 'b');
  counts.place(6);
  expect(told(await counts.read())).toEqual([]);
});

test('entries of interfaces that nobody knows are left out, and keys that are no keys are no error', async () => {
  const { programs, counts } = setUp(1);
  programs.others.set(keyOf(9, 1, 1).toString('hex'), [4, 400]);
  expect(told(await counts.read())).toEqual([]);
  counts.place(5);
  expect(told(await counts.take(keyOf(5, 77, 88)))).toEqual([]);
});

test('what found no room is told as it stands', async () => {
  const reading = await setUp(1).counts.rest();
  expect([...reading.sums]).toEqual([7, 700]);
  expect(reading.generation).toBeGreaterThan(0);
});
