/**
 * JSON in bytes, read from front to back without making a value of it: what a file holds must not decide how much memory is taken. The bytes are
 * valid UTF-8. Source: RFC 8259.
 */
import { ProtoError } from './proto-cursor.ts';

const [QUOTE, BACKSLASH, SMALL_U] = [0x22, 0x5c, 0x75] as const;
/** What stands behind a backslash, and what it means. */
const escapes: ReadonlyMap<number, number> = new Map([
  [QUOTE, QUOTE],
  [BACKSLASH, BACKSLASH],
  [0x2f, 0x2f],
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
]);
const numberPattern = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
/** No number that fits anything is longer. */
const MAX_NUMBER_LENGTH = 400;

/** Digits, signs, point and exponent. */
const isOfNumber = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x45 || byte === 0x65;

export type Tokens = {
  /** The next byte that is no blank, 0 at the end; it stays. */
  peek(): number;
  /** Whether there is nothing more but blanks. */
  isAtEnd(): boolean;
  /** Takes this byte. Throws a ProtoError when another one stands there. */
  expect(byte: number): void;
  /** Takes this byte if it is the next one. */
  take(byte: number): boolean;
  /** Takes a string and appends what it means, as UTF-8, to `out` at `at`; returns the position behind it. It is no longer than it stands here. */
  string(out: Uint8Array, at: number): number;
  /** Bytes that the next string takes here at the most, its quotes included. */
  stringBound(): number;
  /** A string as text. */
  text(): string;
  /** The characters of a number. */
  number(): string;
  /** `true`, `false` or `null`. */
  word(): boolean | null;
  /** Takes any value, at most so many levels deep. */
  skip(levels: number): void;
};

export const createTokens = (bytes: Buffer): Tokens => {
  let p = 0;

  const wrong = (what: string): ProtoError => new ProtoError(`it is not JSON: ${what} at byte ${p}`);

  const peek = (): number => {
    for (; p < bytes.length; p++) {
      const byte = bytes[p]!;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
    }
    return 0;
  };
  const take = (byte: number): boolean => {
    if (peek() !== byte) return false;
    p++;
    return true;
  };
  const expect = (byte: number): void => {
    if (!take(byte)) throw wrong(`${String.fromCharCode(byte)} is expected`);
  };

  /** Place of the quote that ends the string whose first byte is at `from`. */
  const endOfString = (from: number): number => {
    let end = bytes.indexOf(QUOTE, from);
    for (; end >= 0; end = bytes.indexOf(QUOTE, end + 1)) {
      let slashes = 0;
      while (end - slashes > from && bytes[end - 1 - slashes] === BACKSLASH) slashes++;
      if (slashes % 2 === 0) return end;
    }
    throw wrong('a string does not end');
  };

  const unit = (at: number): number => {
    const digits = bytes.toString('latin1', at, at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw wrong('an escape that is none');
    return Number.parseInt(digits, 16);
  };
  const putCodePoint = (out: Uint8Array, start: number, code: number): number => {
    let at = start;
    if (code < 0x80) out[at++] = code;
    else if (code < 0x800) {
      out[at++] = 0xc0 | (code >> 6);
      out[at++] = 0x80 | (code & 0x3f);
    } else if (code < 0x1_0000) {
      out[at++] = 0xe0 | (code >> 12);
      out[at++] = 0x80 | ((code >> 6) & 0x3f);
      out[at++] = 0x80 | (code & 0x3f);
    } else {
      out[at++] = 0xf0 | (code >> 18);
      out[at++] = 0x80 | ((code >> 12) & 0x3f);
      out[at++] = 0x80 | ((code >> 6) & 0x3f);
      out[at++] = 0x80 | (code & 0x3f);
    }
    return at;
  };

  const string = (out: Uint8Array, start: number): number => {
    expect(QUOTE);
    let at = start;
    while (p < bytes.length) {
      const byte = bytes[p++]!;
      if (byte === QUOTE) return at;
      if (byte < 0x20) throw wrong('a control character in a string');
      if (byte !== BACKSLASH) {
        out[at++] = byte;
        continue;
      }
      const escape = bytes[p++] ?? 0;
      if (escape !== SMALL_U) {
        const meant = escapes.get(escape);
        if (meant === undefined) throw wrong('an escape that is none');
        out[at++] = meant;
        continue;
      }
      let code = unit(p);
      p += 4;
      if (code >= 0xd800 && code < 0xdc00 && bytes[p] === BACKSLASH && bytes[p + 1] === SMALL_U) {
        const low = unit(p + 2);
        if (low >= 0xdc00 && low < 0xe000) {
          code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          p += 6;
        }
      }
      // half a pair is no character
      at = putCodePoint(out, at, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
    }
    throw wrong('a string does not end');
  };

  const stringBound = (): number => {
    if (peek() !== QUOTE) throw wrong('a string is expected');
    return endOfString(p + 1) + 1 - p;
  };

  const text = (): string => {
    if (peek() === QUOTE) {
      // most are short and have nothing to escape
      let end = p + 1;
      let byte = bytes[end];
      while (byte !== undefined && byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) byte = bytes[++end];
      if (byte === QUOTE) {
        const from = p + 1;
        p = end + 1;
        return bytes.toString('utf8', from, end);
      }
    }
    const memory = Buffer.allocUnsafe(stringBound());
    return memory.toString('utf8', 0, string(memory, 0));
  };

  const number = (): string => {
    peek();
    let end = p;
    while (end < bytes.length && end - p <= MAX_NUMBER_LENGTH && isOfNumber(bytes[end]!)) end++;
    const digits = bytes.toString('latin1', p, end);
    if (!numberPattern.test(digits)) throw wrong('a number is expected');
    p = end;
    return digits;
  };

  const word = (): boolean | null => {
    peek();
    for (const [name, meant] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (bytes.toString('latin1', p, p + name.length) !== name) continue;
      p += name.length;
      return meant;
    }
    throw wrong('a value is expected');
  };

  const skipList = (levels: number, close: number, skipItem: () => void): void => {
    if (levels === 0) throw new ProtoError('values are nested too deep');
    p++;
    if (take(close)) return;
    do skipItem();
    while (take(0x2c));
    expect(close);
  };
  const skipString = (): void => {
    // read as others are, so that what is wrong in it is found
    const bound = stringBound();
    string(Buffer.allocUnsafe(bound), 0);
  };
  const skip = (levels: number): void => {
    const byte = peek();
    if (byte === QUOTE) skipString();
    else if (byte === 0x7b) {
      skipList(levels, 0x7d, () => {
        skipString();
        expect(0x3a);
        skip(levels - 1);
      });
    } else if (byte === 0x5b) skipList(levels, 0x5d, () => skip(levels - 1));
    else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) number();
    else word();
  };

  const isAtEnd = (): boolean => {
    peek();
    return p === bytes.length;
  };

  return { peek, isAtEnd, expect, take, string, stringBound, text, number, word, skip };
};
