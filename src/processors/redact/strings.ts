/** A string table with some entries replaced. The original stays as it is; copies are made when the first entry is replaced. */
import { isUtf8 } from 'node:buffer';
import { LENGTH_MASK, NOT_UTF8, type StringTable } from '../../core/batch.ts';
import type { Spans } from './redactor.ts';

export type StringEdits = {
  /** Points at the table of another frame; nothing is copied yet. What `table` gave before is not valid any more. */
  open(table: StringTable): void;
  /** Puts the replacement for the spans of an entry, for all who have its id. */
  replace(id: number, spans: Spans): void;
  /** A new entry that is like `id` but for the spans; returns its id. */
  add(id: number, spans: Spans): number;
  /** The table with all replaced entries; the original when there are none. */
  table(): StringTable;
};

/** Not in the middle of a character. */
const isStart = (bytes: Uint8Array, at: number): boolean => (bytes[at]! & 0xc0) !== 0x80;

const grown = (needed: number): number => 2 ** Math.ceil(Math.log2(Math.max(needed, 1024)));

/**
 * Its memory is used again for the next frame and grows to the largest one that had something to replace, and the replacements. Replacements
 * are longer than a secret of one byte, so the most is the text of a frame times the length of a replacement.
 */
export const createStringEdits = (replacement: Uint8Array): StringEdits => {
  let source: StringTable = { bytes: new Uint8Array(0), offsets: new Uint32Array(0), lengths: new Uint32Array(0), count: 0 };
  let bytes = new Uint8Array(0);
  let offsets = new Uint32Array(0);
  let lengths = new Uint32Array(0);
  let used = 0;
  let count = 0;
  let isCopied = false;

  const copy = (): void => {
    if (isCopied) return;
    isCopied = true;
    const size = source.bytes.length;
    if (bytes.length < size + 4096) bytes = new Uint8Array(grown(size + 4096));
    bytes.set(source.bytes);
    used = size;
    count = source.count;
    if (offsets.length < count + 64) {
      offsets = new Uint32Array(grown(count + 64));
      lengths = new Uint32Array(offsets.length);
    }
    offsets.set(source.offsets.subarray(0, count));
    lengths.set(source.lengths.subarray(0, count));
  };

  /** Writes the new text behind all others and lets `id` mean it. */
  const write = (id: number, from: number, flagged: number, spans: Spans): void => {
    const length = flagged & LENGTH_MASK;
    const needed = used + length + (spans.length / 2) * replacement.length;
    if (needed > bytes.length) {
      const more = new Uint8Array(grown(needed));
      more.set(bytes.subarray(0, used));
      bytes = more;
    }
    const start = used;
    const original = source.bytes;
    let at = 0;
    // cut between characters, valid text stays valid
    let isWhole = (flagged & NOT_UTF8) === 0;
    for (let i = 0; i <= spans.length; i += 2) {
      const next = i === spans.length ? length : spans[i]!;
      for (let k = from + at; k < from + next; k++) bytes[used++] = original[k]!;
      if (i === spans.length) break;
      at = spans[i + 1]!;
      isWhole &&= isStart(original, from + next) && (at === length || isStart(original, from + at));
      for (let j = 0; j < replacement.length; j++) bytes[used++] = replacement[j]!;
    }
    offsets[id] = start;
    lengths[id] = (used - start) | (isWhole || isUtf8(bytes.subarray(start, used)) ? 0 : NOT_UTF8);
  };

  return {
    open(table) {
      source = table;
      isCopied = false;
    },
    replace(id, spans) {
      copy();
      write(id, source.offsets[id]!, source.lengths[id]!, spans);
    },
    add(id, spans) {
      copy();
      if (count === offsets.length) {
        const more = new Uint32Array(count * 2);
        more.set(offsets);
        offsets = more;
        const moreLengths = new Uint32Array(count * 2);
        moreLengths.set(lengths);
        lengths = moreLengths;
      }
      write(count, source.offsets[id]!, source.lengths[id]!, spans);
      return count++;
    },
    table: () =>
      isCopied
        ? { bytes: bytes.subarray(0, used), offsets: offsets.subarray(0, count), lengths: lengths.subarray(0, count), count }
        : source,
  };
};
