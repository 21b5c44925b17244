/** A secret is told by nothing: no problem of any component, no printed configuration. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { ZodType } from 'zod';
import { components } from '../../src/components.ts';
import { effectiveConfig } from '../../src/config/effective.ts';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem, type Path } from '../../src/config/problems.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { definitionOf, isSecretSchema } from '../../src/config/schema-walk.ts';

const CANARY = 'hunter2-canary';
const registry = createRegistry(components);

/** Places of secrets, and of what holds them, in inputs of a schema. */
const secretPlaces = (schema: ZodType, path: Path = []): readonly Path[] => {
  if (!isSecretSchema(schema)) return [];
  const { shape, innerType, in: input, element, valueType, options, left, right } = definitionOf(schema);
  const deeper: readonly Path[] = [
    ...Object.entries(shape ?? {}).flatMap(([key, inner]) => secretPlaces(inner, [...path, key])),
    ...(valueType === undefined ? [] : secretPlaces(valueType, [...path, 'name'])),
    ...(element === undefined ? [] : secretPlaces(element, [...path, 0])),
    ...[innerType, input, left, right, ...(options ?? [])].flatMap((inner) => (inner === undefined ? [] : secretPlaces(inner, path))),
  ];
  return path.length === 0 ? deeper : [path, ...deeper];
};

const within = ([key, ...rest]: Path, value: unknown): unknown =>
  key === undefined ? value : typeof key === 'number' ? [within(rest, value)] : { [key]: within(rest, value) };

/** Right and wrong in every way that we could think of. */
const shapes: readonly unknown[] = [
  CANARY,
  `${CANARY}\u0000`,
  ` ${CANARY}\n`,
  `${CANARY.repeat(5000)}`,
  [CANARY],
  { name: CANARY },
  { name: { name: CANARY } },
  { name: [CANARY] },
  [[CANARY, 5]],
  [{ name: CANARY, value: CANARY }],
  `http://${CANARY}:${CANARY}@127.0.0.1:1/${CANARY}`,
  `ftp://${CANARY}`,
  `-----BEGIN PRIVATE KEY-----\n${CANARY}\n`,
];

const places = components.flatMap((factory) =>
  [...new Set(secretPlaces(factory.config).map((path) => JSON.stringify(path)))].map(
    (path) => [factory, JSON.parse(path) as Path] as const,
  ),
);

const textOf = (kind: string, id: string, body: string): string => {
  const section = { receiver: 'receivers', processor: 'processors', exporter: 'exporters', extension: 'extensions' }[kind]!;
  const own = `  ${id}: ${body}\n`;
  const sections: Record<string, string> = { receivers: '  process:\n', exporters: '  debug:\n', processors: '', extensions: '' };
  sections[section] += own;
  const lists = { receivers: ['process'], processors: [] as string[], exporters: ['debug'] };
  if (section !== 'extensions') lists[section as keyof typeof lists].push(id);
  const written = Object.entries(sections).map(([name, text]) => (text === '' ? '' : `${name}:\n${text}`));
  return `${written.join('')}service: ${JSON.stringify({ extensions: section === 'extensions' ? [id] : [], pipelines: { logs: lists } })}\n`;
};

const told = (text: string, environment = {}): string => {
  const { config, problems } = loadConfig([{ file: 'c', text }], registry, environment);
  return [...problems.map(formatProblem), config === undefined ? '' : effectiveConfig(config)].join('\n');
};

/** The first half of the canary at the end of a path or as a key. */
const asKey = /hunter2\S*:(?: |$)|\["[^"]*hunter2/;

describe('a secret', () => {
  it('is looked for where there are some', () => {
    expect(places.length).toBeGreaterThanOrEqual(6);
  });

  it.each(places.map(([factory, path]) => [`${factory.kind} ${factory.type} ${JSON.stringify(path)}`, factory, path] as const))(
    'is not told of %s',
    (_name, { kind, type }, path) => {
      for (const shape of shapes) {
        const body = JSON.stringify(within(path, shape)).replaceAll('$', '$$$$');
        expect(told(textOf(kind, `${type}/x`, body))).not.toContain(CANARY);
        const reference = JSON.stringify(within(path, '${env:SECRET}'));
        const environment = { SECRET: typeof shape === 'string' ? shape : stringify(shape) };
        expect(told(textOf(kind, `${type}/x`, reference), environment)).not.toContain(CANARY);
      }
    },
  );

  it('is not told by a mistake of syntax beside it', () => {
    const [factory, path] = places.find(([, one]) => one.length === 2 && one[1] === 'name')!;
    const text = textOf(factory.kind, `${factory.type}/x`, `{${path[0]}: {name: ${CANARY}, other: "${CANARY}"}}`);
    fc.assert(
      fc.property(
        fc.nat(text.length),
        fc.nat(6),
        fc.constantFrom(
          '',
          '"',
          "'",
          '*',
          '&',
          '!',
          '|',
          '>',
          '%',
          '@',
          '`',
          '[',
          '{',
          '}',
          ']',
          ',',
          ':',
          ': ',
          '\n',
          '\t',
          '\\',
          '$',
          '${',
          '#',
          '- ',
          '? ',
        ),
        (at, removed, inserted) => {
          const touched = text.slice(0, at) + inserted + text.slice(at + removed);
          // Where it became a key or another option, it is not known to be secret.
          const problems = told(touched)
            .split('\n')
            .filter((line) => !/unknown key|not the id|unknown |stands twice|is written twice|environment variable/.test(line));
          expect(problems.filter((line) => line.includes(CANARY.slice(0, 8)) && !asKey.test(line))).toEqual([]);
        },
      ),
      { numRuns: 2000, seed: 11 },
    );
  });

  it('from outside is not told of any option', () => {
    const options = components.flatMap((factory) =>
      Object.keys(definitionOf(factory.config).shape ?? {}).map((key) => [factory, key] as const),
    );
    expect(options.length).toBeGreaterThan(20);
    for (const [{ kind, type }, key] of options) {
      for (const value of [
        CANARY,
        `http://${CANARY}:99999`,
        `ftp://${CANARY}`,
        `http://${CANARY}.example:1`,
        `/${CANARY}/${CANARY}`,
        `(${CANARY}`,
        '7',
      ]) {
        const { problems } = loadConfig([{ file: 'c', text: textOf(kind, `${type}/x`, `{${key}: "\${env:SECRET}"}`) }], registry, {
          SECRET: value,
        });
        expect(problems.map(formatProblem).join('\n')).not.toContain(CANARY);
      }
    }
  });
});
