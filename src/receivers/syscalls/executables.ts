/** Keys of counted calls with the name of the executable behind them, by which series are told apart: executables of one name are one. */
import type { MapEntries } from '../../kernel/addon.ts';
import { mapLayout } from '../../kernel/layouts.gen.ts';
import type { Reading } from '../../kernel/sums.ts';
import { createKeyRows, picksOf, wordsOf } from '../shared/series/key-rows.ts';

const { callCountKey, callName, callNameKey } = mapLayout;
const NAME_BYTES = callName.size - callName.name;
const NAME_WORDS = NAME_BYTES / 4;
const KEY_WORDS = callCountKey.size / 4;

/** `struct call_count_key`, and behind it the name, filled up with NUL. */
export const NAMED_KEY_BYTES = callCountKey.size + NAME_BYTES;
export const NAME_AT = callCountKey.size;
const NAMED_KEY_WORDS = NAMED_KEY_BYTES / 4;

const rangesOf = ({ inode, dev, generation }: { readonly inode: number; readonly dev: number; readonly generation: number }) =>
  [[inode, inode + 8], [dev, dev + 4], [generation, generation + 4]] as const; // prettier-ignore
const countedPicks = picksOf(rangesOf(callCountKey), callCountKey.size);
const namedPicks = picksOf(rangesOf(callNameKey), callNameKey.size);
const INODE_WORD = callCountKey.inode / 4;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The name in a key; empty: there is none, as for kernel threads. */
export const nameIn = (keys: Buffer, at: number): string => {
  const field = keys.subarray(at + NAME_AT, at + NAMED_KEY_BYTES);
  const length = field.indexOf(0);
  return decoder.decode(length < 0 ? field : field.subarray(0, length));
};

export type Executables = {
  /** Of all that there is: what is not among it is forgotten. */
  nameAll(reading: Reading, readNames: () => MapEntries | undefined): Reading;
  /** Of some of it. */
  name(reading: Reading): Reading;
};

/** What an executable was called when it was first met stays: its counts would else move from one series to another. */
export const createExecutables = (): Executables => {
  const rows = createKeyRows(countedPicks.words.length);
  let names = new Uint32Array(64 * NAME_WORDS);
  let seen = new Uint32Array(64);
  let isUsed = new Uint8Array(64);
  let reading = 0;

  const grow = (row: number): void => {
    if (row < seen.length) return;
    const longer = <T extends Uint32Array | Uint8Array>(column: T, next: T): T => {
      next.set(column);
      return next;
    };
    names = longer(names, new Uint32Array(names.length * 2));
    isUsed = longer(isUsed, new Uint8Array(seen.length * 2));
    seen = longer(seen, new Uint32Array(seen.length * 2));
  };

  /** Rows of executables that are met for the first time get their names. */
  const learn = (news: ReadonlySet<number>, { count, keyBytes, valueBytes, keys, values }: MapEntries): void => {
    const words = wordsOf(keys);
    const bytes = new Uint8Array(names.buffer);
    for (let entry = 0; entry < count; entry++) {
      const row = rows.find(words, (entry * keyBytes) / 4, namedPicks, 0);
      if (row < 0 || !news.has(row)) continue;
      const field = values.subarray(entry * valueBytes + callName.name, entry * valueBytes + callName.size);
      const length = field.indexOf(0);
      bytes.set(length < 0 ? field : field.subarray(0, length), row * NAME_BYTES);
    }
  };

  const forget = (): void => {
    for (let row = 0; row < rows.end; row++) {
      if (isUsed[row] === 0 || seen[row] === reading) continue;
      isUsed[row] = 0;
      rows.drop(row);
    }
  };

  const named = (counts: Reading): Reading => {
    const words = wordsOf(counts.keys);
    const out = new Uint32Array(counts.count * NAMED_KEY_WORDS);
    for (let entry = 0; entry < counts.count; entry++) {
      const from = entry * KEY_WORDS;
      const to = entry * NAMED_KEY_WORDS;
      for (let word = 0; word < KEY_WORDS; word++) out[to + word] = words[from + word]!;
      const row = rows.find(words, from, countedPicks, 0);
      if (row >= 0) for (let word = 0; word < NAME_WORDS; word++) out[to + KEY_WORDS + word] = names[row * NAME_WORDS + word]!;
    }
    return { ...counts, seriesKeys: Buffer.from(out.buffer) };
  };

  return {
    nameAll(counts, readNames) {
      reading++;
      const words = wordsOf(counts.keys);
      const news = new Set<number>();
      let hasFiles = false;
      for (let entry = 0; entry < counts.count; entry++) {
        const at = entry * KEY_WORDS;
        let row = rows.enter(words, at, countedPicks, 0);
        if (row < 0) {
          row = ~row;
          grow(row);
          names.fill(0, row * NAME_WORDS, (row + 1) * NAME_WORDS);
          isUsed[row] = 1;
          news.add(row);
          hasFiles ||= words[at + INODE_WORD] !== 0 || words[at + INODE_WORD + 1] !== 0;
        }
        seen[row] = reading;
      }
      const known = hasFiles ? readNames() : undefined;
      if (known !== undefined) learn(news, known);
      forget();
      return named(counts);
    },
    name: named,
  };
};
