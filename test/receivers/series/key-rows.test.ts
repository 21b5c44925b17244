import { describe, expect, it } from 'vitest';
import { createKeyRows, picksOf, wordsOf } from '../../../src/receivers/shared/series/key-rows.ts';
import { createRandom } from '../../support/random.ts';

const KEY_BYTES = 12;
/** Of these bytes 0 to 4 and 6 to 7 tell. */
const picks = picksOf([[0, 4], [6, 7]], KEY_BYTES); // prettier-ignore
const wordsOfKeys = (keys: readonly (readonly number[])[]): Uint32Array => wordsOf(Buffer.from(keys.flat()));
const key = (first: number, sixth: number, other = 0): readonly number[] => [
  first,
  0,
  0,
  0,
  other,
  other,
  sixth,
  other,
  other,
  0,
  0,
  other,
];

describe('keys to rows', () => {
  it('go by the bytes that tell', () => {
    const rows = createKeyRows(picks.words.length);
    const words = wordsOfKeys([key(1, 1), key(1, 1, 9), key(1, 2), key(2, 1)]);
    expect([0, 3, 6, 9].map((at) => rows.enter(words, at, picks, 0))).toEqual([~0, 0, ~1, ~2]);
    expect(rows.find(words, 6, picks, 0)).toBe(1);
    expect(rows.find(words, 6, picks, 1)).toBe(-1);
    expect(rows.enter(words, 6, picks, 1)).toBe(~3);
    expect([rows.size, rows.end]).toEqual([4, 4]);
  });

  it('hand out rows again, and some without a key', () => {
    const rows = createKeyRows(picks.words.length);
    const words = wordsOfKeys([key(1, 1), key(2, 2)]);
    expect(rows.alloc()).toBe(0);
    expect(rows.enter(words, 0, picks, 0)).toBe(~1);
    rows.drop(1);
    expect(rows.find(words, 0, picks, 0)).toBe(-1);
    expect(rows.enter(words, 3, picks, 0)).toBe(~1);
    rows.drop(0);
    expect([rows.alloc(), rows.alloc(), rows.end]).toEqual([0, 2, 3]);
  });

  it('take keys that do not lie as words do', () => {
    const rows = createKeyRows(picks.words.length);
    const bytes = Buffer.from([0, ...key(1, 1)]).subarray(1);
    expect(rows.enter(wordsOf(bytes), 0, picks, 0)).toBe(~0);
    expect(rows.find(wordsOfKeys([key(1, 1)]), 0, picks, 0)).toBe(0);
  });

  it('are those of a map, whatever is entered and dropped', () => {
    const { below } = createRandom(7);
    const rows = createKeyRows(picks.words.length);
    const model = new Map<string, number>();
    for (let step = 0; step < 20_000; step++) {
      const [first, sixth] = [below(40), below(40)];
      const words = wordsOfKeys([key(first, sixth, below(256))]);
      const text = `${first} ${sixth}`;
      const known = model.get(text);
      const isDropped = below(3) === 0 && known !== undefined;
      if (isDropped) {
        rows.drop(known);
        model.delete(text);
      }
      const row = isDropped ? undefined : rows.enter(words, 0, picks, 0);
      const expected = known ?? ~(row ?? 0);
      if (row !== undefined) model.set(text, expected);
      // a key that is new gets a row that no other one has
      expect([undefined, known ?? ~expected]).toContain(row);
      expect(new Set(model.values()).size).toBe(model.size);
      expect(rows.find(words, 0, picks, 0)).toBe(model.get(text) ?? -1);
    }
    expect(rows.size).toBe(model.size);
    expect(rows.end).toBeLessThanOrEqual(1600);
  });
});
