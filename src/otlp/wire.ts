/**
 * Protobuf on the wire, as far as OTLP needs it, written straight into a `Uint8Array`. Nothing here allocates but `keyBytes`, `delimited`
 * and `encodeAttributes`. Every `put…` returns the position behind what it wrote; the caller has made room.
 *
 * Attributes are written as fields of `LogRecord.attributes` (field 6): one tag byte, the length, then `KeyValue`.
 * Source: opentelemetry-proto 1.7, common.proto and logs.proto.
 */
import type { Attribute, AttributeValue } from '../core/batch.ts';

/** Tag of `LogRecord.attributes`, field 6, length-delimited. */
export const ATTRIBUTE_TAG = 0x32;

const utf8 = new TextEncoder();

/** Bytes of a varint of `value`, 0 ≤ value < 2^31. */
export const varintSize = (value: number): number =>
  value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;

/** `value` is an unsigned 32-bit number. */
export const putVarint = (out: Uint8Array, at: number, value: number): number => {
  let rest = value >>> 0;
  while (rest > 0x7f) {
    out[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[at++] = rest;
  return at;
};

/** A varint of a 64-bit number given as two unsigned halves; negative numbers are two's complement and take ten bytes. */
export const putVarint64 = (out: Uint8Array, at: number, lo: number, hi: number): number => {
  let low = lo >>> 0;
  let high = hi >>> 0;
  while (high !== 0) {
    out[at++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  return putVarint(out, at, low);
};

export const varint64Size = (lo: number, hi: number): number => {
  if (hi === 0) return varintSize32(lo);
  const high = hi >>> 0;
  return high < 0x8 ? 5 : high < 0x400 ? 6 : high < 0x2_0000 ? 7 : high < 0x100_0000 ? 8 : high < 0x8000_0000 ? 9 : 10;
};

const varintSize32 = (value: number): number => {
  const rest = value >>> 0;
  return rest < 0x80 ? 1 : rest < 0x4000 ? 2 : rest < 0x20_0000 ? 3 : rest < 0x1000_0000 ? 4 : 5;
};

/** A varint of exactly four bytes (value < 2^28), for a length that is filled in later; protobuf allows padding. */
export const putPaddedVarint4 = (out: Uint8Array, at: number, value: number): void => {
  out[at] = (value & 0x7f) | 0x80;
  out[at + 1] = ((value >>> 7) & 0x7f) | 0x80;
  out[at + 2] = ((value >>> 14) & 0x7f) | 0x80;
  out[at + 3] = (value >>> 21) & 0x7f;
};

/** A tag and a padded length. */
export const LENGTH_BYTES = 5;

/** One length-delimited field, for what is encoded once and kept. */
export const delimited = (tag: number, ...parts: readonly Uint8Array[]): Uint8Array => {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const out = new Uint8Array(6 + length);
  out[0] = tag;
  let at = putVarint(out, 1, length);
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out.slice(0, at);
};

/** The bytes of `KeyValue.key`: tag, length, name. Made once per attribute name. */
export const keyBytes = (name: string): Uint8Array => {
  const text = utf8.encode(name);
  const out = new Uint8Array(2 + text.length + 4);
  out[0] = 0x0a;
  const at = putVarint(out, 1, text.length);
  out.set(text, at);
  return out.slice(0, at + text.length);
};

/** Copies a few bytes; below about 40 a loop is cheaper than `set(subarray)`. */
export const putBytes = (out: Uint8Array, at: number, from: Uint8Array, start = 0, end = from.length): number => {
  if (end - start > 40) {
    out.set(from.subarray(start, end), at);
    return at + end - start;
  }
  for (let i = start; i < end; i++) out[at++] = from[i]!;
  return at;
};

/** Most bytes that a string attribute takes beside its key and text. */
export const ATTRIBUTE_OVERHEAD = 24;

/** A string attribute; `from[start, end)` is valid UTF-8. */
export const putStringAttribute = (out: Uint8Array, at: number, key: Uint8Array, from: Uint8Array, start: number, end: number): number => {
  const length = end - start;
  const value = 1 + varintSize(length) + length;
  out[at++] = ATTRIBUTE_TAG;
  at = putVarint(out, at, key.length + 1 + varintSize(value) + value);
  at = putBytes(out, at, key);
  out[at++] = 0x12;
  at = putVarint(out, at, value);
  out[at++] = 0x0a;
  at = putVarint(out, at, length);
  return putBytes(out, at, from, start, end);
};

/** An int attribute of a 64-bit number in two halves. */
export const putIntAttribute = (out: Uint8Array, at: number, key: Uint8Array, lo: number, hi: number): number => {
  const value = 1 + varint64Size(lo, hi);
  out[at++] = ATTRIBUTE_TAG;
  at = putVarint(out, at, key.length + 2 + value);
  at = putBytes(out, at, key);
  out[at++] = 0x12;
  out[at++] = value;
  out[at++] = 0x18;
  return putVarint64(out, at, lo, hi);
};

export const putBoolAttribute = (out: Uint8Array, at: number, key: Uint8Array, value: boolean): number => {
  out[at++] = ATTRIBUTE_TAG;
  at = putVarint(out, at, key.length + 4);
  at = putBytes(out, at, key);
  out[at++] = 0x12;
  out[at++] = 2;
  out[at++] = 0x10;
  out[at++] = value ? 1 : 0;
  return at;
};

const doubleField = (value: number): Uint8Array => {
  const out = new Uint8Array(9);
  out[0] = 0x21;
  new DataView(out.buffer).setFloat64(1, value, true);
  return out;
};

const anyValue = (value: AttributeValue): Uint8Array => {
  if (typeof value === 'boolean') return Uint8Array.of(0x10, value ? 1 : 0);
  if (typeof value === 'string') {
    const text = utf8.encode(value.toWellFormed());
    const out = new Uint8Array(6 + text.length);
    out[0] = 0x0a;
    const at = putVarint(out, 1, text.length);
    out.set(text, at);
    return out.subarray(0, at + text.length);
  }
  if (typeof value === 'object' && 'double' in value) return doubleField(value.double);
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return doubleField(value);
  if (typeof value === 'number' || typeof value === 'bigint') {
    const bits = BigInt.asUintN(64, BigInt(value));
    const out = new Uint8Array(11);
    out[0] = 0x18;
    return out.subarray(0, putVarint64(out, 1, Number(bits & 0xffff_ffffn), Number(bits >> 32n)));
  }
  const items = value.map((item) => anyValue(item));
  const list = new Uint8Array(items.reduce((sum, item) => sum + 6 + item.length, 0));
  let at = 0;
  for (const item of items) {
    list[at++] = 0x0a;
    at = putVarint(list, at, item.length);
    list.set(item, at);
    at += item.length;
  }
  const out = new Uint8Array(6 + at);
  out[0] = 0x2a;
  const start = putVarint(out, 1, at);
  out.set(list.subarray(0, at), start);
  return out.subarray(0, start + at);
};

/**
 * The general way, for what is encoded once and kept: attributes as a run of `KeyValue` fields with the given tag
 * (ATTRIBUTE_TAG for a log record, 0x0a for a resource).
 */
export const encodeAttributes = (attributes: readonly Attribute[], tag = ATTRIBUTE_TAG): Uint8Array => {
  const parts = attributes.map(([name, value]) => {
    const key = keyBytes(name);
    const any = anyValue(value);
    const body = new Uint8Array(key.length + any.length + 16);
    body[0] = tag;
    let at = putVarint(body, 1, key.length + 1 + varintSize(any.length) + any.length);
    at = putBytes(body, at, key);
    body[at++] = 0x12;
    at = putVarint(body, at, any.length);
    body.set(any, at);
    return body.subarray(0, at + any.length);
  });
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};
