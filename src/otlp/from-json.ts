/**
 * OTLP logs from JSON, by the rules of the specification: names in lowerCamelCase, ids in hex, enums as numbers, 64-bit numbers as strings.
 * Source: opentelemetry-proto 1.7, docs/specification.md, "JSON Protobuf Encoding". Goes from bytes to bytes, with nothing in between.
 */
import { isUtf8 } from 'node:buffer';
import { createTokens, type Tokens } from './json-tokens.ts';
import { logsRequest } from './logs-schema.ts';
import { MAX_DEPTH, wireTypeOf, type Message, type MessageField } from './message.ts';
import { ProtoError } from './proto-cursor.ts';
import { putPaddedVarint4, putVarint64 } from './wire.ts';

/** Protobuf is shorter than its JSON, but for lengths of four bytes each. */
const FIRST_SHARE = 1;
/** A tag, a padded length and a number. */
const SLACK = 32;
const [QUOTE, COMMA, COLON, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE, SMALL_N] = [0x22, 0x2c, 0x3a, 0x5b, 0x5d, 0x7b, 0x7d, 0x6e] as const;

type Sink = { bytes: Buffer; at: number };

const reserve = (sink: Sink, length: number): void => {
  if (sink.at + length <= sink.bytes.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(sink.bytes.length * 2, sink.at + length));
  sink.bytes.copy(larger, 0, 0, sink.at);
  sink.bytes = larger;
};

const wrong = ({ name }: MessageField): ProtoError => new ProtoError(`${name} has a value of another type`);

/** A number may stand as a string. */
const numeral = (tokens: Tokens, field: MessageField): string => {
  const byte = tokens.peek();
  if (byte === QUOTE) return tokens.text();
  if (byte !== 0x2d && (byte < 0x30 || byte > 0x39)) throw wrong(field);
  return tokens.number();
};

const wholeOf = (tokens: Tokens, field: MessageField, least: bigint, most: bigint): bigint => {
  const isText = tokens.peek() === QUOTE;
  const digits = numeral(tokens, field);
  const value = Number(digits);
  if (!/^-?\d{1,20}$/.test(digits) && (isText || !Number.isInteger(value))) throw wrong(field);
  const whole = /^-?\d{1,20}$/.test(digits) ? BigInt(digits) : BigInt(value);
  if (whole < least || whole > most) throw wrong(field);
  return whole;
};

const doubleOf = (tokens: Tokens, field: MessageField): number => {
  const digits = numeral(tokens, field);
  if (!/^(NaN|-?Infinity|-?\d[\d.eE+-]*)$/.test(digits)) throw wrong(field);
  const value = Number(digits);
  if (Number.isNaN(value) && digits !== 'NaN') throw wrong(field);
  return value;
};

const putVarint = (sink: Sink, value: bigint): void => {
  const bits = BigInt.asUintN(64, value);
  sink.at = putVarint64(sink.bytes, sink.at, Number(bits & 0xffff_ffffn), Number(bits >> 32n));
};

/** What `put` writes, behind its length. */
const delimited = (sink: Sink, put: () => void): void => {
  const lengthAt = sink.at;
  sink.at += 4;
  put();
  const length = sink.at - lengthAt - 4;
  putPaddedVarint4(sink.bytes, lengthAt, length);
};

const putEncoded = (sink: Sink, tokens: Tokens, field: MessageField, pattern: RegExp, encoding: 'hex' | 'base64'): void => {
  if (tokens.peek() !== QUOTE) throw wrong(field);
  const text = tokens.text();
  if (!pattern.test(text)) throw wrong(field);
  const value = Buffer.from(text, encoding);
  reserve(sink, value.length + SLACK);
  delimited(sink, () => void (sink.at += value.copy(sink.bytes, sink.at)));
};

