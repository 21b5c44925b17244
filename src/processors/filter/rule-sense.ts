/** Rules that can never match although every value of theirs is right. */
import { oneOf } from '../../core/nearest.ts';
import { eventName } from '../../otlp/names.ts';
import type { WhatField } from './compiled-rules.ts';
import { compileText, matchesText, parseTextTest } from './text-tests.ts';
import { fieldsOfEvent } from './what-columns.ts';

const utf8 = new TextEncoder();
const events = Object.values(eventName).map((name) => ({ name, bytes: utf8.encode(name), fields: fieldsOfEvent(name) }));
/** By their names in YAML. */
const whatFields: readonly (readonly [written: string, field: WhatField])[] = [
  ['path', 'path'],
  ['address', 'address'],
  ['port', 'port'],
  ['local_address', 'localAddress'],
  ['local_port', 'localPort'],
  ['result', 'result'],
  ['size', 'size'],
];

/** Names of the known events that texts, in a list or alone, match; all for none. */
export const eventsOf = (value: unknown): readonly string[] => {
  if (value === undefined) return events.map(({ name }) => name);
  const texts = (Array.isArray(value) ? value : [value]).filter((text): text is string => typeof text === 'string');
  const tests = texts.map((text) => compileText(parseTextTest(text)));
  return events.filter(({ bytes }) => tests.some((test) => matchesText(test, bytes, 0, bytes.length))).map(({ name }) => name);
};

type RawRule = Readonly<Record<string, unknown>>;

/** Why no record can match, and the field to change. */
export const impossibility = (rule: object): { readonly field: string; readonly message: string } | undefined => {
  const raw = rule as RawRule;
  if (raw['kernel_thread'] === true) {
    const field = ['executable', 'parent', 'container'].find((name) => raw[name] !== undefined);
    if (field !== undefined)
      return {
        field,
        message: `threads of the kernel have no ${field === 'parent' ? 'parent with an executable' : field}; the rule would match nothing`,
      };
  }
  const asked = whatFields.filter(([written]) => raw[written] !== undefined);
  if (asked.length === 0) return undefined;
  const named = new Set(eventsOf(raw['event']));
  const having = events.filter(({ fields }) => asked.every(([, field]) => fields.has(field)));
  if (having.some(({ name }) => named.has(name))) return undefined;
  const names = asked.map(([written]) => written);
  const what = oneOf(names).replace(' or ', ' and ');
  if (having.length === 0) return { field: names.at(-1)!, message: `no event has ${what}; the rule would match nothing` };
  return {
    field: 'event',
    message: `of these no event has ${what}; the rule would match nothing; ${oneOf(having.map(({ name }) => name))} has`,
  };
};
