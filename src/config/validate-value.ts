/** Holds a part of the tree against a zod schema and turns what zod finds into problems with a place. */
import type { z, ZodType } from 'zod';
import { didYouMean, oneOf } from './nearest.ts';
import type { Path, Problem } from './problems.ts';
import type { YamlTree } from './yaml-tree.ts';

type Definition = {
  readonly type: string;
  readonly shape?: Readonly<Record<string, ZodType>>;
  readonly innerType?: ZodType;
  readonly in?: ZodType;
  readonly out?: ZodType;
  readonly element?: ZodType;
  readonly valueType?: ZodType;
  readonly options?: readonly ZodType[];
  readonly left?: ZodType;
  readonly right?: ZodType;
  readonly getter?: () => ZodType;
};

const definitionOf = (schema: ZodType): Definition => schema.def as unknown as Definition;

/** The schemas that a value at `path` below `schema` may have, wrappers taken off; more than one for unions. */
const schemasAt = (schema: ZodType, path: Path): readonly ZodType[] => {
  const def = definitionOf(schema);
  const [key, ...rest] = path;
  if (def.type === 'union') return (def.options ?? []).flatMap((option) => schemasAt(option, path));
  if (def.type === 'intersection') return [def.left!, def.right!].flatMap((side) => schemasAt(side, path));
  if (def.type === 'lazy') return schemasAt(def.getter!(), path);
  if (def.type === 'pipe') return schemasAt(definitionOf(def.in!).type === 'transform' ? def.out! : def.in!, path);
  if (def.innerType !== undefined) return schemasAt(def.innerType, path);
  if (key === undefined) return [schema];
  const inner = def.shape?.[String(key)] ?? def.valueType ?? def.element;
  return inner === undefined ? [] : schemasAt(inner, rest);
};

/** The keys that a map at `path` may have. */
export const allowedKeys = (schema: ZodType, path: Path): readonly string[] => [
  ...new Set(schemasAt(schema, path).flatMap((at) => Object.keys(definitionOf(at).shape ?? {}))),
];

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

/** What stands there, in a few words. */
export const show = (value: unknown): string => {
  if (typeof value === 'string') return value.length > 40 ? `${JSON.stringify(value.slice(0, 40))}...` : JSON.stringify(value);
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a map' : String(value);
};

type RawIssue = z.core.$ZodRawIssue;
type Issue = z.core.$ZodIssue;

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

/** Our words for an issue; `shown` is what stands there. Schemas may carry messages of their own, which go before these. */
const messageOfIssue = (issue: RawIssue, shown: string): string => {
  const missing = issue.input === undefined;
  switch (issue.code) {
    case 'invalid_type':
      return missing
        ? `missing; expected ${expectation(String(issue.expected))}`
        : `expected ${expectation(String(issue.expected))}, found ${shown}`;
    case 'invalid_value': {
      const names = issue.values.map((value) => String(value));
      if (missing) return `missing; allowed is ${oneOf(names)}`;
      return `${shown} is not allowed; allowed is ${oneOf(names)}${typeof issue.input === 'string' ? didYouMean(issue.input, names) : ''}`;
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
      const allowed = [...new Set((issue.errors as Issue[][]).flatMap((branch) => branch.flatMap(wanted)))];
      return missing ? `missing; expected ${oneOf(allowed)}` : `expected ${oneOf(allowed)}, found ${shown}`;
    }
    default:
      return `${shown} is not allowed`;
  }
};

/** A YAML null says that a key is not given: it takes the default, and an unknown key stays visible. */
const nullsAsAbsent = (value: unknown): unknown => {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map(nullsAsAbsent);
  if (typeof value !== 'object') return value;
  return Object.assign(Object.create(null), Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, nullsAsAbsent(inner)])));
};

const replaceAt = (value: unknown, path: Path, by: unknown): unknown => {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  if (Array.isArray(value)) return value.map((item, index) => (index === key ? replaceAt(item, rest, by) : item));
  const map = value as Record<string, unknown>;
  return Object.assign(Object.create(null), map, { [key]: replaceAt(map[key], rest, by) });
};

const toPath = (path: readonly PropertyKey[]): Path => path.map((key) => (typeof key === 'number' ? key : String(key)));

export type Validated<T> = { readonly value: T | undefined; readonly problems: readonly Problem[] };

/** Validates `input`, which stands at `base` in the tree. */
export const validateValue = <T>(tree: YamlTree, base: Path, schema: ZodType<T>, input: unknown): Validated<T> => {
  const parse = (value: unknown) =>
    schema.safeParse(value, {
      error(issue) {
        const reference = tree.expandedAt([...base, ...toPath(issue.path ?? [])])?.reference;
        return messageOfIssue(issue, reference === undefined ? show(issue.input) : `the value of ${reference}`);
      },
    });
  let value = nullsAsAbsent(input);
  let result = parse(value);
  if (!result.success) {
    // A reference that reads as a number or as true may be meant as text: a password of digits for instance.
    let changed = false;
    for (const issue of result.error.issues) {
      const path = toPath(issue.path);
      const expanded = tree.expandedAt([...base, ...path]);
      if (expanded === undefined || issue.code === 'unrecognized_keys') continue;
      value = replaceAt(value, path, expanded.text);
      changed = true;
    }
    if (changed) {
      const again = parse(value);
      if (again.success || again.error.issues.length < result.error.issues.length) result = again;
    }
  }
  if (result.success) return { value: result.data, problems: [] };
  const problems = result.error.issues.flatMap((issue): Problem[] => {
    const path = toPath(issue.path);
    if (tree.brokenAt([...base, ...path])) return [];
    if (issue.code !== 'unrecognized_keys') return [tree.problemAtValue([...base, ...path], issue.message)];
    const allowed = allowedKeys(schema, path);
    return issue.keys.map((key) => tree.problemAtKey([...base, ...path, key], unknownKey(key, allowed)));
  });
  return { value: undefined, problems };
};

export const unknownKey = (key: string, allowed: readonly string[]): string =>
  `unknown key; ${allowed.length === 0 ? 'no keys are allowed here' : `allowed are ${oneOf(allowed).replace(' or ', ' and ')}`}${didYouMean(key, allowed)}`;
