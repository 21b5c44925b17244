/** What the actions `hash` and `convert` do to a value. Results are those of the Collector's processors (contrib 0.161, attraction). */
import { createHash } from 'node:crypto';
import { doubleValue, type AttributeValue } from '../../core/batch.ts';

export type ConvertedType = 'int' | 'double' | 'string';

const MOST_INT = 2n ** 63n - 1n;
const LEAST_INT = -(2n ** 63n);

const wholeDouble = (value: AttributeValue): number | undefined =>
  typeof value === 'object' && 'double' in value ? value.double : undefined;

/** The number of a double; undefined for everything else. */
const doubleOf = (value: AttributeValue): number | undefined =>
  typeof value === 'number' && !Number.isSafeInteger(value) ? value : wholeDouble(value);

const intOf = (value: AttributeValue): bigint | undefined =>
  typeof value === 'bigint' ? value : typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : undefined;

const narrow = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

const bytesOf = (value: AttributeValue): Uint8Array | undefined => {
  if (typeof value === 'string') return Buffer.from(value.toWellFormed());
  if (typeof value === 'boolean') return Uint8Array.of(value ? 1 : 0);
  const int = intOf(value);
  const double = doubleOf(value);
  if (int === undefined && double === undefined) return undefined;
  const bytes = Buffer.alloc(8);
  if (int !== undefined) bytes.writeBigUInt64LE(BigInt.asUintN(64, int));
  else bytes.writeDoubleLE(double!);
  return bytes;
};

/** SHA-256 in hex of the text, of 8 bytes of a number (little-endian), or of one byte of a boolean; empty for a list. */
export const hashed = (value: AttributeValue): string => {
  const bytes = bytesOf(value);
  return bytes === undefined ? '' : createHash('sha256').update(bytes).digest('hex');
};

const intFrom = (value: AttributeValue): AttributeValue => {
  if (typeof value === 'boolean') return value ? 1 : 0;
  const double = doubleOf(value);
  if (double !== undefined) {
    if (!Number.isFinite(double)) return value;
    const int = BigInt(Math.trunc(double));
    return int < LEAST_INT || int > MOST_INT ? value : narrow(int);
  }
  if (typeof value !== 'string' || !/^[+-]?[0-9]{1,40}$/.test(value)) return value;
  const int = BigInt(value.replace(/^\+/, ''));
  return int < LEAST_INT || int > MOST_INT ? value : narrow(int);
};

const doubleFrom = (value: AttributeValue): AttributeValue => {
  if (typeof value === 'boolean') return doubleValue(value ? 1 : 0);
  const int = intOf(value);
  if (int !== undefined) return doubleValue(Number(int));
  if (typeof value !== 'string' || value.length > 400 || !/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(value)) return value;
  const double = Number(value);
  return Number.isFinite(double) ? doubleValue(double) : value;
};

const stringFrom = (value: AttributeValue): string => (Array.isArray(value) ? JSON.stringify(value) : String(value));

/** The value in another type; the value itself when it has no meaning there. Never throws. */
export const converted = (value: AttributeValue, type: ConvertedType): AttributeValue =>
  type === 'string' ? stringFrom(value) : type === 'int' ? intFrom(value) : doubleFrom(value);

/** A text by which equal values are known, of different types too. Zero and negative zero are two doubles, whose texts are the same. */
export const valueKey = (value: AttributeValue): string =>
  typeof value === 'string'
    ? `s${value.length}:${value}`
    : Array.isArray(value)
      ? `[${value.map((item: string) => `${item.length}:${item}`).join('')}]`
      : `${typeof value}${Object.is(wholeDouble(value), -0) ? '-0' : String(value)};`;