const putValue = (sink: Sink, tokens: Tokens, field: MessageField, depth: number): void => {
  reserve(sink, SLACK);
  sink.bytes[sink.at++] = (field.number << 3) | wireTypeOf[field.type];
  switch (field.type) {
    case 'message':
      return delimited(sink, () => putMessage(sink, tokens, field.message, depth + 1));
    case 'string':
      if (tokens.peek() !== QUOTE) throw wrong(field);
      reserve(sink, tokens.stringBound() + SLACK);
      return delimited(sink, () => void (sink.at = tokens.string(sink.bytes, sink.at)));
    case 'hex':
      return putEncoded(sink, tokens, field, /^([0-9a-f]{2})*$/i, 'hex');
    case 'base64':
      return putEncoded(sink, tokens, field, /^[\w+/=-]*$/, 'base64');
    case 'bool': {
      const byte = tokens.peek();
      if (byte !== 0x74 && byte !== 0x66) throw wrong(field);
      sink.bytes[sink.at++] = tokens.word() === true ? 1 : 0;
      return;
    }
    case 'int64':
      return putVarint(sink, wholeOf(tokens, field, -(1n << 63n), (1n << 63n) - 1n));
    case 'uint32':
      return putVarint(sink, wholeOf(tokens, field, 0n, 0xffff_ffffn));
    case 'enum':
      return putVarint(sink, wholeOf(tokens, field, -(1n << 31n), (1n << 31n) - 1n));
    case 'fixed64':
      sink.at = sink.bytes.writeBigUInt64LE(wholeOf(tokens, field, 0n, (1n << 64n) - 1n), sink.at);
      return;
    case 'fixed32':
      sink.at = sink.bytes.writeUInt32LE(Number(wholeOf(tokens, field, 0n, 0xffff_ffffn)), sink.at);
      return;
    case 'double':
      sink.at = sink.bytes.writeDoubleLE(doubleOf(tokens, field), sink.at);
      return;
    case 'sfixed64':
    case 'packed fixed64':
    case 'packed double':
      throw new ProtoError(`${field.name} is a field of metrics`);
  }
};

const putField = (sink: Sink, tokens: Tokens, field: MessageField, depth: number): void => {
  if (!field.repeated) return putValue(sink, tokens, field, depth);
  if (!tokens.take(OPEN_LIST)) throw wrong(field);
  if (tokens.take(CLOSE_LIST)) return;
  do putValue(sink, tokens, field, depth);
  while (tokens.take(COMMA));
  tokens.expect(CLOSE_LIST);
};

const putMessage = (sink: Sink, tokens: Tokens, { byName }: Message, depth: number): void => {
  if (depth > MAX_DEPTH) throw new ProtoError(`values are nested more than ${MAX_DEPTH} deep`);
  if (!tokens.take(OPEN)) throw new ProtoError('an object is expected');
  if (tokens.take(CLOSE)) return;
  do {
    const field = byName.get(tokens.text());
    tokens.expect(COLON);
    // null means not there; what is not known is of a later version
    if (field === undefined || tokens.peek() === SMALL_N) tokens.skip(2 * MAX_DEPTH);
    else putField(sink, tokens, field, depth);
  } while (tokens.take(COMMA));
  tokens.expect(CLOSE);
};

/** The bytes of an `ExportLogsServiceRequest` from its JSON, less than 256 MiB. Throws a ProtoError when it is something else. */
export const logsFromJson = (json: Uint8Array | string): Buffer => {
  const given = typeof json === 'string' ? Buffer.from(json, 'utf8') : Buffer.from(json.buffer, json.byteOffset, json.byteLength);
  const tokens = createTokens(isUtf8(given) ? given : Buffer.from(given.toString('utf8'), 'utf8'));
  const sink: Sink = { bytes: Buffer.allocUnsafeSlow(FIRST_SHARE * given.length + SLACK), at: 0 };
  putMessage(sink, tokens, logsRequest, 0);
  if (!tokens.isAtEnd()) throw new ProtoError('there is more behind it');
  return sink.bytes.subarray(0, sink.at);
};
