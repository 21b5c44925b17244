/** What zod finds, in our words. */
import type { z } from 'zod';
import { didYouMean, oneOf } from '../core/nearest.ts';

const expectations: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  record: 'a map',
  map: 'a map',
  array: 'a list',
  tuple: 'a list',
};

const expectation = (expected: string): string => expectations[expected] ?? expected;

/** What kind of value stands there; for what may be a secret. */
export const kindOfValue = (value: unknown): string => {
  if (typeof value === 'string') return 'text';
  if (typeof value === 'boolean') return 'true or false';
  return typeof value === 'number' || typeof value === 'bigint' ? 'a number' : show(value);
};

/** What stands there, in a few words. */
export const show = (value: unknown): string => {
  if (typeof value === 'string') return value.length > 40 ? `${JSON.stringify(value.slice(0, 40))}...` : JSON.stringify(value);
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return String(value);
};

export type Issue = z.core.$ZodIssue;

const bound = (
  issue: { readonly origin: string; readonly inclusive?: boolean | undefined },
  limit: number | bigint,
  side: 'less' | 'more',
): string => {
  const many = (noun: string) => `${limit} ${noun}${Number(limit) === 1 ? '' : 's'}`;
  const what =
    issue.origin === 'string' ? many('character') : issue.origin === 'array' ? many('entry').replace('entrys', 'entries') : String(limit);
  if (issue.inclusive === false) return `${side} than ${what}`;
  return side === 'more' ? `at least ${what}` : `at most ${what}`;
};

const wanted = (issue: Issue): readonly string[] => {
  if (issue.code === 'invalid_type') return [expectation(issue.expected)];
  if (issue.code === 'invalid_value') return issue.values.map((value) => String(value));
  if (issue.code === 'invalid_union') return issue.errors.flatMap((branch) => branch.flatMap(wanted));
  return [];
};

/** Our words for an issue, which carries its input; `shown` is how that may be shown, `hidden` whether it may not be compared either. */
export const messageOfIssue = (issue: Issue, shown: string, hidden = false): string => {
  const missing = issue.input === undefined;
  switch (issue.code) {
    case 'invalid_type':
      return missing
        ? `missing; expected ${expectation(String(issue.expected))}`
        : `expected ${expectation(String(issue.expected))}, found ${shown}`;
    case 'invalid_value': {
      const names = issue.values.map((value) => String(value));
      if (missing) return `missing; allowed is ${oneOf(names)}`;
      return `${shown} is not allowed; allowed is ${oneOf(names)}${typeof issue.input === 'string' && !hidden ? didYouMean(issue.input, names) : ''}`;
    }
    case 'too_small':
      if ((issue.origin === 'array' || issue.origin === 'string') && issue.minimum === 1)
        return 'empty; at least one is needed'.replace('one', issue.origin === 'string' ? 'one character' : 'one entry');
      return `${shown} is too ${issue.origin === 'string' ? 'short' : 'small'}; allowed is ${bound(issue, issue.minimum, 'more')}`;
    case 'too_big':
      return `${shown} is too ${issue.origin === 'string' ? 'long' : 'large'}; allowed is ${bound(issue, issue.maximum, 'less')}`;
    case 'invalid_format':
      return `${shown} does not have the form of ${issue.format === 'regex' ? `the pattern ${issue.pattern}` : `a ${issue.format}`}`;
    case 'not_multiple_of':
      return `${shown} is not allowed; allowed are multiples of ${issue.divisor}`;
    case 'invalid_union': {
      const allowed = [...new Set(wanted(issue))];
      if (allowed.length === 0) return `${shown} is not allowed`;
      return missing ? `missing; expected ${oneOf(allowed)}` : `expected ${oneOf(allowed)}, found ${shown}`;
    }
    default:
      return `${shown} is not allowed`;
  }
};
