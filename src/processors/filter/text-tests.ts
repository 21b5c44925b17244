/** Texts of rules, compared with bytes: hostile ones, that may be no UTF-8. */
import type { TextTest } from '../../core/rules.ts';

const utf8 = new TextEncoder();
const STAR = -1;
const ANY = -2;
const SPECIAL = new Set(['*', '?', '\\']);

export type CompiledText = {
  readonly type: TextTest['type'];
  /** All of an exact test and of a prefix; what a glob begins with. */
  readonly head: Uint8Array;
  /** Of a glob: bytes, STAR and ANY. */
  readonly glob: Int16Array;
};

const NO_GLOB = new Int16Array(0);

/** `*`, `?`, what a backslash protects, and the text between them. */
const part = /\\[*?\\]|[*?]|(?:[^*?\\]|\\(?![*?\\]))+/g;
const literalOf = (one: string): string => (one.length === 2 && one[0] === '\\' && SPECIAL.has(one[1]!) ? one[1]! : one);

/**
 * As it stands in a configuration: a `*` at the end alone makes it a prefix, any other `*` or `?` a glob. A backslash before `*`, `?` or a backslash takes
 * its meaning.
 */
export const parseTextTest = (text: string): TextTest => {
  if (!/[*?\\]/.test(text)) return { type: 'exact', text };
  const parts = text.match(part) ?? [];
  const first = parts.findIndex((one) => one === '*' || one === '?');
  if (first < 0) return { type: 'exact', text: parts.map(literalOf).join('') };
  if (first === parts.length - 1 && parts[first] === '*') return { type: 'prefix', text: parts.slice(0, first).map(literalOf).join('') };
  return { type: 'glob', text };
};

const compileGlob = (text: string): CompiledText => {
  const codes: number[] = [];
  for (const one of text.match(part) ?? []) {
    if (one === '?') codes.push(ANY);
    else if (one !== '*') codes.push(...utf8.encode(literalOf(one)));
    else if (codes.at(-1) !== STAR) codes.push(STAR);
  }
  const end = codes.findIndex((code) => code < 0);
  return { type: 'glob', head: Uint8Array.from(codes.slice(0, end < 0 ? codes.length : end)), glob: Int16Array.from(codes) };
};

const compiled = new WeakMap<TextTest, CompiledText>();

/** Made once for each test. */
export const compileText = (test: TextTest): CompiledText => {
  let made = compiled.get(test);
  if (made === undefined) {
    const { type, text } = test;
    made = type === 'glob' ? compileGlob(text) : { type, head: utf8.encode(text), glob: NO_GLOB };
    compiled.set(test, made);
  }
  return made;
};

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** Bytes of the character at `at`, by RFC 3629; 1 for a byte that belongs to none. */
const characterLength = (bytes: Uint8Array, at: number, end: number): number => {
  const first = bytes[at]!;
  if (first < 0xc2 || first > 0xf4) return 1;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (at + length > end) return 1;
  const second = bytes[at + 1]!;
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 1;
  for (let i = 2; i < length; i++) if (!isContinuation(bytes[at + i])) return 1;
  return length;
};

/** Where the text behind a star may begin: at a byte that the glob wants next. No byte that begins a character stands within another. */
const nextPlace = (bytes: Uint8Array, at: number, end: number, wanted: number | undefined): number => {
  if (wanted === undefined || wanted < 0) return at;
  while (at < end && bytes[at] !== wanted) at++;
  return at;
};

/** Takes at most the length of the text times that of the glob. */
const matchesGlob = (glob: Int16Array, bytes: Uint8Array, start: number, end: number): boolean => {
  let at = start;
  let code = 0;
  let starCode = -1;
  let starAt = 0;
  while (at < end) {
    const wanted = code < glob.length ? glob[code]! : undefined;
    if (wanted === STAR) {
      starCode = code++;
      if (code === glob.length) return true;
      starAt = at = nextPlace(bytes, at, end, glob[code]);
    } else if (wanted === ANY) {
      at += characterLength(bytes, at, end);
      code++;
    } else if (wanted !== undefined && wanted === bytes[at]) {
      at++;
      code++;
    } else {
      if (starCode < 0) return false;
      starAt = nextPlace(bytes, starAt + characterLength(bytes, starAt, end), end, glob[starCode + 1]);
      at = starAt;
      code = starCode + 1;
    }
  }
  while (code < glob.length && glob[code] === STAR) code++;
  return code === glob.length;
};

/** Whether `bytes[start, end)` is what the test wants. */
export const matchesText = ({ type, head, glob }: CompiledText, bytes: Uint8Array, start: number, end: number): boolean => {
  const length = end - start;
  if (type === 'exact' ? length !== head.length : length < head.length) return false;
  for (let i = 0; i < head.length; i++) if (bytes[start + i] !== head[i]) return false;
  return type !== 'glob' || matchesGlob(glob, bytes, start, end);
};
