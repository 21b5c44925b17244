/** The tables of options list the keys of the schemas, all of them and no others, with their defaults. */
import { describe, expect, it } from 'vitest';
import { toJSONSchema, type ZodType } from 'zod';
import { components } from '../../src/components.ts';
import { DEFAULT_METRICS_ADDRESS, excludeSchema, kernelSchema, pipelineSchema, telemetrySchema } from '../../src/config/schema.ts';
import { codesOf, pages, read, sectionOf, tableOf } from './markdown.ts';

type Option = { readonly key: string; readonly byDefault: string | undefined; readonly choices: readonly string[] };
type Json = {
  readonly properties?: Readonly<Record<string, Json>>;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly items?: Json;
};

/** As a person writes it in YAML; undefined for nothing at all. */
const written = (value: unknown): string | undefined => {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0 ? undefined : JSON.stringify(value);
  return String(value);
};

const leavesOf = ({ properties = {} }: Json, prefix = ''): readonly Option[] =>
  Object.entries(properties).flatMap(([name, json]): readonly Option[] =>
    json.properties === undefined
      ? [{ key: prefix + name, byDefault: written(json.default), choices: json.enum ?? json.items?.enum ?? [] }]
      : leavesOf(json, `${prefix}${name}.`),
  );

/** `elsewhere`: defaults that are not in the schema. */
const optionsOf = (schema: ZodType, elsewhere: Readonly<Record<string, string>> = {}): readonly Option[] =>
  leavesOf(toJSONSchema(schema, { io: 'input' }) as Json).map((option) => ({
    ...option,
    byDefault: elsewhere[option.key] ?? option.byDefault,
  }));

type Row = { readonly key: string; readonly byDefault: string | undefined; readonly text: string };

const rowsOf = (text: string): readonly Row[] =>
  tableOf(text, 'key', 'option').rows.flatMap((cells) =>
    codesOf(cells[0]!).map((key) => ({ key, byDefault: codesOf(cells[1]!)[0], text: cells.join(' ') })),
  );

const pairsOf = (list: readonly { readonly key: string; readonly byDefault: string | undefined }[]) =>
  list.map(({ key, byDefault = 'none' }) => `${key}: ${byDefault}`).toSorted();

/** Allowed values that the row of their key does not tell. */
const untold = (rows: readonly Row[], options: readonly Option[]): readonly string[] =>
  options.flatMap(({ key, choices }) =>
    choices.filter((choice) => !rows.find((row) => row.key === key)?.text.includes(choice)).map((choice) => `${key}: ${choice}`),
  );

describe('pages of components', () => {
  it('are there, one for each component', () => {
    const types = components.map(({ type }) => `docs/components/${type}.md`);
    expect(pages.filter((page) => page.startsWith('docs/components/'))).toEqual(types.toSorted());
  });

  it.each(components.map((factory) => [factory.type, factory] as const))('%s lists its options', (type, { config }) => {
    const options = optionsOf(config);
    const text = read(`docs/components/${type}.md`);
    const rows = text.includes('There is nothing to set.') ? [] : rowsOf(text);
    expect(pairsOf(rows)).toEqual(pairsOf(options));
    expect(untold(rows, options)).toEqual([]);
  });

  it.each(components.map((factory) => [factory.type, factory] as const))('%s says what it is called and serves', (type, factory) => {
    const text = read(`docs/components/${type}.md`);
    const [title = ''] = text.split('\n');
    expect(title.startsWith(`# ${factory.kind[0]!.toUpperCase()}${factory.kind.slice(1)} \`${type}\``)).toBe(true);
    expect(codesOf(title).slice(1)).toEqual(factory.aliases ?? []);
    expect(text).toContain(`Signals: ${factory.signals.join(', ') || 'none'}.`);
  });
});

describe('docs/configuration.md', () => {
  it.each([
    ['## `kernel`', optionsOf(kernelSchema)],
    ['## `service.telemetry`', optionsOf(telemetrySchema, { 'metrics.address': DEFAULT_METRICS_ADDRESS })],
    ['## `service.exclude`', optionsOf(excludeSchema)],
    ['## The file', optionsOf(pipelineSchema)],
  ])('lists what stands under %s', (heading, options) => {
    const rows = rowsOf(sectionOf('docs/configuration.md', heading));
    expect(pairsOf(rows)).toEqual(pairsOf(options));
    expect(untold(rows, options)).toEqual([]);
  });
});
