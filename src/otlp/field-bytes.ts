/** Numbers and addresses as ASCII text, written in place. Each returns the position behind what it wrote; the caller has made room. */

import { V6_BYTES } from './field-text.ts';
import { putReplacingInvalid } from './utf8.ts';

/** Most bytes of what these write: 39 of an address, and a zone whose 16 bytes are all replaced. */
export const FIELD_BYTES_BOUND = 96;

const BILLION = 1e9;
const ZERO = 0x30;
const DOT = 0x2e;
const COLON = 0x3a;
const ASTERISK = 0x2a;
const PERCENT = 0x25;

/** Of a number of 32 bits without a sign. */
const digitsOf = (value: number): number =>
  value < 100_000
    ? value < 100
      ? value < 10
        ? 1
        : 2
      : value < 1000
        ? 3
        : value < 10_000
          ? 4
          : 5
    : value < 10_000_000
      ? value < 1_000_000
        ? 6
        : 7
      : value < 100_000_000
        ? 8
        : value < BILLION
          ? 9
          : 10;

/** So many digits of a number of 32 bits without a sign. */
const putDigits = (out: Uint8Array, at: number, value: number, digits: number): number => {
  let left = value >>> 0;
  for (let i = at + digits - 1; i >= at; i--) {
    const next = (left / 10) >>> 0;
    out[i] = ZERO + left - Math.imul(next, 10);
    left = next;
  }
  return at + digits;
};

/** An unsigned number of 64 bits in two halves. */
export const putDecimal = (out: Uint8Array, at: number, lo: number, hi: number): number => {
  if (hi === 0) return putDigits(out, at, lo, digitsOf(lo));
  const value = hi * 0x1_0000_0000 + lo;
  if (value <= Number.MAX_SAFE_INTEGER) {
    const billions = Math.floor(value / BILLION);
    const end = putDigits(out, at, billions, digitsOf(billions));
    return putDigits(out, end, value - billions * BILLION, 9);
  }
  const text = String((BigInt(hi) << 32n) | BigInt(lo)); // numbers of inodes are seldom that large
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
  return at + text.length;
};

/** With a 0 in front of at least three digits. */
export const putOctal = (out: Uint8Array, at: number, value: number): number => {
  let length = 3;
  while (length < 11 && value >>> (3 * length) !== 0) length++;
  out[at] = ZERO;
  let left = value >>> 0;
  for (let i = at + length; i > at; i--) {
    out[i] = ZERO + (left & 7);
    left >>>= 3;
  }
  return at + 1 + length;
};

const putByte = (out: Uint8Array, at: number, value: number): number => {
  if (value > 99) out[at++] = ZERO + ((value / 100) | 0);
  if (value > 9) out[at++] = ZERO + (((value / 10) | 0) % 10);
  out[at++] = ZERO + (value % 10);
  return at;
};

const putV4 = (out: Uint8Array, at: number, from: Uint8Array, start: number): number => {
  at = putByte(out, at, from[start]!);
  for (let i = start + 1; i < start + 4; i++) {
    out[at] = DOT;
    at = putByte(out, at + 1, from[i]!);
  }
  return at;
};

const hexDigit = (value: number): number => (value < 10 ? ZERO + value : 0x57 + value);

const putGroup = (out: Uint8Array, at: number, value: number): number => {
  if (value > 0xfff) out[at++] = hexDigit(value >>> 12);
  if (value > 0xff) out[at++] = hexDigit((value >>> 8) & 15);
  if (value > 0xf) out[at++] = hexDigit((value >>> 4) & 15);
  out[at++] = hexDigit(value & 15);
  return at;
};

const groupAt = (from: Uint8Array, start: number, index: number): number => (from[start + 2 * index]! << 8) | from[start + 2 * index + 1]!;

/** The longest run of at least two groups of zero, the first of equal ones: its first group and length in one number; 0: there is none. */
const zerosOf = (from: Uint8Array, start: number): number => {
  let best = 0;
  let length = 0;
  for (let i = 0; i < 8; i++) {
    length = groupAt(from, start, i) === 0 ? length + 1 : 0;
    if (length > 1 && length > best >>> 4) best = (length << 4) | (i + 1 - length);
  }
  return best;
};

const isMapped = (from: Uint8Array, start: number): boolean => {
  for (let i = 0; i < 5; i++) if (groupAt(from, start, i) !== 0) return false;
  return groupAt(from, start, 5) === 0xffff;
};

/** An address of 16 bytes. */
const putV6 = (out: Uint8Array, at: number, from: Uint8Array, start: number): number => {
  const mapped = isMapped(from, start);
  const zeros = mapped ? 5 << 4 : zerosOf(from, start);
  const first = zeros === 0 ? 8 : zeros & 15;
  const behind = first + (zeros >>> 4);
  const end = mapped ? 6 : 8;
  let isOpen = true; // nothing stands before the next group that it must be parted from
  for (let i = 0; i < end; i++) {
    if (i === first) {
      out[at++] = COLON;
      out[at++] = COLON;
      isOpen = true;
    }
    if (i >= first && i < behind) continue;
    if (!isOpen) out[at++] = COLON;
    at = putGroup(out, at, groupAt(from, start, i));
    isOpen = false;
  }
  if (!mapped) return at;
  out[at] = COLON;
  return putV4(out, at + 1, from, start + 12);
};

/** The address of so many bytes that begins at `start`, as `addressText` says it; `isAddress` must hold. */
export const putAddress = (out: Uint8Array, at: number, from: Uint8Array, start: number, length: number): number => {
  if (length === 4) return putV4(out, at, from, start);
  if (length === 1) {
    out[at] = ASTERISK;
    return at + 1;
  }
  at = putV6(out, at, from, start);
  if (length === V6_BYTES) return at;
  out[at] = PERCENT;
  return putReplacingInvalid(out, at + 1, from, start + V6_BYTES, start + length);
};
