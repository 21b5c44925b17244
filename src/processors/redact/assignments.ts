/**
 * Secrets behind a name, in any of the ways in which names and values are written.
 *
 * Every rule takes time linear in the length of the text, since others choose it: no expression can match
 * the same characters in two ways.
 */
import { isBlank, isNameCode, isQuote, markCookies, markPair, markScheme, markValue, QUOTE, type Mark } from './marks.ts';
import { LONGEST_NAME, type NameKind, type Names } from './names.ts';
import { looksRandom } from './values.ts';

const findClosing = (text: string, quote: number, from: number, to: number): number => {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5c && quote === QUOTE) {
      // an escaped quote that closes what an escaped quote opened
      if (text.charCodeAt(i + 1) === QUOTE && text.charCodeAt(from - 2) === 0x5c) return i;
      i++;
    } else if (code === quote) return i;
  }
  return to;
};

const endOfLine = (text: string, from: number, to: number): number => {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x0a || code === 0x0d) return i;
    if (code === 0x5c && /[nr]/.test(text[i + 1] ?? '')) return i;
  }
  return to;
};

/** Whether another `name=` (or `"name"`) stands here, so that the value before has ended. */
const nextPair = /[;&,|]\s{0,4}["']?[\w.\- ]{1,40}["']?\s?[=:]/y;

/** Another `name=` behind a blank. */
const nextName = /\s{1,8}[\w.-]{1,40}=/y;

type Place = {
  /** What stands before the name: a quote, `?`, `{`. */
  readonly before: number;
  /** Brackets that were opened before the name, which may close behind the value. */
  readonly opened: string;
  /** The name begins an argument that is no script: a blank ends its value only before another `name=`. */
  readonly isArgument: boolean;
  /** No blanks in the whole text: then one ends no value. */
  readonly oneWord: boolean;
};

/** The end of a value without quotes. */
const valueEnd = (text: string, from: number, to: number, { before, opened, isArgument, oneWord }: Place): number => {
  const inQuery = before === 0x3f || before === 0x26;
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (isBlank(code) && !oneWord) {
      if (!isArgument) return i;
      nextName.lastIndex = i;
      if (nextName.test(text)) return i;
    }
    if (isQuote(code) && (!oneWord || code === before)) return i;
    if (inQuery && (code === 0x26 || code === 0x23 || isQuote(code))) return i;
    if (opened !== '' && (code === 0x2c || (code === 0x7d && opened.includes('{')) || (code === 0x5d && opened.includes('[')))) return i;
    if (code === 0x5c && !oneWord && /[nrt]/.test(text[i + 1] ?? '')) return i;
    if (code === 0x3b || code === 0x26 || code === 0x2c || code === 0x7c) {
      if (!oneWord && (i + 1 === to || isBlank(text.charCodeAt(i + 1)))) return i;
      nextPair.lastIndex = i;
      if (nextPair.test(text) || (code === 0x3b && i + 1 === to)) return i;
    }
  }
  return to;
};

const inUrlQuery: ReadonlySet<string> = new Set(['sig', 'signature', 'key', 'code', 'auth', 'x-amz-signature', 'x-goog-signature']);

/** `<password>secret</password>`, with the `>` at `at`; returns where the secret ends, or `at` when there is none. */
const markElement = (text: string, at: number, from: number, to: number, names: Names, mark: Mark): number => {
  let start = at;
  while (start > from && at - start <= LONGEST_NAME && isNameCode(text.charCodeAt(start - 1))) start--;
  if (start === at || text.charCodeAt(start - 1) !== 0x3c || names.kindOf(text.slice(start, at)) !== 'secret') return at;
  const end = text.indexOf('<', at);
  const stop = end < 0 || end > to ? to : end;
  markValue(text, at + 1, stop, mark);
  return stop;
};

