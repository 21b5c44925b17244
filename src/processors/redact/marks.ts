/** How what stands in the place of a secret is marked: a value, a pair, cookies. Texts hold a character a byte. */
import { isHarmlessValue } from './values.ts';

/** Told the places of secrets; they may overlap. */
export type Mark = (start: number, end: number) => void;

export const QUOTE = 0x22;
const APOSTROPHE = 0x27;
export const isQuote = (code: number): boolean => code === QUOTE || code === APOSTROPHE || code === 0x60;
export const isBlank = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d);
export const isNameCode = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x61 && code <= 0x7a) ||
  code === 0x5f ||
  code === 0x2d ||
  code === 0x2e;

/** Marks a value unless it is none; `pass:x`, as openssl wants it, is one behind its colon. */
export const markValue = (text: string, start: number, end: number, mark: Mark): void => {
  if (end - start >= 2 && isQuote(text.charCodeAt(start)) && text.charCodeAt(start) === text.charCodeAt(end - 1)) {
    start++;
    end--;
  }
  if (text.startsWith('pass:', start) && end > start + 5) start += 5;
  if (start < end && !isHarmlessValue(text.slice(start, end))) mark(start, end);
};

/** Marks what stands behind the first `:` (or `%`, `,`): a user and a secret. In a URL only the user information is one. */
export const markPair = (text: string, start: number, end: number, mark: Mark): void => {
  if (end - start >= 2 && isQuote(text.charCodeAt(start)) && text.charCodeAt(start) === text.charCodeAt(end - 1)) {
    start++;
    end--;
  }
  const value = text.slice(start, end);
  if (value.includes('://')) return;
  const at = value.search(/[:%,]/);
  if (at >= 0 && !/^[A-Za-z]:[\\/]/.test(value)) markValue(text, start + at + 1, end, mark);
};

/** `Bearer x`: marks x. Without a word before it all is marked. */
export const markScheme = (text: string, start: number, end: number, mark: Mark): void => {
  const scheme = /^[A-Za-z][\w-]*(?:\s+|%20|\+)(?=\S)/.exec(text.slice(start, Math.min(end, start + 64)));
  const at = start + (scheme?.[0].length ?? 0);
  // the rest may be the next word
  if (!/^(?:bearer|basic|digest|token|negotiate|apikey)$/i.test(text.slice(at, Math.min(end, at + 16)).trim()))
    markValue(text, at, end, mark);
};

/** `a=b; c=d`: marks b and d, for every name. Without `=` it is a file. */
export const markCookies = (text: string, start: number, end: number, mark: Mark): void => {
  let at = start;
  while (at < end) {
    const semicolon = text.indexOf(';', at);
    const stop = semicolon < 0 || semicolon > end ? end : semicolon;
    const equals = text.indexOf('=', at);
    if (equals < 0) return;
    if (equals < stop) markValue(text, equals + 1, stop, mark);
    at = stop + 1;
  }
};
