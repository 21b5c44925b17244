/**
 * Attributes of a log record written from templates: the part that never changes is copied in words, lengths are filled in behind.
 * Every `put…` returns the position behind what it wrote and may spoil TEMPLATE_SLACK bytes behind that; the caller has made room.
 */
import { LENGTH_MASK, NOT_UTF8, type StringTable } from '../core/batch.ts';
import { copyBytes, putTemplate, templateOf, viewOf, type Template } from './copy.ts';
import { ATTRIBUTE_TAG, keyBytes, putPaddedVarint4, putVarint, putVarint64, varintSize } from './wire.ts';
import { putReplacingInvalid, REPLACED_EXPANSION } from './utf8.ts';

/** Longest name whose int attribute surely fits lengths of one byte. */
const LONGEST_NAME = 96;

/** Most bytes of a scalar attribute without text: a key, the lengths, a varint of ten bytes, slack. */
export const SCALAR_BOUND = LONGEST_NAME + 32;
/** Most bytes of a string or list attribute beside its text. */
export const TEXT_BOUND = LONGEST_NAME + 40;
/** Most bytes of a list's item beside its text. */
const ITEM_BOUND = 12;

const keyOf = (name: string): Uint8Array => {
  const key = keyBytes(name);
  if (key.length > LONGEST_NAME + 2) throw new RangeError(`attribute name longer than ${LONGEST_NAME} bytes: ${name}`);
  return key;
};

/** Where the strings of a batch are, with a view of the same bytes. */
export type Strings = StringTable & { readonly view: DataView };
export const stringsOf = (table: StringTable): Strings => ({
  bytes: table.bytes,
  offsets: table.offsets,
  lengths: table.lengths,
  count: table.count,
  view: viewOf(table.bytes),
});

/** Everything of an int attribute but the value. */
export const intTemplate = (name: string): Template =>
  templateOf(Uint8Array.of(ATTRIBUTE_TAG, 0), keyOf(name), Uint8Array.of(0x12, 0, 0x18));

/** `lo` and `hi` are the unsigned halves of the value in two's complement. */
export const putInt = (out: Uint8Array, view: DataView, at: number, template: Template, lo: number, hi: number): number => {
  const value = putTemplate(view, at, template);
  const end = hi === 0 ? putVarint(out, value, lo) : putVarint64(out, value, lo, hi);
  out[at + 1] = end - at - 2;
  out[value - 2] = end - value + 1;
  return end;
};

/** From behind the length of the attribute to the length of its value. */
export const keyTemplate = (name: string): Template => templateOf(keyOf(name), Uint8Array.of(0x12));

/** Most bytes of the text of string `id` once it is valid UTF-8. */
export const textBound = (strings: Strings, id: number): number => {
  const length = strings.lengths[id]!;
  return (length & NOT_UTF8) === 0 ? length : (length & LENGTH_MASK) * REPLACED_EXPANSION;
};

/** A non-empty string by its id. */
export const putText = (out: Uint8Array, view: DataView, at: number, key: Template, strings: Strings, id: number): number => {
  const flagged = strings.lengths[id]!;
  const start = strings.offsets[id]!;
  out[at] = ATTRIBUTE_TAG;
  if ((flagged & NOT_UTF8) !== 0) {
    const value = putTemplate(view, at + 5, key);
    out[value + 4] = 0x0a;
    const end = putReplacingInvalid(out, value + 9, strings.bytes, start, start + (flagged & LENGTH_MASK));
    putPaddedVarint4(out, at + 1, end - at - 5);
    putPaddedVarint4(out, value, end - value - 4);
    putPaddedVarint4(out, value + 5, end - value - 9);
    return end;
  }
  const value = 1 + varintSize(flagged) + flagged;
  at = putVarint(out, at + 1, key.length + varintSize(value) + value);
  at = putTemplate(view, at, key);
  at = putVarint(out, at, value);
  out[at] = 0x0a;
  at = putVarint(out, at + 1, flagged);
  return copyBytes(out, view, at, strings.bytes, strings.view, start, flagged);
};

/** Most bytes of the items of a list. */
export const textsBound = (strings: Strings, first: number, count: number): number => {
  let bytes = count * ITEM_BOUND;
  for (let id = first; id < first + count; id++) bytes += textBound(strings, id);
  return bytes;
};

const putItem = (out: Uint8Array, view: DataView, at: number, strings: Strings, id: number): number => {
  const flagged = strings.lengths[id]!;
  const start = strings.offsets[id]!;
  out[at] = 0x0a;
  if ((flagged & NOT_UTF8) !== 0) {
    out[at + 5] = 0x0a;
    const end = putReplacingInvalid(out, at + 10, strings.bytes, start, start + (flagged & LENGTH_MASK));
    putPaddedVarint4(out, at + 1, end - at - 5);
    putPaddedVarint4(out, at + 6, end - at - 10);
    return end;
  }
  at = putVarint(out, at + 1, 1 + varintSize(flagged) + flagged);
  out[at] = 0x0a;
  at = putVarint(out, at + 1, flagged);
  return copyBytes(out, view, at, strings.bytes, strings.view, start, flagged);
};

/** An array of `count` strings whose ids follow `first`. */
export const putTexts = (
  out: Uint8Array,
  view: DataView,
  at: number,
  key: Template,
  strings: Strings,
  first: number,
  count: number,
): number => {
  out[at] = ATTRIBUTE_TAG;
  const value = putTemplate(view, at + 5, key);
  out[value + 4] = 0x2a;
  let end = value + 9;
  for (let id = first; id < first + count; id++) end = putItem(out, view, end, strings, id);
  putPaddedVarint4(out, at + 1, end - at - 5);
  putPaddedVarint4(out, value, end - value - 4);
  putPaddedVarint4(out, value + 5, end - value - 9);
  return end;
};

/** One string of an array whose items are known beforehand. */
export const itemTemplate = (text: string): Template => {
  const bytes = new TextEncoder().encode(text);
  const head = new Uint8Array(12);
  head[0] = 0x0a;
  let at = putVarint(head, 1, 1 + varintSize(bytes.length) + bytes.length);
  head[at] = 0x0a;
  at = putVarint(head, at + 1, bytes.length);
  return templateOf(head.subarray(0, at), bytes);
};

/** An array of those `items` whose bits in `masksLo` and `masksHi` are all set in the value; nothing when there is none. */
export const putFlags = (
  out: Uint8Array,
  view: DataView,
  at: number,
  key: Template,
  items: readonly Template[],
  masksLo: Uint32Array,
  masksHi: Uint32Array,
  lo: number,
  hi: number,
): number => {
  const value = putTemplate(view, at + 5, key);
  let end = value + 9;
  for (let i = 0; i < items.length; i++) {
    const maskLo = masksLo[i]!;
    const maskHi = masksHi[i]!;
    if ((lo & maskLo) >>> 0 === maskLo && (hi & maskHi) >>> 0 === maskHi) end = putTemplate(view, end, items[i]!);
  }
  if (end === value + 9) return at;
  out[at] = ATTRIBUTE_TAG;
  out[value + 4] = 0x2a;
  putPaddedVarint4(out, at + 1, end - at - 5);
  putPaddedVarint4(out, value, end - value - 4);
  putPaddedVarint4(out, value + 5, end - value - 9);
  return end;
};
