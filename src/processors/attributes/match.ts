/** `include` and `exclude`: which records the actions apply to. */
import type { Attribute, AttributeValue } from '../../core/batch.ts';
import { compilePattern } from '../../core/pattern.ts';
import type { MatchConfig } from './config.ts';

export type Matcher = {
  /** False: no record of this name. */
  event(name: string): boolean;
  /** Names that `record` looks at; none: every record of the event matches. */
  readonly names: readonly string[];
  record(attributes: readonly Attribute[]): boolean;
};

type Test = (value: AttributeValue) => boolean;

/** Numbers of all types by their value; lists never, as in the Collector. */
const strictTest = (expected: string | number | boolean): Test =>
  typeof expected === 'number'
    ? (value) => typeof value !== 'string' && typeof value !== 'boolean' && !Array.isArray(value) && Number(value) === expected
    : (value) => value === expected;

const valueTest = (expected: string | number | boolean | undefined, isPattern: boolean): Test => {
  if (expected === undefined) return () => true;
  if (!isPattern) return strictTest(expected);
  const pattern = compilePattern(String(expected));
  return (value) => !Array.isArray(value) && pattern.test(String(value));
};

export const matcherOf = ({ match_type, event_names, attributes }: MatchConfig): Matcher => {
  const isPattern = match_type === 'regexp';
  const events = event_names?.map((name) => (isPattern ? compilePattern(name).test : (text: string) => text === name));
  const tests = (attributes ?? []).map(({ key, value }) => ({ key, test: valueTest(value, isPattern) }));
  return {
    event: (name) => events === undefined || events.some((test) => test(name)),
    names: tests.map(({ key }) => key),
    record: (list) => tests.every(({ key, test }) => list.some(([name, value]) => name === key && test(value))),
  };
};
