/** Builds the table of texts of a frame. */
import { isAscii, isUtf8 } from 'node:buffer';
import { LENGTH_MASK, NOT_UTF8, type StringTable } from './batch.ts';

/** Text, or raw bytes as the kernel has them. */
export type TextInput = string | Uint8Array;

/** Texts one behind the other, as a list of arguments: their bytes, and the length of each. */
export type TextRun = { readonly bytes: Uint8Array; readonly lengths: Uint32Array };

export type TextTable = {
  /** Id of the text; equal texts have one id, the empty one has 0. */
  intern(text: TextInput): number;
  /** The id of the first; the others have the next ones. 0 when there is none. */
  append(run: TextRun): number;
  /** What is in it now; it can be used on, and an earlier table does not change. */
  table(): StringTable;
};

const FIRST_BYTES = 1024;
const utf8 = new TextEncoder();

export const textRunOf = (texts: readonly TextInput[]): TextRun => {
  const parts = texts.map((text) => (typeof text === 'string' ? utf8.encode(text) : text));
  return { bytes: Buffer.concat(parts), lengths: Uint32Array.from(parts, ({ length }) => length) };
};

/** Texts with ids one after the other, in memory of their own. */
export const textRunAt = ({ bytes, offsets, lengths: all }: StringTable, first: number, count: number): TextRun => {
  const lengths = all.slice(first, first + count);
  const start = offsets[first]!;
  let total = 0;
  let isTogether = true;
  for (let at = 0; at < count; at++) {
    if (offsets[first + at] !== start + total) isTogether = false;
    total += lengths[at]! &= LENGTH_MASK;
  }
  if (isTogether) return { bytes: bytes.slice(start, start + total), lengths };
  // what somebody has replaced lies elsewhere
  const own = new Uint8Array(total);
  let used = 0;
  for (let at = 0; at < count; at++) {
    const from = offsets[first + at]!;
    own.set(bytes.subarray(from, from + lengths[at]!), used);
    used += lengths[at]!;
  }
  return { bytes: own, lengths };
};

/** Each of them as a view. */
export const textsOfRun = ({ bytes, lengths }: TextRun): readonly Uint8Array[] => {
  let at = 0;
  return Array.from(lengths, (length) => bytes.subarray(at, (at += length)));
};

export const createTextTable = (): TextTable => {
  let bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  let used = 0;
  /** Where each ends; the first is the empty one. */
  const ends: number[] = [0];
  const idOfText = new Map<string, number>([['', 0]]);
  const idOfBytes = new Map<string, number>([['', 0]]);

  const put = (more: Uint8Array): void => {
    if (used + more.length > bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * bytes.length, used + more.length));
      larger.set(bytes.subarray(0, used));
      bytes = larger;
    }
    bytes.set(more, used);
  };

  const internBytes = (text: Uint8Array): number => {
    put(text);
    const key = bytes.toString('latin1', used, used + text.length);
    const known = idOfBytes.get(key);
    if (known !== undefined) return known;
    used += text.length;
    idOfBytes.set(key, ends.length);
    return ends.push(used) - 1;
  };

  return {
    intern(text) {
      if (typeof text !== 'string') return internBytes(text);
      let id = idOfText.get(text);
      if (id === undefined) {
        id = internBytes(utf8.encode(text));
        idOfText.set(text, id);
      }
      return id;
    },
    append(run) {
      if (run.lengths.length === 0) return 0;
      put(run.bytes);
      const first = ends.length;
      for (const length of run.lengths) ends.push((used += length));
      return first;
    },
    table() {
      const own = new Uint8Array(bytes.subarray(0, used));
      const count = ends.length;
      const offsets = new Uint32Array(count);
      const lengths = new Uint32Array(count);
      const isPlain = isAscii(own);
      for (let id = 1; id < count; id++) {
        const start = ends[id - 1]!;
        const end = ends[id]!;
        offsets[id] = start;
        lengths[id] = (end - start) | (isPlain || isUtf8(own.subarray(start, end)) ? 0 : NOT_UTF8);
      }
      return { bytes: own, offsets, lengths, count };
    },
  };
};
