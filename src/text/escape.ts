/** Hostile text made safe to look at: nothing in it can move the cursor, hide, or look like something else. */
import { isUtf8 } from 'node:buffer';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
/** A byte that is no UTF-8 becomes the lone surrogate at this plus the byte, which no valid text contains. */
const BYTE_SURROGATE = 0xdc00;

/** Keeps invalid bytes apart, so that `escapeText` can show each as `\xNN`. */
export const decodeKeepingBytes = (bytes: Uint8Array): string => {
  if (isUtf8(bytes)) return decoder.decode(bytes);
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = [1, 2, 3, 4].find((count) => at + count <= bytes.length && isUtf8(bytes.subarray(at, at + count)));
    text += length === undefined ? String.fromCharCode(BYTE_SURROGATE + bytes[at]!) : decoder.decode(bytes.subarray(at, at + length));
    at += length ?? 1;
  }
  return text;
};

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/** Controls, format characters (direction, joiners), line separators, surrogates, unassigned and private characters; the backslash itself. */
const unsafe = /[\p{C}\p{Zl}\p{Zp}\\]/gu;

export const escapeText = (text: string): string =>
  text.replace(unsafe, (character) => {
    const code = character.codePointAt(0)!;
    if (code >= BYTE_SURROGATE + 0x80 && code <= BYTE_SURROGATE + 0xff) return `\\x${hex(code - BYTE_SURROGATE, 2)}`;
    return named[character] ?? (code < 0x80 ? `\\x${hex(code, 2)}` : code < 0x10000 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 5)}}`);
  });

const plainWord = /^[\p{L}\p{N}_@%+=:,./~^\-\\]+$/u;

/** An argument as one would type it: quoted when it is empty or has anything that a shell would take apart. */
export const quoteArgument = (text: string): string => {
  const escaped = escapeText(text);
  return plainWord.test(escaped) ? escaped : `'${escaped.replaceAll("'", "\\'")}'`;
};
