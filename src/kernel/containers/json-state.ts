/** JSON that others write: checked before it is believed. */
import { printable } from '../../core/printable.ts';

/** What was wrong with what a runtime left on disk. */
export const stateProblems = [
  'denied', 'link', 'not_a_file', 'too_large', 'failed', 'not_json', 'too_deep', 'wrong_type', 'bad_text',
] as const; // prettier-ignore
export type StateProblem = (typeof stateProblems)[number];
/** `where`: a file, and what in it. */
export type ReportProblem = (problem: StateProblem, where: string) => void;

/** Descriptions of containers have a dozen levels. */
const MAX_DEPTH = 64;
/** Names of images with a registry and a digest; labels hold whole documents. */
const MAX_TEXT = 4096;

const isTooDeep = (bytes: Uint8Array): boolean => {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (inText) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inText = false;
    } else if (byte === 0x22) inText = true;
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > MAX_DEPTH) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return false;
};

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

export type ParsedJson = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: 'not_json' | 'too_deep' };

export const parseState = (bytes: Uint8Array): ParsedJson => {
  if (isTooDeep(bytes)) return { ok: false, problem: 'too_deep' };
  try {
    return { ok: true, value: JSON.parse(strictUtf8.decode(bytes)) };
  } catch {
    return { ok: false, problem: 'not_json' };
  }
};

/** The members of an object, own ones only; what is none has none. */
export type Fields = {
  /** A text that is fit to be told: not empty, of a sensible length, without control characters. Undefined when there is none. */
  text(name: string): string | undefined;
  fields(name: string): Fields;
  /** Members that are texts, by their names; the others are reported. */
  texts(): ReadonlyMap<string, string>;
  list(name: string): readonly unknown[];
};

export const isFit = (text: string): boolean => text.length <= MAX_TEXT && printable(text) === text;

export const fieldsOf = (value: unknown, report: ReportProblem, where: string): Fields => {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject && value !== undefined && value !== null) report('wrong_type', where);
  const object = (isObject ? value : {}) as Readonly<Record<string, unknown>>;
  const get = (name: string): unknown => (Object.hasOwn(object, name) ? object[name] : undefined);
  const textOf = (member: unknown, at: string): string | undefined => {
    if (member === undefined || member === null || member === '') return undefined;
    if (typeof member !== 'string') report('wrong_type', at);
    else if (!isFit(member)) report('bad_text', at);
    else return member;
    return undefined;
  };
  return {
    text: (name) => textOf(get(name), `${where}: ${name}`),
    fields: (name) => fieldsOf(get(name), report, `${where}: ${name}`),
    texts() {
      const texts = new Map<string, string>();
      for (const [name, member] of Object.entries(object)) {
        if (!isFit(name)) {
          report('bad_text', where);
          continue;
        }
        const text = textOf(member, `${where}: ${name}`);
        if (text !== undefined) texts.set(name, text);
      }
      return texts;
    },
    list(name) {
      const member = get(name);
      if (Array.isArray(member)) return member;
      if (member !== undefined && member !== null) report('wrong_type', `${where}: ${name}`);
      return [];
    },
  };
};
