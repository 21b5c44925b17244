/** What comes from a keyboard: keys, out of bytes that may be cut anywhere. */
import { isUtf8 } from 'node:buffer';

export type NamedKey =
  | 'up' | 'down' | 'left' | 'right' | 'page-up' | 'page-down' | 'home' | 'end' | 'insert' | 'delete'
  | 'enter' | 'tab' | 'back-tab' | 'backspace' | 'escape'
  | 'interrupt' | 'suspend' | 'end-of-input' | 'redraw' | 'kill-line' | 'kill-word'; // prettier-ignore

/** `text`: one character that can be seen, or a blank. */
export type Key = { readonly name: NamedKey } | { readonly name: 'text'; readonly text: string };

export type KeyDecoder = {
  push(bytes: Uint8Array): readonly Key[];
  /** Whether something began that may go on: an escape alone, or one that begins a sequence. */
  isPending(): boolean;
  /** Nothing came for a while: an escape was the key itself, and half a sequence was none. */
  flush(): readonly Key[];
};

/** How long the rest of a sequence may take, over slow lines too. */
export const ESCAPE_MS = 50;

const ESCAPE = 0x1b;
const BELL = 0x07;
/** No sequence of a keyboard is longer; what is longer is an answer that nobody asked for. */
const LONGEST_SEQUENCE = 64;

const controls: Readonly<Record<number, NamedKey>> = {
  0x02: 'page-up', 0x03: 'interrupt', 0x04: 'end-of-input', 0x06: 'page-down', 0x08: 'backspace', 0x09: 'tab', 0x0a: 'enter', 0x0c: 'redraw',
  0x0d: 'enter', 0x15: 'kill-line', 0x17: 'kill-word', 0x1a: 'suspend', 0x7f: 'backspace',
}; // prettier-ignore
const finals: Readonly<Record<string, NamedKey>> = {
  A: 'up', B: 'down', C: 'right', D: 'left', F: 'end', H: 'home', M: 'enter', Z: 'back-tab',
}; // prettier-ignore
const numbered: Readonly<Record<string, NamedKey>> = {
  1: 'home', 2: 'insert', 3: 'delete', 4: 'end', 5: 'page-up', 6: 'page-down', 7: 'home', 8: 'end',
}; // prettier-ignore

const cannotBeSeen = /[\p{C}\p{Zl}\p{Zp}]/u;
const decoder = new TextDecoder();

const isBetween = (byte: number | undefined, low: number, high: number): boolean => byte !== undefined && byte >= low && byte <= high;

/** Bytes that are used up and the key that they are, if any; undefined: the rest has not come yet. */
type Step = { readonly used: number; readonly key?: NamedKey | undefined } | undefined;

/** `ESC [ parameters final`. */
const readSequence = (bytes: Uint8Array): Step => {
  // the console of Linux: ESC [ [ A is F1
  if (bytes[2] === 0x5b) return bytes.length > 3 ? { used: 4 } : undefined;
  let at = 2;
  while (isBetween(bytes[at], 0x20, 0x3f)) at += 1;
  const final = bytes[at];
  if (final === undefined) return at > LONGEST_SEQUENCE ? { used: at } : undefined;
  if (!isBetween(final, 0x40, 0x7e)) return { used: at };
  const letter = String.fromCharCode(final);
  const first = /^\d+/.exec(decoder.decode(bytes.subarray(2, at)))?.[0] ?? '';
  return { used: at + 1, key: letter === '~' ? numbered[first] : letter === 'M' ? undefined : finals[letter] };
};

/** `ESC ] text`, ended by a bell or by `ESC \`: an answer of the terminal. */
const readString = (bytes: Uint8Array): Step => {
  for (let at = 2; at < bytes.length; at++) {
    if (bytes[at] === BELL) return { used: at + 1 };
    if (bytes[at] === ESCAPE) return at + 1 < bytes.length ? { used: bytes[at + 1] === 0x5c ? at + 2 : at } : undefined;
  }
  return bytes.length > LONGEST_SEQUENCE ? { used: bytes.length } : undefined;
};

const readEscape = (bytes: Uint8Array): Step => {
  const second = bytes[1];
  if (second === undefined) return undefined;
  if (second === ESCAPE) return { used: 1, key: 'escape' };
  if (second === 0x5b) return readSequence(bytes);
  if (second === 0x4f) return bytes.length > 2 ? { used: 3, key: finals[String.fromCharCode(bytes[2]!)] } : undefined;
  if ([0x50, 0x58, 0x5d, 0x5e, 0x5f].includes(second)) return readString(bytes);
  return { used: 2 }; // with Alt
};

/** Of a character by its first byte; 0: none begins with it. */
const lengthOf = (byte: number): number => (byte < 0x80 ? 1 : byte < 0xc2 ? 0 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 0);

export const createKeyDecoder = (): KeyDecoder => {
  let rest: Uint8Array = new Uint8Array(0);
  return {
    push(bytes) {
      rest = Buffer.concat([rest, bytes]);
      const keys: Key[] = [];
      while (rest.length > 0) {
        const byte = rest[0]!;
        if (byte === ESCAPE) {
          const step = readEscape(rest);
          if (step === undefined) break;
          if (step.key !== undefined) keys.push({ name: step.key });
          rest = rest.subarray(step.used);
          continue;
        }
        const length = lengthOf(byte);
        if (length > rest.length) break;
        const character = rest.subarray(0, Math.max(1, length));
        const name = controls[byte];
        if (name !== undefined) keys.push({ name });
        else if (length > 0 && isUtf8(character)) {
          const text = decoder.decode(character);
          if (!cannotBeSeen.test(text)) keys.push({ name: 'text', text });
          // what is no character: byte by byte
        } else {
          rest = rest.subarray(1);
          continue;
        }
        rest = rest.subarray(character.length);
      }
      return keys;
    },
    isPending: () => rest.length > 0,
    flush() {
      const isKey = rest.length === 1 && rest[0] === ESCAPE;
      rest = new Uint8Array(0);
      return isKey ? [{ name: 'escape' }] : [];
    },
  };
};
