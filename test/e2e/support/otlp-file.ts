/**
 * Reads what the Collector's file exporter writes with `format: proto`: messages `LogsData`, each behind its length in four bytes, big endian.
 * One message is in memory at a time. Written against opentelemetry-proto 1.7 alone and not with the code under test; every string must be
 * valid UTF-8.
 */
import { createReadStream } from 'node:fs';

export type Value = string | number | bigint | boolean | readonly Value[] | null;

export type LogRecord = {
  readonly eventName: string;
  readonly timeUnixNano: bigint;
  readonly severityNumber: number;
  readonly scope: string;
  /** Of all records of one resource the same object. */
  readonly resource: ReadonlyMap<string, Value>;
  readonly attributes: ReadonlyMap<string, Value>;
  /** In hexadecimal; empty: none. */
  readonly traceId: string;
  readonly spanId: string;
};

type Field = { readonly number: number; readonly varint: bigint; readonly fixed: number; readonly start: number; readonly end: number };

const text = new TextDecoder('utf-8', { fatal: true });

/** The fields of the message in `bytes[start, end)`. */
function* fieldsOf(bytes: Buffer, start: number, end: number): Generator<Field> {
  let at = start;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Error('a varint of more than ten bytes');
  };
  const fast = (): number => {
    const byte = bytes[at]!;
    if (byte < 0x80) {
      at++;
      return byte;
    }
    return Number(varint());
  };
  while (at < end) {
    const tag = fast();
    const number = tag >>> 3;
    const type = tag & 7;
    if (type === 0) yield { number, varint: varint(), fixed: 0, start: 0, end: 0 };
    else if (type === 1 || type === 5) {
      yield { number, varint: 0n, fixed: at, start: 0, end: 0 };
      at += type === 1 ? 8 : 4;
    } else if (type === 2) {
      const length = fast();
      yield { number, varint: 0n, fixed: 0, start: at, end: at + length };
      at += length;
    } else throw new Error(`wire type ${type} at ${at}`);
    if (at > end) throw new Error('a field reaches beyond its message');
  }
}

const stringOf = (bytes: Buffer, { start, end }: Field): string => text.decode(bytes.subarray(start, end));

const numberOf = (value: bigint): number | bigint => {
  const signed = BigInt.asIntN(64, value);
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
};

const anyValue = (bytes: Buffer, from: Field): Value => {
  for (const field of fieldsOf(bytes, from.start, from.end)) {
    if (field.number === 1) return stringOf(bytes, field);
    if (field.number === 2) return field.varint !== 0n;
    if (field.number === 3) return numberOf(field.varint);
    if (field.number === 4) return bytes.readDoubleLE(field.fixed);
    if (field.number === 5) return [...fieldsOf(bytes, field.start, field.end)].map((item) => anyValue(bytes, item));
    throw new Error(`a value of kind ${field.number}, which Ringtail does not write`);
  }
  return null;
};

const addAttribute = (bytes: Buffer, from: Field, to: Map<string, Value>): void => {
  let key = '';
  let value: Value = null;
  for (const field of fieldsOf(bytes, from.start, from.end)) {
    if (field.number === 1) key = stringOf(bytes, field);
    else if (field.number === 2) value = anyValue(bytes, field);
  }
  if (to.has(key)) throw new Error(`the attribute ${key} stands twice on one record`);
  to.set(key, value);
};

const recordOf = (bytes: Buffer, from: Field, scope: string, resource: ReadonlyMap<string, Value>): LogRecord => {
  let eventName = '';
  let timeUnixNano = 0n;
  let severityNumber = 0;
  let [traceId, spanId] = ['', ''];
  const attributes = new Map<string, Value>();
  for (const field of fieldsOf(bytes, from.start, from.end)) {
    if (field.number === 6) addAttribute(bytes, field, attributes);
    else if (field.number === 1) timeUnixNano = bytes.readBigUInt64LE(field.fixed);
    else if (field.number === 2) severityNumber = Number(field.varint);
    else if (field.number === 9) traceId = bytes.toString('hex', field.start, field.end);
    else if (field.number === 10) spanId = bytes.toString('hex', field.start, field.end);
    else if (field.number === 12) eventName = stringOf(bytes, field);
  }
  return { eventName, timeUnixNano, severityNumber, scope, resource, attributes, traceId, spanId };
};

/** Fields come in any order: what holds for all records of a message may stand behind them. */
const eachRecord = (bytes: Buffer, each: (record: LogRecord) => void): void => {
  const partsOf = ({ start, end }: Pick<Field, 'start' | 'end'>, number: number) =>
    [...fieldsOf(bytes, start, end)].filter((field) => field.number === number);
  for (const group of partsOf({ start: 0, end: bytes.length }, 1)) {
    const resource = new Map<string, Value>();
    for (const part of partsOf(group, 1)) for (const field of partsOf(part, 1)) addAttribute(bytes, field, resource);
    for (const part of partsOf(group, 2)) {
      const scope =
        partsOf(part, 1)
          .flatMap((field) => partsOf(field, 1))
          .map((field) => stringOf(bytes, field))[0] ?? '';
      for (const field of partsOf(part, 2)) each(recordOf(bytes, field, scope, resource));
    }
  }
};

/** Calls `each` for every record in order; returns their number. Throws for what is cut off or is not OTLP. */
export const readOtlpFile = async (path: string, each: (record: LogRecord) => void): Promise<number> => {
  let rest: Buffer = Buffer.alloc(0);
  let records = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    rest = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    let at = 0;
    while (rest.length - at >= 4) {
      const length = rest.readUInt32BE(at);
      if (rest.length - at - 4 < length) break;
      eachRecord(rest.subarray(at + 4, at + 4 + length), (record) => {
        records++;
        each(record);
      });
      at += 4 + length;
    }
    rest = rest.subarray(at);
  }
  if (rest.length > 0) throw new Error(`${rest.length} bytes at the end of ${path} are no whole message`);
  return records;
};
