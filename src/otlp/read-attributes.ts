import { doubleValue, type Attribute, type AttributeValue } from '../core/batch.ts';
import { createCursor, type ProtoCursor } from './proto-cursor.ts';

/** Deeper than this nobody nests values but to harm. */
const MAX_DEPTH = 32;

const textOf = (bytes: Buffer, { at, to }: ProtoCursor): string => bytes.toString('utf8', at, to);

const wholeOf = ({ lo, hi }: ProtoCursor): number | bigint => {
  const value = BigInt.asIntN(64, (BigInt(hi) << 32n) | BigInt(lo));
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
};

/** Lists of other things than strings, and tables, have no value of their own here: they become JSON. */
const valueOf = (bytes: Buffer, start: number, end: number, depth: number): AttributeValue | undefined => {
  let value: AttributeValue | undefined;
  const cursor = createCursor(bytes, start, end);
  while (cursor.next()) {
    const { field, wireType, at, to } = cursor;
    if (field === 1 && wireType === 2) value = textOf(bytes, cursor);
    else if (field === 2 && wireType === 0) value = cursor.lo !== 0;
    else if (field === 3 && wireType === 0) value = wholeOf(cursor);
    else if (field === 4 && wireType === 1) value = doubleValue(bytes.readDoubleLE(at));
    else if (field === 5 && wireType === 2) value = listOf(bytes, at, to, depth + 1);
    else if (field === 6 && wireType === 2)
      value = JSON.stringify(Object.fromEntries(attributesIn(bytes, at, to, 1, depth + 1)), plainNumber);
    else if (field === 7 && wireType === 2) value = bytes.toString('base64', at, to);
  }
  return value;
};

const plainNumber = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

const listOf = (bytes: Buffer, start: number, end: number, depth: number): AttributeValue => {
  const items: (AttributeValue | undefined)[] = [];
  const cursor = createCursor(bytes, start, end);
  if (depth > MAX_DEPTH) return '';
  while (cursor.next()) if (cursor.field === 1) items.push(valueOf(bytes, cursor.at, cursor.to, depth));
  return items.every((item) => typeof item === 'string') ? items : JSON.stringify(items, plainNumber);
};

const attributesIn = (bytes: Buffer, start: number, end: number, wanted: number, depth: number): Attribute[] => {
  const attributes: Attribute[] = [];
  if (depth > MAX_DEPTH) return attributes;
  const outer = createCursor(bytes, start, end);
  while (outer.next()) {
    if (outer.field !== wanted || outer.wireType !== 2) continue;
    let name = '';
    let value: AttributeValue | undefined;
    const inner = createCursor(bytes, outer.at, outer.to);
    while (inner.next()) {
      if (inner.field === 1 && inner.wireType === 2) name = textOf(bytes, inner);
      else if (inner.field === 2 && inner.wireType === 2) value = valueOf(bytes, inner.at, inner.to, depth);
    }
    if (value !== undefined) attributes.push([name, value]);
  }
  return attributes;
};

/**
 * The attributes that stand as `KeyValue` fields with the number `field` in `bytes[start, end)`. Empty values are left out. Throws a
 * ProtoError when it is no protobuf.
 */
export const readAttributes = (bytes: Uint8Array, start: number, end: number, field: number): readonly Attribute[] =>
  attributesIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), start, end, field, 0);
