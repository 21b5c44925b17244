/**
 * OTLP logs from JSON, by the rules of the specification: names in lowerCamelCase, ids in hex, enums as numbers, 64-bit numbers as strings.
 * Source: opentelemetry-proto 1.7, docs/specification.md, "JSON Protobuf Encoding".
 */
import { ProtoError } from './proto-cursor.ts';
import { logsRequest, MAX_DEPTH, wireTypeOf, type Message, type MessageField } from './logs-schema.ts';

const wrong = ({ name }: MessageField): ProtoError => new ProtoError(`${name} has a value of another type`);

const varintBytes = (value: bigint): Buffer => {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 0x7fn) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Buffer.from(out);
};

/** Whole numbers stand as numbers or as decimal strings. */
const wholeOf = (value: unknown, field: MessageField, least: bigint, most: bigint): bigint => {
  const isWhole = (typeof value === 'number' && Number.isInteger(value)) || (typeof value === 'string' && /^-?\d{1,20}$/.test(value));
  if (!isWhole) throw wrong(field);
  const whole = BigInt(value as number | string);
  if (whole < least || whole > most) throw wrong(field);
  return whole;
};

const bytesOfText = (value: unknown, field: MessageField, pattern: RegExp, encoding: 'hex' | 'base64'): Buffer => {
  if (typeof value !== 'string' || !pattern.test(value)) throw wrong(field);
  return Buffer.from(value, encoding);
};

const doubleOf = (value: unknown, field: MessageField): number => {
  const number = typeof value === 'string' && /^(NaN|-?Infinity|-?[\d.eE+-]+)$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number') throw wrong(field);
  return number;
};

/** The value without its tag; with its length where there is one. */
const protoOfValue = (value: unknown, field: MessageField, depth: number): readonly Buffer[] => {
  const delimited = (content: Buffer) => [varintBytes(BigInt(content.length)), content];
  switch (field.type) {
    case 'message':
      return delimited(protoOfMessage(value, field.message, depth + 1));
    case 'string':
      if (typeof value !== 'string') throw wrong(field);
      return delimited(Buffer.from(value, 'utf8'));
    case 'hex':
      return delimited(bytesOfText(value, field, /^([0-9a-f]{2})*$/i, 'hex'));
    case 'base64':
      return delimited(bytesOfText(value, field, /^[\w+/=-]*$/, 'base64'));
    case 'bool':
      if (typeof value !== 'boolean') throw wrong(field);
      return [Buffer.of(value ? 1 : 0)];
    case 'int64':
      return [varintBytes(wholeOf(value, field, -(1n << 63n), (1n << 63n) - 1n))];
    case 'uint32':
      return [varintBytes(wholeOf(value, field, 0n, 0xffff_ffffn))];
    case 'enum':
      return [varintBytes(wholeOf(value, field, -(1n << 31n), (1n << 31n) - 1n))];
    case 'fixed64': {
      const out = Buffer.alloc(8);
      out.writeBigUInt64LE(wholeOf(value, field, 0n, (1n << 64n) - 1n));
      return [out];
    }
    case 'fixed32': {
      const out = Buffer.alloc(4);
      out.writeUInt32LE(Number(wholeOf(value, field, 0n, 0xffff_ffffn)));
      return [out];
    }
    case 'double': {
      const out = Buffer.alloc(8);
      out.writeDoubleLE(doubleOf(value, field));
      return [out];
    }
  }
};

const protoOfMessage = (value: unknown, { byName }: Message, depth: number): Buffer => {
  if (depth > MAX_DEPTH) throw new ProtoError(`values are nested more than ${MAX_DEPTH} deep`);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ProtoError('an object is expected');
  const parts: Buffer[] = [];
  for (const [name, member] of Object.entries(value)) {
    const field = byName.get(name);
    if (field === undefined || member === null) continue; // of a later version; null means not there
    if (field.repeated && !Array.isArray(member)) throw wrong(field);
    const tag = Buffer.of((field.number << 3) | wireTypeOf[field.type]);
    for (const item of field.repeated ? (member as unknown[]) : [member]) parts.push(tag, ...protoOfValue(item, field, depth));
  }
  return Buffer.concat(parts);
};

/** The bytes of an `ExportLogsServiceRequest` from its JSON. Throws a ProtoError when the text is something else. */
export const logsFromJson = (text: string): Buffer => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ProtoError('it is not JSON', { cause: error });
  }
  return protoOfMessage(value, logsRequest, 0);
};