/** `name=value`, `"name": "value"`, `Name: value` with a name that announces a secret. */
export const markAssignments = (text: string, from: number, to: number, isArgument: boolean, names: Names, mark: Mark): void => {
  const oneWord = !/\s/.test(text);
  let opened = '';
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x7b && !opened.includes('{')) opened += '{';
    if (code === 0x5b && !opened.includes('[')) opened += '[';
    if (code === 0x3e) {
      const end = markElement(text, i, from, to, names, mark);
      if (end > i) i = end - 1;
    }
    if (code !== 0x3d && code !== 0x3a) continue;
    // the name, from right to left
    let nameEnd = i;
    for (let skipped = 0; nameEnd > from && skipped < 4; skipped++) {
      const before = text.charCodeAt(nameEnd - 1);
      if (!isQuote(before) && before !== 0x5c && before !== 0x20 && before !== 0x5d && !(before === 0x3a && code === 0x3d)) break;
      nameEnd--;
    }
    let nameStart = nameEnd;
    while (nameStart > from && nameEnd - nameStart <= LONGEST_NAME && isNameCode(text.charCodeAt(nameStart - 1))) nameStart--;
    if (nameStart === nameEnd) continue;
    const before = nameStart > from ? text.charCodeAt(nameStart - 1) : 0;
    const name = text.slice(nameStart, nameEnd);
    let kind: NameKind | undefined = names.kindOf(name);
    const weak = kind === undefined && (before === 0x3f || before === 0x26) && code === 0x3d && inUrlQuery.has(name.toLowerCase());
    if (weak) kind = 'secret';
    if (kind === undefined) continue;
    // `==`, `!=` and `=~` compare; `::` and `:=` are no values yet; `path/token:tag` is an image
    const next = text.charCodeAt(i + 1);
    if (code === 0x3d && (next === 0x3d || next === 0x7e || text.charCodeAt(i - 1) === 0x21)) {
      i++;
      continue;
    }
    if (code === 0x3a && (next === 0x3d || next === 0x3a || (next === 0x2f && text.charCodeAt(i + 2) === 0x2f))) continue;
    if (code === 0x3a && before === 0x2f) continue;
    let start = i + 1;
    if (next === 0x3e) start++;
    const firstBlank = start;
    while (start < to && start - firstBlank < 4 && text.charCodeAt(start) === 0x20) start++;
    const spaced = start > firstBlank;
    if (spaced && code === 0x3d && next !== 0x3e && text.charCodeAt(i - 1) !== 0x20) continue;
    let opening = text.charCodeAt(start);
    if (opening === 0x5c && isQuote(text.charCodeAt(start + 1))) opening = text.charCodeAt(++start);
    const place: Place = { before, opened, isArgument: isArgument && nameStart === 0 && code === 0x3d, oneWord };
    // an object; what a command writes
    if (opening === 0x7b || opening === 0x60 || (opening === 0x24 && text.charCodeAt(start + 1) === 0x28)) continue;
    // strings of Python
    if (/[ubrf]/i.test(text[start] ?? '') && isQuote(text.charCodeAt(start + 1))) opening = text.charCodeAt(++start);
    // `'Password: '` asks for one
    if (nameEnd === i && isQuote(before) && opening === before) continue;
    let end: number;
    if (start < to && isQuote(opening)) {
      end = findClosing(text, opening, start + 1, to);
      start++;
    } else if (code === 0x3a && spaced) {
      // a header or a line of YAML has its value up to the end; in the middle of a sentence only what looks like one counts
      const begins = before === 0 || before === 0x0a || isQuote(before) || before === 0x7b;
      if (begins && isQuote(before)) end = endOfLine(text, start, findClosing(text, before, start, to));
      else if (kind !== 'secret' || (begins && opened === '')) end = endOfLine(text, start, to);
      else {
        end = valueEnd(text, start, to, place);
        if (!begins && !looksRandom(text.slice(start, end))) continue;
      }
    } else end = kind === 'scheme' || kind === 'cookie' ? endOfLine(text, start, to) : valueEnd(text, start, to, place);
    if (end <= start) continue;
    if (weak && !looksRandom(text.slice(start, end))) continue;
    if (code === 0x3a && !spaced && !isQuote(opening) && kind === 'secret' && !/^(?:pass|password|passwd|pwd)$/i.test(name)) {
      // `x/token:1.2` and the like
      if (!looksRandom(text.slice(start, end))) continue;
    }
    if (kind === 'scheme') markScheme(text, start, end, mark);
    else if (kind === 'cookie') markCookies(text, start, end, mark);
    else if (kind === 'pair') markPair(text, start, end, mark);
    else markValue(text, start, end, mark);
    i = end - 1;
  }
};
