/**
 * Copies of a few dozen bytes, the bulk of what the writer does. Measured on Node 24: `set(subarray)` costs 28 ns whatever the length,
 * a byte loop 0.7 ns a byte, eight bytes at a time through a `DataView` 3 ns plus 0.1 ns a byte; the big integers never exist in
 * optimised code. From about 256 bytes on `set(subarray)` wins.
 */

/** From this length on the builtin is the cheaper one. */
const BUILTIN_FROM = 256;
/** `copyWithin` makes no object: 12 ns and hardly more with the length. */
const WITHIN_BUILTIN_FROM = 128;

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Copies `from[start, start + length)` to `out` at `at` and touches nothing else; returns the position behind it. `view` and `fromView` show the same bytes as `out` and `from`. */
export const copyBytes = (
  out: Uint8Array,
  view: DataView,
  at: number,
  from: Uint8Array,
  fromView: DataView,
  start: number,
  length: number,
): number => {
  if (length >= BUILTIN_FROM) {
    out.set(from.subarray(start, start + length), at);
  } else if (length >= 8) {
    const last = length - 8;
    for (let i = 0; i < last; i += 8) view.setBigUint64(at + i, fromView.getBigUint64(start + i, true), true);
    view.setBigUint64(at + last, fromView.getBigUint64(start + last, true), true);
  } else {
    for (let i = 0; i < length; i++) out[at + i] = from[start + i]!;
  }
  return at + length;
};

/** Copies `length` bytes that stand at `from` to `at`, somewhere behind them in the same memory; returns the position behind the copy. */
export const copyWithin = (bytes: Uint8Array, view: DataView, at: number, from: number, length: number): number => {
  if (length >= WITHIN_BUILTIN_FROM) {
    bytes.copyWithin(at, from, from + length);
  } else if (length >= 8) {
    const last = length - 8;
    for (let i = 0; i < last; i += 8) view.setBigUint64(at + i, view.getBigUint64(from + i, true), true);
    view.setBigUint64(at + last, view.getBigUint64(from + last, true), true);
  } else {
    for (let i = 0; i < length; i++) bytes[at + i] = bytes[from + i]!;
  }
  return at + length;
};

/** Bytes that are written again and again. `words` holds them padded to whole words. */
export type Template = { readonly words: BigUint64Array; readonly length: number };

/** Most bytes that `putTemplate` spoils behind what it wrote. */
export const TEMPLATE_SLACK = 7;

export const templateOf = (...parts: readonly Uint8Array[]): Template => {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(Math.ceil(length / 8) * 8);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const view = viewOf(bytes);
  return { words: BigUint64Array.from({ length: bytes.length / 8 }, (_, word) => view.getBigUint64(word * 8, true)), length };
};

/** Writes whole words, so up to TEMPLATE_SLACK bytes behind the template are overwritten with zeros. */
export const putTemplate = (view: DataView, at: number, template: Template): number => {
  const words = template.words;
  for (let i = 0; i < words.length; i++) view.setBigUint64(at + i * 8, words[i]!, true);
  return at + template.length;
};
