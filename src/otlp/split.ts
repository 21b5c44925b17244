/**
 * Takes an export request apart by its records and without decoding them, for a receiving side that refuses it for its size. The shape is that of
 * all signals: request → 1: resource → 2: scope → 2: record, or metric → its data → 1: point (opentelemetry-proto 1.7, `Export…ServiceRequest`).
 * Everything else on the way (resource, scope, the name of a metric, fields that nobody knows yet) goes into both halves, byte for byte.
 */
import type { OtlpRequest, RequestSignal } from './request.ts';

export type RequestPart = Pick<OtlpRequest, 'bytes' | 'records'>;

/** What holds the next level, by depth; the last level is that of records. */
const contentFields: Readonly<Record<RequestSignal, readonly (readonly number[])[]>> = {
  logs: [[1], [2], [2]],
  traces: [[1], [2], [2]],
  // gauge, sum, histogram, exponential histogram, summary
  metrics: [[1], [2], [2], [5, 7, 9, 10, 11], [1]],
};
const LONGEST_VARINT = 10;
/** protobuf's own limit on nesting. */
const DEEPEST_GROUP = 100;

/** A field as it stands in the bytes. `content` is where the value of a length-delimited field begins, else 0. */
type Field = { readonly number: number; readonly start: number; readonly lengthAt: number; readonly content: number; readonly end: number };

/** What is copied or cut. Records count from the first of the request. */
type Node = Field & {
  readonly kind: 'record' | 'container' | 'other';
  readonly firstRecord: number;
  readonly records: number;
  readonly parts: readonly Node[];
};

class Malformed extends Error {}

const createReader = (bytes: Uint8Array) => {
  let at = 0;
  const varint = (end: number): number => {
    let value = 0;
    for (let i = 0; i < LONGEST_VARINT && at < end; i++) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw new Malformed();
  };
  const skip = (count: number, end: number): void => {
    if (count > end - at) throw new Malformed();
    at += count;
  };
  /** To behind the end of a group, an old way to nest that a field nobody knows may have. */
  const skipGroup = (number: number, end: number, depth: number): void => {
    if (depth > DEEPEST_GROUP) throw new Malformed();
    for (;;) {
      const tag = varint(end);
      if (tag % 8 === 4) {
        if (Math.floor(tag / 8) !== number) throw new Malformed();
        return;
      }
      skipValue(tag, end, depth);
    }
  };
  const skipValue = (tag: number, end: number, depth: number): void => {
    const wireType = tag % 8;
    if (wireType === 0) varint(end);
    else if (wireType === 1) skip(8, end);
    else if (wireType === 2) skip(varint(end), end);
    else if (wireType === 3) skipGroup(Math.floor(tag / 8), end, depth + 1);
    else if (wireType === 5) skip(4, end);
    else throw new Malformed();
  };
  /** The fields between `start` and `end`, in order. */
  return (start: number, end: number): readonly Field[] => {
    const fields: Field[] = [];
    at = start;
    for (let fieldAt = start; fieldAt < end; fieldAt = at) {
      const tag = varint(end);
      const number = Math.floor(tag / 8);
      if (number === 0) throw new Malformed();
      if (tag % 8 === 2) {
        const lengthAt = at;
        const length = varint(end);
        const content = at;
        skip(length, end);
        fields.push({ number, start: fieldAt, lengthAt, content, end: at });
      } else {
        skipValue(tag, end, 0);
        fields.push({ number, start: fieldAt, lengthAt: 0, content: 0, end: at });
      }
    }
    return fields;
  };
};

/** The tree down to the records. */
const readTree = (bytes: Uint8Array, levels: readonly (readonly number[])[]): readonly Node[] => {
  const fieldsOf = createReader(bytes);
  let seen = 0;
  const level = (start: number, end: number, depth: number): readonly Node[] =>
    fieldsOf(start, end).map((field): Node => {
      const firstRecord = seen;
      if (field.content === 0 || !levels[depth]!.includes(field.number))
        return { ...field, kind: 'other', firstRecord, records: 0, parts: [] };
      if (depth === levels.length - 1) {
        seen++;
        return { ...field, kind: 'record', firstRecord, records: 1, parts: [] };
      }
      const parts = level(field.content, field.end, depth + 1);
      return { ...field, kind: 'container', firstRecord, records: seen - firstRecord, parts };
    });
  return level(0, bytes.length, 0);
};

/** A varint in exactly `width` bytes; protobuf allows padding. */
const putPadded = (out: Uint8Array, at: number, value: number, width: number): void => {
  let rest = value;
  for (let i = 0; i < width - 1; i++) {
    out[at + i] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  out[at + width - 1] = rest;
};

/** The request with the records from `from` to before `to`. What shrinks keeps the width of its length, so that no size is known beforehand. */
const cut = (bytes: Uint8Array, tree: readonly Node[], from: number, to: number): RequestPart => {
  const out = Buffer.allocUnsafeSlow(bytes.length);
  let at = 0;
  const copy = (start: number, end: number): void => {
    out.set(bytes.subarray(start, end), at);
    at += end - start;
  };
  const put = (node: Node): void => {
    const { kind, firstRecord, records } = node;
    const wanted = records === 0 ? from === 0 : firstRecord < to && firstRecord + records > from;
    if (kind !== 'other' && !wanted) return;
    const whole = kind !== 'container' || records === 0 || (firstRecord >= from && firstRecord + records <= to);
    if (whole) return copy(node.start, node.end);
    const width = node.content - node.lengthAt;
    copy(node.start, node.content);
    const content = at;
    for (const part of node.parts) put(part);
    putPadded(out, content - width, at - content, width);
  };
  for (const node of tree) put(node);
  // in memory of its own size: it may be held for long
  const part = Buffer.allocUnsafeSlow(at);
  out.copy(part, 0, 0, at);
  return { bytes: part, records: to - from };
};

/**
 * Two valid requests with half of the records each, in their order: first the smaller half. Undefined when there are not two records, or when
 * the bytes are no protobuf.
 */
export const splitRequest = (bytes: Uint8Array, signal: RequestSignal): readonly [RequestPart, RequestPart] | undefined => {
  try {
    const tree = readTree(bytes, contentFields[signal]);
    const records = tree.reduce((sum, node) => sum + node.records, 0);
    if (records < 2) return undefined;
    const half = Math.floor(records / 2);
    return [cut(bytes, tree, 0, half), cut(bytes, tree, half, records)];
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
};
