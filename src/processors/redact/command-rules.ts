/**
 * What is secret in a command line for where it stands: behind an option, at a place that a program gives a meaning to. Words are arguments, or
 * the words of a script that is one argument.
 */
import { clients, isShell, nameOptions, wrappers, type Client, type ValueKind } from './clients.ts';
import { FOUND, type Scanner } from './needles.ts';
import type { Names } from './names.ts';
import { markCookies, markPair, markValue, type Mark } from './marks.ts';
import { markText, type TextOptions } from './text-rules.ts';
import { looksRandom } from './values.ts';
import { wordsIn } from './words.ts';

/** Words of a command line: a text each, where it comes from, and what the first look found in it. */
export type Words = {
  readonly texts: readonly string[];
  readonly found: readonly number[];
  /** Marks a part of one word. */
  readonly mark: (word: number, start: number, end: number) => void;
};

export type CommandRules = {
  readonly names: Names;
  readonly scanner: Scanner;
  /** The last word was cut off. */
  readonly isCut?: boolean;
};

/** Scripts within scripts that are looked into: `ssh host "sh -c 'x'"` and one more. */
const DEEPEST = 4;

const baseName = (word: string): string => word.slice(word.lastIndexOf('/') + 1);
const assignment = /^[A-Za-z_]\w*\+?=/;
const looksLikeOption = /^(?:--[A-Za-z]|-[A-Za-z]$|-$)/;

const kindOfLetter = ({ options, attachedOnly }: Client, letter: string): ValueKind | undefined =>
  options !== undefined && Object.hasOwn(options, letter)
    ? options[letter]
    : attachedOnly?.includes(letter) === true
      ? 'secret'
      : undefined;

/** What one word that begins with a dash says. */
type OptionReading = {
  /** What the value is; undefined for nothing special. */
  readonly kind: ValueKind | undefined;
  /** Where an attached value begins; -1 when it is the next word. */
  readonly valueAt: number;
};

const NOTHING: OptionReading = { kind: undefined, valueAt: -1 };

/** `-sSu user:pass`, `-uuser:pass`, `-p`: one-letter options of a program that is known. */
const readLetters = (text: string, client: Client): OptionReading => {
  for (let i = 1; i < text.length; i++) {
    const letter = text[i]!;
    const kind = kindOfLetter(client, letter);
    if (kind !== undefined) {
      if (i + 1 < text.length) return { kind, valueAt: text[i + 1] === '=' ? i + 2 : i + 1 };
      return client.attachedOnly?.includes(letter) === true ? NOTHING : { kind, valueAt: -1 };
    }
    if (client.valueLetters?.includes(letter) === true || !/[A-Za-z]/.test(letter)) return NOTHING;
    // a program that is not known letter by letter: only its own first one counts
    if (client.valueLetters === undefined) return NOTHING;
  }
  return NOTHING;
};

const readOption = (text: string, found: number, client: Client | undefined, isActive: boolean, names: Names): OptionReading => {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  if (client?.flags?.includes(name) === true) return NOTHING;
  if (client?.plain?.includes(name) === true) return { kind: 'plain', valueAt: equals < 0 ? -1 : equals + 1 };
  const own = isActive && client?.options !== undefined && Object.hasOwn(client.options, name) ? client.options[name] : undefined;
  if (own !== undefined) return { kind: own, valueAt: equals < 0 ? -1 : equals + 1 };
  if (client?.messages?.includes(name) === true) return { kind: 'message', valueAt: equals < 0 ? -1 : equals + 1 };
  if (isActive && client !== undefined && text[1] !== '-') {
    const letters = readLetters(text, client);
    if (letters.kind !== undefined) return letters;
  }
  if ((found & (FOUND.name | FOUND.scheme)) === 0) return NOTHING;
  // a name of more than a letter; definitions of Java and of others have theirs behind the letter
  if (name.length < 4 || /[^\w.\-:[\]]/.test(name)) return NOTHING;
  const kind = names.kindOf(/^-[DPXe][a-z.]/.test(name) ? name.slice(2) : name.slice(name.startsWith('--') ? 2 : 1));
  if (kind === undefined || kind === 'scheme')
    return kind === undefined ? NOTHING : { kind: 'secret', valueAt: equals < 0 ? -1 : equals + 1 };
  return { kind, valueAt: equals < 0 ? -1 : equals + 1 };
};

/** Secrets that a command gets by its standard input: `echo secret | sudo -S`. */
const readers = /^(?:chpasswd|-S|--password-stdin|--stdin|--passphrase-fd|cryptsetup|login|-stdin)$/;

