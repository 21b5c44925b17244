/** Rules that ask who did it, found by one of the things that they ask. */
import { numberFields, textFields, type CompiledRule, type NumberField, type TextField, type Who, type WhoTest } from './compiled-rules.ts';
import { createTextIndex, type TextEntry, type TextIndex } from './text-index.ts';
import { compileText } from './text-tests.ts';

export type WhoIndex = {
  /** Calls `found` for every rule that matches, in any order, for some more than once. */
  each(who: Who, found: (rule: CompiledRule) => void): void;
};

type Entry = { readonly rule: CompiledRule; readonly rest: readonly WhoTest[] };
type Primary = TextField | NumberField | undefined;

/** The most telling field first. */
const primaryOf = ({ who }: CompiledRule): Primary =>
  (['pid', 'executable', 'comm', 'container', 'cgroup', 'parent', 'user', 'parentPid', 'uid'] as const).find((field) =>
    who.some((test) => test.field === field),
  );

const NONE: readonly number[] = [];

export const createWhoIndex = (rules: readonly CompiledRule[]): WhoIndex => {
  const entries: Entry[] = [];
  const texts = new Map<TextField, TextEntry[]>();
  const numbers = new Map<NumberField, Map<number, number[]>>();
  const others: number[] = [];
  for (const rule of rules) {
    const primary = primaryOf(rule);
    const id = entries.push({ rule, rest: rule.who.filter(({ field }) => field !== primary) }) - 1;
    const { tests } = rule.rule;
    if (primary === undefined) others.push(id);
    else if (primary === 'pid' || primary === 'uid' || primary === 'parentPid') {
      const ids = numbers.get(primary) ?? new Map<number, number[]>();
      numbers.set(primary, ids);
      for (const value of tests[primary]!) {
        const list = ids.get(value);
        if (list === undefined) ids.set(value, [id]);
        else list.push(id);
      }
    } else {
      const list = texts.get(primary) ?? [];
      texts.set(primary, list);
      for (const test of tests[primary]!) list.push({ test: compileText(test), id });
    }
  }
  const byText: readonly (readonly [TextField, TextIndex])[] = textFields.flatMap((field) => {
    const list = texts.get(field);
    return list === undefined ? [] : [[field, createTextIndex(list)] as const];
  });
  const byNumber = numberFields.flatMap((field) => {
    const ids = numbers.get(field);
    return ids === undefined ? [] : [[field, ids] as const];
  });
  const found: number[] = [];
  return {
    each(who, match) {
      found.length = 0;
      for (const [field, index] of byText) {
        const text = who[field];
        if (text !== undefined) index.collect(text, 0, text.length, found);
      }
      for (const [field, ids] of byNumber) {
        for (const id of ids.get(who[field]) ?? NONE) found.push(id);
      }
      for (const id of found) check(entries[id]!, who, match);
      for (const id of others) check(entries[id]!, who, match);
    },
  };
};

const check = ({ rule, rest }: Entry, who: Who, match: (rule: CompiledRule) => void): void => {
  for (let i = 0; i < rest.length; i++) if (!rest[i]!.holds(who)) return;
  match(rule);
};
