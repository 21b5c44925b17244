/**
 * What is secret within one text, whatever stands around it. Texts hold a character a byte. Every rule takes time linear in the length of the
 * text, since others choose it: no expression here can match the same characters in two ways.
 */
import { FOUND } from './needles.ts';
import { LONGEST_NAME, type Names, type NameKind } from './names.ts';
import { isHarmlessValue, looksRandom } from './values.ts';

/** Told the places of secrets; they may overlap. */
export type Mark = (start: number, end: number) => void;

const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const isQuote = (code: number): boolean => code === QUOTE || code === APOSTROPHE || code === 0x60;
const isBlank = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d);
const isNameCode = (code: number): boolean =>
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
const markScheme = (text: string, start: number, end: number, mark: Mark): void => {
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
const markAssignments = (text: string, from: number, to: number, isArgument: boolean, names: Names, mark: Mark): void => {
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

/** A name before `@` that is a version, a digest or the like: `npm:left-pad@1.3.0`, `redis:7@sha256:...`. */
const noHost = /^@(?:sha256|sha512|md5)[:-]|^@(?!\d{1,3}\.\d{1,3}\.\d{1,3}\.\d)[\d^~*v]|^@(?:latest|next|main|master)\b/;
const noUser =
  /^(?:npm|jsr|pkg|workspace|github|gitlab|bitbucket|docker|oci|file|link|patch|portal|git|mailto|sip|xmpp|acct|ssh|http|https)$/i;

/** The user information of one URL without its scheme, `at` characters into the text. */
const markAuthority = (url: string, at: number, mark: Mark): void => {
  const path = url.search(/[/?#]/);
  const authorityEnd = path < 0 ? url.length : path;
  const colon = url.indexOf(':');
  let sign = url.lastIndexOf('@', authorityEnd);
  // a slash or another end of the authority in the secret: what stands before it is no port
  if (sign < 0 && colon >= 0 && colon < authorityEnd && (url[authorityEnd] === '#' || !/^\d*$/.test(url.slice(colon + 1, authorityEnd)))) {
    sign = url.lastIndexOf('@');
  }
  if (sign < 0) return;
  // an @ and a slash in the secret; one behind a slash names a scope, one before a number a version
  const rest = url.slice(sign + 1, url.search(/[?#]|$/));
  const later = colon >= 0 && colon < sign ? rest.search(/[^/]@[A-Za-z][\w.-]*(?::\d+)?(?:\/[^@]*)?$/) : -1;
  if (later >= 0) sign += later + 2;
  if (colon >= 0 && colon < sign) markValue(url, colon + 1, sign, (start, end) => mark(at + start, at + end));
  // `https://TOKEN@github.com`: the user alone proves who one is
  else if (sign >= 20 && looksRandom(url.slice(0, sign)) && /\d/.test(url.slice(0, sign))) mark(at, at + sign);
};

/** `user:secret@host` without a scheme. */
const markBarePair = (piece: string, at: number, mark: Mark): void => {
  const colon = piece.indexOf(':');
  const sign = piece.lastIndexOf('@');
  if (colon < 1 || sign <= colon + 1) return;
  const user = piece.slice(0, colon);
  const host = piece.slice(sign, sign + 80);
  if (!/^[\w.+%\\-]+$/.test(user) || noUser.test(user) || noHost.test(host) || !/^@[\w[]/.test(host)) return;
  markValue(piece, colon + 1, sign, (start, end) => mark(at + start, at + end));
};

/** `jdbc:oracle:thin:user/secret@host`. */
const oracle = /oracle:(?:thin|oci8?):[\w$]{1,64}\/([^@\s"']{1,256})@/g;

/** `//user:secret@` and `user:secret@host`, in what stands between blanks and quotes. */
const markUserInformation = (text: string, mark: Mark): void => {
  for (const match of text.matchAll(oracle)) {
    const end = match.index + match[0].length - 1;
    markValue(text, end - match[1]!.length, end, mark);
  }
  for (const match of text.matchAll(/[^\s"'`<>()]{4,}/g)) {
    const [segment] = match;
    if (!segment.includes('@')) continue;
    let scheme = segment.indexOf('://');
    if (scheme < 0) {
      for (const piece of segment.matchAll(/[^=,;/]+/g)) markBarePair(piece[0], match.index + piece.index, mark);
    }
    while (scheme >= 0) {
      const start = scheme + 3;
      scheme = segment.indexOf('://', start);
      markAuthority(segment.slice(start, scheme < 0 ? segment.length : scheme), match.index + start, mark);
    }
  }
};

const shapes: readonly RegExp[] = [
  // GitHub, GitLab, npm, Stripe, Shopify, Hugging Face, DigitalOcean, Databricks, Postman, SendGrid, Twilio, PyPI, Docker, Vault and others
  /(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{16,255}|github_pat_\w{20,255})/g,
  /(?<![A-Za-z0-9])(?:glpat|gldt|glrt|glcbt|glptt|glft|glimt|glagent|gloas)-[\w-]{16,255}/g,
  /(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{10,255}/g,
  /(?<![A-Za-z0-9])xapp-[A-Za-z0-9-]{10,255}/g,
  /(?<![A-Za-z0-9])AIza[\w-]{30,255}/g,
  /(?<![A-Za-z0-9])ya29\.[\w-]{20,500}/g,
  /(?<![A-Za-z0-9])GOCSPX-[\w-]{20,255}/g,
  /(?<![A-Za-z0-9])(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,255}/g,
  /(?<![A-Za-z0-9_-])sk-(?=[A-Za-z_-]{0,255}\d)[\w-]{20,255}/g,
  /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,255}/g,
  /(?<![A-Za-z0-9])(?:hf|dop_v1|doo_v1|dapi|shpat|shpss|shpca|dckr_pat|pul|sntrys|lin_api|rpa|gsk|tskey)[_-](?=[A-Za-z_-]{0,255}\d)[\w-]{20,255}/g,
  /(?<![A-Za-z0-9])(?:hvs|hvb|hvr)\.[\w-]{20,255}/g,
  /(?<![A-Za-z0-9])SG\.[\w-]{16,64}\.[\w-]{16,64}/g,
  /(?<![A-Za-z0-9])pypi-[\w-]{40,500}/g,
  /(?<![A-Za-z0-9])AGE-SECRET-KEY-1[A-Z0-9]{30,255}/g,
  /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])/g,
  // a JSON web token; its second part may be cut
  /(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*){1,4}/g,
];
/** What begins like one of the shapes and ends with the text: it was cut off. */
const cutShape =
  /(?<![A-Za-z0-9_-])(?:gh[pousr]_|github_pat_|glpat-|xox[a-z]-|AIza|[sr]k_(?:live|test)_|sk-(?:proj|ant)-|npm_|hvs\.|eyJ|AKIA|ASIA)[\w.-]{4,}$/;
/** Slack and Discord hooks: who knows the address may write. */
const hooks =
  /(?:hooks\.slack\.com\/(?:services|workflows)|discord(?:app)?\.com\/api\/webhooks|webhook\.office\.com\/webhookb2)\/([\w/@-]{8,512})|api\.telegram\.org\/bot(\d{5,12}:[\w-]{10,64})/g;
const awsId = /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,16}/;
const awsSecret = /(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])/g;

export const hasAwsId = (text: string): boolean => awsId.test(text);

/** Secret keys of AWS have no shape but their length; beside an id of a key that is enough. */
export const markAwsSecrets = (text: string, mark: Mark): void => {
  for (const match of text.matchAll(awsSecret)) {
    const [value] = match;
    if (/[a-z]/.test(value) && /[A-Z]/.test(value) && /\d|[+/]/.test(value)) mark(match.index, match.index + value.length);
  }
};

const markShapes = (text: string, isCut: boolean, mark: Mark): void => {
  for (const shape of shapes) for (const match of text.matchAll(shape)) mark(match.index, match.index + match[0].length);
  for (const match of text.matchAll(hooks)) {
    const end = match.index + match[0].length;
    mark(end - (match[1] ?? match[2])!.length, end);
  }
  const cut = isCut ? cutShape.exec(text.slice(-2048)) : null;
  if (cut !== null) mark(text.length - cut[0].length, text.length);
};

const scheme = /(?<![\w-])(?:bearer|basic)(?:[ \t]{1,8}|%20)["']?([A-Za-z0-9._~+/=-]{8,})/gi;

const markSchemes = (text: string, mark: Mark): void => {
  for (const match of text.matchAll(scheme)) {
    const value = match[1]!;
    if (looksRandom(value) && !isHarmlessValue(value)) mark(match.index + match[0].length - value.length, match.index + match[0].length);
  }
};

const pemBegin = /-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----/g;

const markKeyBlocks = (text: string, mark: Mark): void => {
  pemBegin.lastIndex = 0;
  while (pemBegin.test(text)) {
    const start = pemBegin.lastIndex;
    const end = text.indexOf('-----END', start);
    mark(start, end < 0 ? text.length : end);
    if (end < 0) break;
    pemBegin.lastIndex = end;
  }
};

/** Statements of SQL that set a password, and lines of a netrc file. */
const statements = [
  /\bidentified(?:\s{1,8}with\s{1,8}['"\w]{1,40})?\s{1,8}(?:by|as)\s{1,8}(?:password\s{1,8})?(['"])([^'"]{1,512})/gi,
  /\bpassword(?:\s{1,8}|\s{0,8}\(\s{0,8})(['])([^']{1,512})/gi,
  /\blogin\s{1,8}\S{1,128}\s{1,8}(password)\s{1,8}(\S{1,512})/gi,
];

const markStatements = (text: string, mark: Mark): void => {
  for (const statement of statements) {
    for (const match of text.matchAll(statement)) {
      const end = match.index + match[0].length;
      markValue(text, end - match[2]!.length, end, mark);
    }
  }
};

export type TextOptions = {
  readonly names: Names;
  /** Only what is unmistakable: keys of a known shape, user information in URLs, key blocks. */
  readonly strict?: boolean;
  /** One argument, and no script. */
  readonly isArgument?: boolean;
  /** The text was cut at its end. */
  readonly isCut?: boolean;
};

/** Marks what is secret in `text`. `found`: bits of FOUND that occur in it. */
export const markText = (
  text: string,
  found: number,
  { names, strict = false, isCut = false, isArgument = false }: TextOptions,
  mark: Mark,
): void => {
  if ((found & FOUND.at) !== 0) markUserInformation(text, mark);
  if ((found & FOUND.shape) !== 0) markShapes(text, isCut, mark);
  if ((found & FOUND.pem) !== 0) markKeyBlocks(text, mark);
  if ((found & FOUND.scheme) !== 0) markSchemes(text, mark);
  if (strict) return;
  if ((found & (FOUND.name | FOUND.scheme)) !== 0) {
    markAssignments(text, 0, text.length, isArgument, names, mark);
    if (text.includes(' ')) markStatements(text, mark);
  }
};
