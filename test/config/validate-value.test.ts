import { describe, expect, it } from 'vitest';
import { z, type ZodType } from 'zod';
import { formatProblem } from '../../src/config/problems.ts';
import { allowedKeys, validateValue } from '../../src/config/validate-value.ts';
import { readSources } from '../../src/config/sources.ts';

const problemsOf = (schema: ZodType, text: string, environment = {}): string[] => {
  const tree = readSources([{ file: 'f', text }], environment);
  expect(tree.problems).toEqual([]);
  return validateValue(tree, [], schema, tree.root).problems.map(formatProblem);
};

const lazy: ZodType = z.lazy(() => z.strictObject({ inner: z.strictObject({ a: z.string() }).optional() }));

/** The kinds of schemas that components may use. */
const table: readonly (readonly [what: string, schema: ZodType, text: string, problems: readonly string[]])[] = [
  ['a lazy schema', lazy, 'inner:\n  a: x\n  b: y\n', ['f:3:3: inner.b: unknown key; allowed are a']],
  [
    'a pipe behind a default',
    z.strictObject({
      a: z
        .strictObject({ x: z.string() })
        .transform(({ x }) => x)
        .default('d'),
    }),
    'a: {y: 1}\n',
    ['f:1:1: a.x: missing; expected text', 'f:1:5: a.y: unknown key; allowed are x'],
  ],
  [
    'a preprocessed map',
    z.preprocess((value) => value, z.strictObject({ near: z.string().optional() })),
    'nera: 1\n',
    ['f:1:1: nera: unknown key; allowed are near; did you mean "near"?'],
  ],
  [
    'an intersection',
    z.intersection(z.object({ a: z.string() }), z.object({ b: z.string() })),
    'a: 1\nb: 2\n',
    ['f:1:4: a: expected text, found 1', 'f:2:4: b: expected text, found 2'],
  ],
  ['a record of maps', z.record(z.string(), z.strictObject({ a: z.string() })), 'x: {a: 1}\n', ['f:1:8: x.a: expected text, found 1']],
  [
    'a key that is not allowed',
    z.record(z.string().regex(/^[a-z]+$/, 'lower-case letters only'), z.string()),
    'ok: a\nNO: b\n',
    ['f:2:1: NO: lower-case letters only'],
  ],
  ['a list of maps', z.array(z.strictObject({ a: z.string() })), '- {b: 1, a: x}\n', ['f:1:4: [0].b: unknown key; allowed are a']],
  [
    'lengths',
    z.strictObject({ a: z.string().min(3).max(5), b: z.string().max(5), c: z.array(z.int()).max(1), d: z.array(z.int()).min(2) }),
    'a: x\nb: abcdefg\nc: [1, 2]\nd: [1]\n',
    [
      'f:1:4: a: "x" is too short; allowed is at least 3 characters',
      'f:2:4: b: "abcdefg" is too long; allowed is at most 5 characters',
      'f:3:4: c: a list is too large; allowed is at most 1 entry',
      'f:4:4: d: a list is too small; allowed is at least 2 entries',
    ],
  ],
  [
    'bounds',
    z.strictObject({ a: z.number().gt(1), b: z.number().lt(1), c: z.number().multipleOf(5) }),
    'a: 1\nb: 1\nc: 3\n',
    [
      'f:1:4: a: 1 is too small; allowed is more than 1',
      'f:2:4: b: 1 is too large; allowed is less than 1',
      'f:3:4: c: 3 is not allowed; allowed are multiples of 5',
    ],
  ],
  [
    'forms',
    z.strictObject({ a: z.url(), b: z.string().regex(/^x/), c: z.ipv4() }),
    'a: b\nb: c\nc: d\n',
    [
      'f:1:4: a: "b" does not have the form of a url',
      'f:2:4: b: "c" does not have the form of the pattern /^x/',
      'f:3:4: c: "d" does not have the form of a ipv4',
    ],
  ],
  ['a message of its own', z.strictObject({ a: z.string().refine(() => false, 'never right') }), 'a: x\n', ['f:1:4: a: never right']],
  ['a refinement without a message', z.strictObject({ a: z.string().refine(() => false) }), 'a: x\n', ['f:1:4: a: "x" is not allowed']],
  [
    'a union of which no branch is meant',
    z.strictObject({ a: z.union([z.boolean(), z.array(z.string())]) }),
    'a: 5\n',
    ['f:1:4: a: expected true or false or a list, found 5'],
  ],
  [
    'a union that is missing',
    z.strictObject({ a: z.union([z.boolean(), z.string()]) }),
    'a:\n',
    ['f:1:1: a: missing; expected true or false or text'],
  ],
  [
    'the branch of a union that is meant',
    z.strictObject({ a: z.union([z.literal('all'), z.strictObject({ x: z.strictObject({ y: z.int() }) })]) }),
    'a:\n  x: {y: b, z: 1}\n',
    ['f:2:10: a.x.y: expected a number, found "b"', 'f:2:13: a.x.z: unknown key; allowed are y'],
  ],
  [
    'a discriminated union',
    z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('a') }), z.strictObject({ kind: z.literal('b') })]),
    'kind: c\n',
    ['f:1:7: kind: "c" is not allowed; allowed is a or b'],
  ],
  [
    'long values',
    z.strictObject({ a: z.number() }),
    `a: ${'x'.repeat(100)}\n`,
    [`f:1:4: a: expected a number, found "${'x'.repeat(40)}"...`],
  ],
];

describe('a schema', () => {
  it.each(table)('with %s', (_, schema, text, problems) => {
    expect(problemsOf(schema, text)).toEqual(problems);
  });

  it('never shows what a reference gave, not even inside a union', () => {
    const schema = z.strictObject({ a: z.union([z.literal('none'), z.strictObject({ token: z.string().max(3), port: z.int() })]) });
    expect(problemsOf(schema, 'a:\n  token: ${env:SECRET}\n  port: x-${env:SECRET}\n', { SECRET: 'hunter2' })).toEqual([
      'f:2:10: a.token: the value of ${env:SECRET} is too long; allowed is at most 3 characters',
      'f:3:9: a.port: expected a number, found the value of x-${env:SECRET}',
    ]);
  });

  it('tells its keys through every wrapper', () => {
    const map = z.strictObject({ a: z.string(), b: z.string() });
    for (const schema of [
      map,
      map.optional(),
      map.nullable(),
      map.readonly(),
      map.default({ a: '', b: '' }),
      map.prefault({ a: '', b: '' }),
      z.lazy(() => map),
      map.transform(String),
      z.union([z.string(), map]),
    ]) {
      expect(allowedKeys(schema, [])).toEqual(['a', 'b']);
    }
    expect(allowedKeys(z.string(), ['a'])).toEqual([]);
  });
});