export const markCommand = (words: Words, rules: CommandRules, depth = 0): void => {
  const { texts, found, mark } = words;
  const { names, scanner } = rules;
  let client: Client | undefined;
  let isActive = false;
  /** Whether a program may begin here, and whether one may begin later, behind the words of a wrapper. */
  let beginsHere = true;
  let beginsLater = false;
  let pending: ValueKind | undefined;
  let isMessage = false;
  let plainWords = 0;
  let firstOption = '';
  let seen: string[] = [];
  let echoed = -1;
  let isConfiguring = false;

  const restart = () => {
    client = undefined;
    isActive = beginsLater = isConfiguring = isMessage = false;
    beginsHere = true;
    pending = undefined;
    plainWords = 0;
    firstOption = '';
    seen = [];
  };
  const enter = (name: string): boolean => {
    const next = clients.get(name);
    if (next !== undefined) {
      client = next;
      isActive = next.command === undefined;
      plainWords = 0;
      firstOption = '';
      seen = [name];
    }
    return next !== undefined;
  };
  const valueOf = (word: number, kind: ValueKind, start: number, end: number): void => {
    const text = texts[word]!;
    const here: Mark = (from, to) => mark(word, from, to);
    if (kind === 'secret') markValue(text, start, end, here);
    else if (kind === 'pair') markPair(text, start, end, here);
    else if (kind === 'login') {
      if (text.slice(start, end).includes(':')) markPair(text, start, end, here);
      else if (looksRandom(text.slice(start, end))) markValue(text, start, end, here);
    } else if (kind === 'cookie') markCookies(text, start, end, here);
    else if (kind === 'assignment') {
      const equals = text.indexOf('=', start);
      if (equals >= 0 && equals < end) markValue(text, equals + 1, end, here);
    } else if (kind === 'message') isMessage = true;
  };
  /** What a shell is given to run; blanks separate words in it. */
  const isScript = (word: number): boolean => /^-[a-z]*c$/.test(texts[word - 1] ?? '') || seen.includes('ssh') || texts[0] === 'ssh';
  const inside = (word: number): void => {
    const text = texts[word]!;
    const bits = found[word]!;
    if (bits === 0) return;
    const options: TextOptions = {
      names,
      strict: isMessage,
      isArgument: depth === 0 && !isScript(word),
      isCut: rules.isCut === true && word === texts.length - 1,
    };
    markText(text, bits, options, (start, end) => mark(word, start, end));
    if (isMessage || depth >= DEEPEST || !/\s/.test(text)) return;
    const parts = wordsIn(text);
    if (parts.length < 2) return;
    const partTexts = parts.map(({ start, end }) => text.slice(start, end));
    markCommand(
      {
        texts: partTexts,
        found: partTexts.map((part) => scanner.scanText(part)),
        mark: (part, start, end) => mark(word, parts[part]!.start + start, parts[part]!.start + end),
      },
      rules,
      depth + 1,
    );
  };

  for (let word = 0; word < texts.length; word++) {
    const text = texts[word]!;
    if (depth > 0 && text.length === 1 && /[\n;|&()`$]/.test(text)) {
      if (text === '|' && echoed >= 0) {
        // what reads it stands in the command behind the pipe
        let reads = false;
        for (let next = word + 1; next < texts.length && !/^[\n;|&]$/.test(texts[next]!); next++) reads ||= readers.test(texts[next]!);
        if (reads) {
          const secret = texts[echoed]!;
          const colon = /^[\w.-]+:/.exec(secret);
          markValue(secret, colon?.[0].length ?? 0, secret.length, (start, end) => mark(echoed, start, end));
        }
      }
      echoed = -1;
      restart();
      continue;
    }
    if (pending !== undefined) {
      const kind = pending;
      pending = undefined;
      if (!looksLikeOption.test(text) || kind === 'message') {
        valueOf(word, kind, 0, text.length);
        inside(word);
        isMessage = false;
        continue;
      }
    }
    if (beginsHere) {
      if (assignment.test(text)) {
        inside(word);
        continue;
      }
      const name = baseName(text);
      beginsHere = false;
      enter(name);
      seen = [name];
      beginsLater = wrappers.has(name) || isShell(name);
      if (client === undefined && !beginsLater) inside(word);
      continue;
    }
    // a whole path of a program that is known is one, whoever runs it
    if (
      (beginsLater || (client === undefined && text.startsWith('/'))) &&
      (found[word]! & FOUND.client) !== 0 &&
      !nameOptions.has(texts[word - 1] ?? '') &&
      enter(baseName(text))
    ) {
      beginsLater = wrappers.has(baseName(text));
      continue;
    }
    if (text.charCodeAt(0) === 0x2d && text.length > 1) {
      firstOption ||= text;
      const { kind, valueAt } = readOption(text, found[word]!, client, isActive, names);
      if (kind !== undefined) {
        if (valueAt < 0) pending = kind;
        else if (kind !== 'plain') valueOf(word, kind, valueAt, text.length);
        if (kind !== 'secret' || valueAt < 0) inside(word);
        isMessage = false;
        continue;
      }
      inside(word);
      continue;
    }
    // a word that is no option
    const last = seen.at(-1) ?? '';
    if (seen[0] === 'echo' || seen[0] === 'printf') echoed = word;
    if (client !== undefined) {
      if (client.command?.includes(text) === true) isActive = true;
      const prefix = client.prefixes?.find((one) => text.startsWith(one));
      if (prefix !== undefined) valueOf(word, 'secret', prefix.length, text.length);
      if (client.slashPair === true && /^[^/\s]+\/[^@\s]+(?:@|$)/.test(text)) {
        const at = text.lastIndexOf('@');
        valueOf(word, 'secret', text.indexOf('/') + 1, at < 0 ? text.length : at);
      }
      if (client.wordBehind?.includes(last.toLowerCase()) === true && !text.includes('=')) valueOf(word, 'secret', 0, text.length);
      if (client.places !== undefined) {
        const { numbers, only } = client.places;
        if (numbers.includes(plainWords) && (only === undefined || only.test(firstOption) || only.test(seen[1] ?? '')))
          valueOf(word, 'secret', 0, text.length);
      }
      if (client.assignmentsBehind?.some((one) => seen.includes(one)) === true) valueOf(word, 'assignment', 0, text.length);
      plainWords++;
    }
    // `npm config set //host/:_authToken x`, `git config user.password x`
    if (
      isConfiguring &&
      (found[word]! & FOUND.name) !== 0 &&
      !text.includes('=') &&
      names.kindOf(/[\w.-]+$/.exec(text)?.[0] ?? '') === 'secret'
    ) {
      pending = 'secret';
    }
    if (text === 'config' || text === 'configure' || text.toLowerCase() === 'config') isConfiguring = true;
    if (seen.length < 8) seen.push(text);
    inside(word);
  }
};
