/**
 * Attributes of a log record written from templates: the part that never changes is copied in words, lengths are filled in behind.
 * Every `put…` returns the position behind what it wrote and may spoil TEMPLATE_SLACK bytes behind that; the caller has made room.
 */
import { LENGTH_MASK, NOT_UTF8, type FlagName, type StringTable } from '../core/batch.ts';
import { copyBytes, putTemplate, templateOf, viewOf, type Template } from './copy.ts';
import { putAddress, putDecimal, putOctal } from './field-bytes.ts';
import { isAddress } from './field-text.ts';
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
export const putText = (out: Uint8Array, view: DataView, at: number, key: Template, strings: Strings, id: number): number =>
  putPart(out, view, at, key, strings, strings.offsets[id]!, strings.lengths[id]!);

/** Bytes of the table as text; NOT_UTF8 in `flagged`, the length, says that they are not valid. */
const putPart = (out: Uint8Array, view: DataView, at: number, key: Template, strings: Strings, start: number, flagged: number): number => {
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

const SLASH = 0x2f;
const DOT = 0x2e;

/** Of a path by its id what stands behind the last slash; nothing when that is empty, `.` or `..`. */
export const putFileName = (out: Uint8Array, view: DataView, at: number, key: Template, strings: Strings, id: number): number => {
  const { bytes } = strings;
  const flagged = strings.lengths[id]!;
  const first = strings.offsets[id]!;
  let end = first + (flagged & LENGTH_MASK);
  while (end > first && bytes[end - 1] === SLASH) end--;
  let start = end;
  while (start > first && bytes[start - 1] !== SLASH) start--;
  const length = end - start;
  if (length === 0 || (length <= 2 && bytes[start] === DOT && bytes[end - 1] === DOT)) return at;
  return putPart(out, view, at, key, strings, start, (length | (flagged & NOT_UTF8)) >>> 0);
};

/** The name of a unix socket by its id, not empty. */
export const putSocketName = (out: Uint8Array, view: DataView, at: number, key: Template, strings: Strings, id: number): number => {
  const flagged = strings.lengths[id]!;
  const end = putText(out, view, at, key, strings, id);
  // a NUL is one byte in either form; in the padded one its place is fixed
  if (strings.bytes[strings.offsets[id]!] === 0) out[(flagged & NOT_UTF8) !== 0 ? at + key.length + 14 : end - flagged] = AT_SIGN;
  return end;
};

const AT_SIGN = 0x40;

/** Begins an attribute whose value is text of less than 126 bytes; returns where the text goes. `endShortText` fills in the lengths. */
const beginShortText = (out: Uint8Array, view: DataView, at: number, key: Template): number => {
  out[at] = ATTRIBUTE_TAG;
  const value = putTemplate(view, at + 3, key);
  out[value + 1] = 0x0a;
  return value + 3;
};

const endShortText = (out: Uint8Array, at: number, text: number, end: number): number => {
  const length = end - at - 3;
  out[at + 1] = (length & 0x7f) | 0x80;
  out[at + 2] = length >>> 7;
  out[text - 3] = end - text + 2;
  out[text - 1] = end - text;
  return end;
};

/** A number of 64 bits without a sign, as decimal text. */
export const putDecimalText = (out: Uint8Array, view: DataView, at: number, key: Template, lo: number, hi: number): number => {
  const text = beginShortText(out, view, at, key);
  return endShortText(out, at, text, putDecimal(out, text, lo, hi));
};

/** A number of 32 bits as octal text. */
export const putOctalText = (out: Uint8Array, view: DataView, at: number, key: Template, value: number): number => {
  const text = beginShortText(out, view, at, key);
  return endShortText(out, at, text, putOctal(out, text, value));
};

/** The address that the string `id` is; nothing when it is none. */
export const putAddressText = (out: Uint8Array, view: DataView, at: number, key: Template, strings: Strings, id: number): number => {
  const length = strings.lengths[id]! & LENGTH_MASK;
  const start = strings.offsets[id]!;
  if (!isAddress(strings.bytes[start], length)) return at;
  const text = beginShortText(out, view, at, key);
  return endShortText(out, at, text, putAddress(out, text, strings.bytes, start, length));
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

/** Names of flags with what they stand for: (value & mask) = bits, in halves. */
export type FlagItems = {
  readonly items: readonly Template[];
  readonly bitsLo: Uint32Array;
  readonly bitsHi: Uint32Array;
  readonly masksLo: Uint32Array;
  readonly masksHi: Uint32Array;
  /** Whole attributes by value, of values without an upper half. */
  readonly known: Map<number, Template>;
};

/** Values that programs use are few; those of one that makes them up are not to be remembered. */
const MOST_KNOWN = 256;

/** Bits and masks are below 2^53. */
export const flagItemsOf = (names: readonly FlagName[]): FlagItems => {
  const low = (value: number): number => value % 0x1_0000_0000;
  const high = (value: number): number => Math.floor(value / 0x1_0000_0000);
  return {
    items: names.map(([, name]) => itemTemplate(name)),
    bitsLo: Uint32Array.from(names, ([bits]) => low(bits)),
    bitsHi: Uint32Array.from(names, ([bits]) => high(bits)),
    masksLo: Uint32Array.from(names, ([bits, , mask = bits]) => low(mask)),
    masksHi: Uint32Array.from(names, ([bits, , mask = bits]) => high(mask)),
    known: new Map(),
  };
};

/** An array of the names that stand for the value; nothing when there is none. */
export const putFlags = (out: Uint8Array, view: DataView, at: number, key: Template, flags: FlagItems, lo: number, hi: number): number => {
  const { items, bitsLo, bitsHi, masksLo, masksHi, known } = flags;
  if (hi === 0) {
    const whole = known.get(lo);
    if (whole !== undefined) return putTemplate(view, at, whole);
  }
  const value = putTemplate(view, at + 5, key);
  let end = value + 9;
  for (let i = 0; i < items.length; i++) {
    if ((lo & masksLo[i]!) >>> 0 === bitsLo[i]! && (hi & masksHi[i]!) >>> 0 === bitsHi[i]!) end = putTemplate(view, end, items[i]!);
  }
  if (end === value + 9) {
    end = at;
  } else {
    out[at] = ATTRIBUTE_TAG;
    out[value + 4] = 0x2a;
    putPaddedVarint4(out, at + 1, end - at - 5);
    putPaddedVarint4(out, value, end - value - 4);
    putPaddedVarint4(out, value + 5, end - value - 9);
  }
  if (hi === 0 && known.size < MOST_KNOWN) known.set(lo, templateOf(out.subarray(at, end)));
  return end;
};
