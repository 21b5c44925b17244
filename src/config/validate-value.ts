/** Holds a part of the tree against a zod schema and turns what zod finds into problems with a place. */
import type { ZodType } from 'zod';
import { REDACTED } from '../core/config-types.ts';
import { type Issue, kindOfValue, messageOfIssue, show } from './issue-words.ts';
import { didYouMean, oneOf } from '../core/nearest.ts';
import type { Path, Problem } from './problems.ts';
import { definitionOf, isSecretAt, schemasAt, secretPaths } from './schema-walk.ts';
import type { YamlTree } from './located.ts';

/** The keys that a map at `path` may have. */
export const allowedKeys = (schema: ZodType, path: Path): readonly string[] => [
  ...new Set(schemasAt(schema, path).flatMap((at) => Object.keys(definitionOf(at).shape ?? {}))),
];

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

export type Validated<T> = {
  readonly value: T | undefined;
  /** What gave the value: without nothings, and with text where a reference was meant as text. */
  readonly input: unknown;
  readonly problems: readonly Problem[];
};

/** Stands for the message of an issue to which its schema gave none of its own. */
const OURS = '';

/**
 * Where one branch of a union is plainly meant (the value has its type), what is wrong inside it says more than that no branch fits.
 * Gives the issues with paths from the top.
 */
const unfolded = (issue: Issue): readonly Issue[] => {
  if (issue.code !== 'invalid_union' || issue.message !== OURS) return [issue];
  // zod's types leave the options out
  const { discriminator, options } = issue as { readonly discriminator?: string; readonly options?: readonly string[] };
  if (discriminator !== undefined && options !== undefined) {
    const input = (issue.input as Readonly<Record<string, unknown>>)[discriminator];
    return [{ code: 'invalid_value', values: [...options], path: issue.path, message: OURS, input }];
  }
  const meant = issue.errors.filter((branch) =>
    branch.every(({ code, path }) => path.length > 0 || (code !== 'invalid_type' && code !== 'invalid_value')),
  );
  if (meant.length !== 1) return [issue];
  return meant[0]!.flatMap((inner) => unfolded({ ...inner, path: [...issue.path, ...inner.path] }));
};

/** Shorter pieces are in every message. */
const SHORTEST_TELLING_PIECE = 4;
/** Pieces of many values and messages that tell nothing. */
const harmless: ReadonlySet<string> = new Set(['http', 'https', 'none', 'true', 'false']);

/** Hosts of URLs become lower-case. */
const anyCase = (text: string): RegExp => new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`), 'giu');

/** What of these texts tells something, the longest first: the texts, and their parts. */
const piecesOf = (texts: Iterable<string>): readonly string[] => {
  const pieces = new Set<string>();
  for (const text of texts) {
    if (text !== '') pieces.add(text);
    for (const separator of [/[\s/@:?#]+/, /[^\p{L}\p{N}_-]+/u])
      for (const piece of text.split(separator)) if (piece.length >= SHORTEST_TELLING_PIECE && !harmless.has(piece)) pieces.add(piece);
  }
  return [...pieces].toSorted((a, b) => b.length - a.length);
};

/** A message without what tells something: a check may repeat the host of an address for instance. */
const withoutPieces = (message: string, pieces: readonly string[]): string =>
  pieces.filter(({ length }) => length <= message.length).reduce((left, piece) => left.replace(anyCase(piece), REDACTED), message);

const keyMessages = (issue: Extract<Issue, { code: 'invalid_key' }>): readonly string[] => {
  const own = issue.issues.filter(({ message }) => message !== OURS).map(({ message }) => message);
  if (own.length > 0) return own;
  const key = String(issue.path.at(-1));
  return issue.issues.map((inner) => messageOfIssue({ ...inner, input: key } as Issue, JSON.stringify(key)));
};

/** Validates `input`, which stands at `base` in the tree. What references gave and what is secret is not repeated in problems. */
export const validateValue = <T>(tree: YamlTree, base: Path, schema: ZodType<T>, input: unknown): Validated<T> => {
  const parse = (candidate: unknown) => schema.safeParse(candidate, { error: () => OURS, reportInput: true });
  const expandedAt = (issue: Issue) => tree.expandedAt([...base, ...toPath(issue.path)]);
  let value = nullsAsAbsent(input);
  let result = parse(value);
  if (!result.success) {
    // A reference that reads as a number or as true may be meant as text: a password of digits for instance.
    const meant = result.error.issues.reduce((all, issue) => {
      const text = issue.code === 'unrecognized_keys' ? undefined : expandedAt(issue)?.text;
      return text === undefined ? all : replaceAt(all, toPath(issue.path), text);
    }, value);
    if (meant !== value) {
      const again = parse(meant);
      if (again.success || again.error.issues.length < result.error.issues.length) {
        value = meant;
        result = again;
      }
    }
  }
  if (result.success) return { value: result.data, input: value, problems: [] };
  let hiddenPieces: readonly string[] | undefined;
  const hidden = () => (hiddenPieces ??= piecesOf([...tree.outsideAt(base), ...secretPaths(schema, value).map(({ text }) => text)]));
  const problems = result.error.issues.flatMap(unfolded).flatMap((issue): Problem[] => {
    const path = toPath(issue.path);
    const place = [...base, ...path];
    if (tree.brokenAt(place)) return [];
    if (issue.code === 'unrecognized_keys') {
      const allowed = allowedKeys(schema, path);
      return issue.keys.map((key) => tree.problemAtKey([...place, key], unknownKey(key, allowed)));
    }
    // What is wrong with a key stands one level deeper.
    if (issue.code === 'invalid_key') return keyMessages(issue).map((message) => tree.problemAtKey(place, message));
    const reference = expandedAt(issue)?.reference;
    const secret = isSecretAt(schema, path);
    const shown = secret ? kindOfValue(issue.input) : reference === undefined ? show(issue.input) : `the value of ${reference}`;
    const words = () => messageOfIssue(issue, shown, secret || reference !== undefined);
    const message = issue.message === OURS ? words() : withoutPieces(issue.message, hidden());
    return [tree.problemAtValue(place, message)];
  });
  return { value: undefined, input: value, problems };
};

export const unknownKey = (key: string, allowed: readonly string[]): string =>
  `unknown key; ${allowed.length === 0 ? 'no keys are allowed here' : `allowed are ${oneOf(allowed).replace(' or ', ' and ')}`}${didYouMean(key, allowed)}`;
