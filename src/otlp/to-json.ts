/**
 * OTLP from protobuf to JSON, by the rules of the specification (opentelemetry-proto 1.7, docs/specification.md, "JSON Protobuf
 * Encoding"): names in lowerCamelCase, ids in hex, enums as numbers, 64-bit numbers as strings. Bytes go to bytes: texts are UTF-8 on both sides,
 * so what needs no escape is copied as it is.
 */
import { isUtf8 } from 'node:buffer';
import { createCursor, ProtoError, type ProtoCursor } from './proto-cursor.ts';
import { logsRequest } from './logs-schema.ts';
import { MAX_DEPTH, wireTypeOf, type Message, type MessageField } from './message.ts';
import { metricsRequest } from './metrics-schema.ts';
import { tracesRequest } from './traces-schema.ts';

const jsonOfDouble = (value: number): string => (Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`);

const jsonOfSigned = ({ lo, hi }: ProtoCursor): string =>
  hi === 0 ? `"${lo}"` : `"${BigInt.asIntN(64, (BigInt(hi) << 32n) | BigInt(lo))}"`;

const PACKED_BYTES = 8;

/** The items of a list without its brackets. */
const packed = ({ name }: MessageField, start: number, end: number, item: (at: number) => string): string => {
  if ((end - start) % PACKED_BYTES !== 0) throw new ProtoError(`the field ${name} ends within a number`);
  return Array.from({ length: (end - start) / PACKED_BYTES }, (_, index) => item(start + index * PACKED_BYTES)).join();
};

const jsonOfValue = (bytes: Buffer, field: MessageField, cursor: ProtoCursor, depth: number): string => {
  const { at, to } = cursor;
  switch (field.type) {
    case 'message':
      return jsonOfMessage(bytes, at, to, field.message, depth + 1);
    case 'string':
      return JSON.stringify(bytes.toString('utf8', at, to));
    case 'hex':
      return `"${bytes.toString('hex', at, to)}"`;
    case 'base64':
      return `"${bytes.toString('base64', at, to)}"`;
    case 'bool':
      return cursor.lo === 0 && cursor.hi === 0 ? 'false' : 'true';
    case 'int64':
      return jsonOfSigned(cursor);
    case 'uint32':
      return String(cursor.lo);
    case 'enum':
      return String(cursor.lo | 0);
    case 'fixed64':
      return `"${bytes.readBigUInt64LE(at)}"`;
    case 'sfixed64':
      return `"${bytes.readBigInt64LE(at)}"`;
    case 'packed fixed64':
      return packed(field, at, to, (place) => `"${bytes.readBigUInt64LE(place)}"`);
    case 'packed double':
      return packed(field, at, to, (place) => jsonOfDouble(bytes.readDoubleLE(place)));
    case 'fixed32':
      return String(bytes.readUInt32LE(at));
    case 'double':
      return jsonOfDouble(bytes.readDoubleLE(at));
  }
};

const jsonOfMessage = (bytes: Buffer, start: number, end: number, { fields }: Message, depth: number): string => {
  if (depth > MAX_DEPTH) throw new ProtoError(`values are nested more than ${MAX_DEPTH} deep`);
  const texts: (string | undefined)[] = [];
  const cursor = createCursor(bytes, start, end);
  while (cursor.next()) {
    const field = fields[cursor.field];
    if (field === undefined) continue; // of a later version
    if (cursor.wireType !== wireTypeOf[field.type]) throw new ProtoError(`the field ${field.name} has wire type ${cursor.wireType}`);
    const text = jsonOfValue(bytes, field, cursor, depth);
    const before = texts[field.number];
    // of what stands once, the last counts
    texts[field.number] = field.repeated && before !== undefined ? `${before},${text}` : text;
  }
  let out = '';
  for (let number = 1; number < texts.length; number++) {
    const text = texts[number];
    if (text === undefined) continue;
    const { name, repeated } = fields[number]!;
    out += `${out === '' ? '' : ','}"${name}":${repeated ? `[${text}]` : text}`;
  }
  return `{${out}}`;
};

/** JSON is about twice as long as the bytes that it is made of. */
const USUAL_GROWTH = 3;
/** Room for punctuation, and for every number. */
const SLACK = 64;
/** From here on the builtin copies faster than a loop. */
const BUILTIN_FROM = 64;
const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [0x22, 0x5c, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d] as const;

/** Where JSON is written. */
type Sink = { bytes: Buffer; at: number };

const reserve = (sink: Sink, length: number): void => {
  if (sink.at + length <= sink.bytes.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(sink.bytes.length * 2, sink.at + length));
  sink.bytes.copy(larger, 0, 0, sink.at);
  sink.bytes = larger;
};

/** Room for an ASCII text must be there. */
const putAscii = (sink: Sink, text: string): void => {
  for (let i = 0; i < text.length; i++) sink.bytes[sink.at++] = text.charCodeAt(i);
};

const putText = (sink: Sink, text: string): void => {
  reserve(sink, 3 * text.length + SLACK);
  sink.at += sink.bytes.write(text, sink.at, 'utf8');
};

/** A string with its quotes. */
const putString = (sink: Sink, from: Buffer, start: number, end: number): void => {
  reserve(sink, end - start + SLACK);
  const out = sink.bytes;
  let at = sink.at;
  out[at++] = QUOTE;
  let high = 0;
  for (let i = start; i < end; i++) {
    const byte = from[i]!;
    if (byte < 0x20 || byte === QUOTE || byte === BACKSLASH) return putText(sink, JSON.stringify(from.toString('utf8', start, end)));
    high |= byte;
    if (end - start < BUILTIN_FROM) out[at++] = byte;
  }
  if (high > 0x7f && !isUtf8(from.subarray(start, end))) return putText(sink, JSON.stringify(from.toString('utf8', start, end)));
  if (end - start >= BUILTIN_FROM) at += from.copy(out, at, start, end);
  out[at++] = QUOTE;
  sink.at = at;
};

const putValue = (sink: Sink, bytes: Buffer, field: MessageField, cursor: ProtoCursor, depth: number): void => {
  switch (field.type) {
    case 'message':
      return putMessage(sink, bytes, cursor.at, cursor.to, field.message, depth + 1);
    case 'string':
      return putString(sink, bytes, cursor.at, cursor.to);
    default:
      return putText(sink, jsonOfValue(bytes, field, cursor, depth));
  }
};

/** Fields in the order in which they stand. Where what belongs to one list stands apart, or what stands once stands twice, it is gathered. */
const putMessage = (sink: Sink, bytes: Buffer, start: number, end: number, message: Message, depth: number): void => {
  if (depth > MAX_DEPTH) throw new ProtoError(`values are nested more than ${MAX_DEPTH} deep`);
  const begin = sink.at;
  const { fields } = message;
  const cursor = createCursor(bytes, start, end);
  let seen = 0;
  let list = 0;
  reserve(sink, SLACK);
  sink.bytes[sink.at++] = OPEN;
  while (cursor.next()) {
    const field = fields[cursor.field];
    if (field === undefined) continue; // of a later version
    if (cursor.wireType !== wireTypeOf[field.type]) throw new ProtoError(`the field ${field.name} has wire type ${cursor.wireType}`);
    reserve(sink, SLACK);
    if (list === field.number) {
      sink.bytes[sink.at++] = COMMA;
    } else {
      if (list !== 0) sink.bytes[sink.at++] = CLOSE_LIST;
      const bit = 1 << field.number;
      if ((seen & bit) !== 0) {
        sink.at = begin;
        return putText(sink, jsonOfMessage(bytes, start, end, message, depth));
      }
      if (seen !== 0) sink.bytes[sink.at++] = COMMA;
      seen |= bit;
      sink.bytes[sink.at++] = QUOTE;
      putAscii(sink, field.name);
      putAscii(sink, '":');
      list = field.repeated ? field.number : 0;
      if (list !== 0) sink.bytes[sink.at++] = OPEN_LIST;
    }
    putValue(sink, bytes, field, cursor, depth);
  }
  reserve(sink, SLACK);
  if (list !== 0) sink.bytes[sink.at++] = CLOSE_LIST;
  sink.bytes[sink.at++] = CLOSE;
};

const toJson = (message: Message, bytes: Uint8Array, tail: string): Buffer => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sink: Sink = { bytes: Buffer.allocUnsafeSlow(USUAL_GROWTH * buffer.length + SLACK), at: 0 };
  putMessage(sink, buffer, 0, buffer.length, message, 0);
  reserve(sink, tail.length);
  putAscii(sink, tail);
  return sink.bytes.subarray(0, sink.at);
};

/**
 * The bytes of an `ExportLogsServiceRequest` as JSON in UTF-8, without a line feed in it, followed by `tail`, which is ASCII. Throws a ProtoError
 * when they are something else.
 */
export const logsToJson = (bytes: Uint8Array, tail = ''): Buffer => toJson(logsRequest, bytes, tail);

/** The same of an `ExportMetricsServiceRequest`. */
export const metricsToJson = (bytes: Uint8Array, tail = ''): Buffer => toJson(metricsRequest, bytes, tail);

/** The same of an `ExportTraceServiceRequest`. */
export const tracesToJson = (bytes: Uint8Array, tail = ''): Buffer => toJson(tracesRequest, bytes, tail);
