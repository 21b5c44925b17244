/** Readings of maps that add up, as the addon gives them, out of entries. */
import type { MapEntries } from '../../src/kernel/addon.ts';
import type { Reading } from '../../src/kernel/sums.ts';

/** `valueBytes`: of the value of one CPU. */
export const readingOf = (
  { count, keyBytes, keys, values, valueBytes: allBytes }: MapEntries,
  valueBytes: number,
  generation = 1,
): Reading => {
  const words = valueBytes / 8;
  const sums = new Float64Array(count * words);
  for (let at = 0; at < values.length; at += 8) {
    const entry = Math.floor(at / allBytes);
    const word = ((at - entry * allBytes) % valueBytes) / 8;
    sums[entry * words + word]! += Number(values.readBigUInt64LE(at));
  }
  return { count, keyBytes, keys, words, sums, missed: 0, generation };
};
