/** What an editor says of a configuration by the schema agrees with what loading says, as far as a schema can know. */
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse, parseDocument } from 'yaml';
import { components } from '../../src/components.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { blocksOf, pages } from '../docs/markdown.ts';
import { fakeRegistry } from './fakes.ts';

const folder = new URL('../../config/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

const wrongFolder = new URL('wrong/', import.meta.url);
const parts: ReadonlySet<string> = new Set([
  'right',
  'merge-conflict',
  'merge-conflict-2',
  'merged-problems',
  'alias-bomb',
  'cyclic-anchor',
  'unknown-anchor',
  'merge-of-no-map',
]);
const wrongFiles = readdirSync(wrongFolder).filter((name) => name.endsWith('.yaml') && !parts.has(name.slice(0, -5)));
/** What depends on other places, on the host, or on the inside of a text. */
const beyondSchemas: ReadonlySet<string> = new Set([
  'certificate-without-key',
  'component-twice-in-a-list',
  'dangling-reference',
  'file-that-is-none',
  'filter-conditions',
  'missing-file',
  'nested-references',
  'one-component-by-two-names',
  'plain-text-by-a-variable',
  'plain-text-to-another-host',
  'reference-to-another-section',
  'scheme-of-an-endpoint',
  'secret-with-a-wrong-form',
  'unclosed-reference',
  'unknown-extension',
  'unknown-kind-of-reference',
  'unset-variable',
  'variable-as-a-reference',
  'variable-with-a-wrong-value',
  'wrong-endpoint',
  'wrong-signal',
]);

const compile = (registry = createRegistry(components)) => {
  const ajv = new Ajv2020({ strict: true, strictTypes: false, strictTuples: false, allErrors: true });
  return ajv.compile(configJsonSchema(registry));
};

/** Where and what, for everything that is wrong. */
const complaints = (validate: ReturnType<typeof compile>, value: unknown): readonly string[] =>
  validate(value) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);

describe('the schema of the components that there are', () => {
  const validate = compile();
  const shown = pages.flatMap(blocksOf).filter(({ info }) => info === 'yaml');
  const pipelines = { logs: { receivers: ['a'], exporters: ['a'] } };

  it.each(files)('takes config/%s', (name) => {
    expect(complaints(validate, parse(readFileSync(new URL(name, folder), 'utf8'), { merge: true }))).toEqual([]);
  });

  it.each(shown.map((block) => [`${block.page}:${block.line}`, block] as const))('takes what %s shows', (_place, { text }) => {
    const { service = {}, ...part } = parse(text) as Readonly<Record<string, object>>;
    expect(complaints(validate, { receivers: {}, exporters: {}, ...part, service: { pipelines, ...service } })).toEqual([]);
  });

  it.each(wrongFiles)('refuses test/config/wrong/%s, unless only loading can know', (name) => {
    const document = parseDocument(readFileSync(new URL(name, wrongFolder), 'utf8'), { merge: true, logLevel: 'error' });
    const refused = document.errors.length > 0 || complaints(validate, document.toJS({ maxAliasCount: -1 })).length > 0;
    expect(refused).toBe(!beyondSchemas.has(name.slice(0, -5)));
  });

  it('has examples to take', () => {
    expect(files.length).toBeGreaterThanOrEqual(3);
    expect(shown.length).toBeGreaterThanOrEqual(10);
  });

  it('describes every component by its summary and every option by its own', () => {
    const schema = JSON.stringify(configJsonSchema(createRegistry(components)));
    for (const { summary } of components) expect(schema).toContain(JSON.stringify(summary));
    expect(schema).not.toContain('"unit"');
  });
});

describe('the schema', () => {
  const validate = compile(fakeRegistry);
  const right = {
    receivers: { process: null, 'process/b': { interval: '1m30s', args: { max_bytes: 5 } } },
    exporters: {
      otlp_grpc: { endpoint: 'a:1', timeout: '${env:T}', queue: { consumers: '${env:N:-3}', bytes: '1 MiB' } },
      'otlp/x': { endpoint: 'b:1' },
      debug: null,
    },
    service: { pipelines: { 'logs/a': { receivers: ['process'], exporters: ['debug'] } } },
  };

  it('takes references, nothings, units and aliases', () => {
    expect(complaints(validate, right)).toEqual([]);
  });

  it.each<readonly [string, string, unknown]>([
    ['an unknown section', '/recievers', {}],
    ['an unknown component', '/receivers/proces', null],
    ['an unknown option', '/exporters/debug', { verbosty: 'basic' }],
    ['a wrong choice', '/exporters/debug', { verbosity: 'loud' }],
    ['a wrong type', '/receivers/process', { threads: 'maybe' }],
    ['a duration without unit', '/receivers/process', { interval: 5 }],
    ['a size with a wrong unit', '/receivers/process', { args: { max_bytes: '5 parsecs' } }],
    ['a number out of range', '/exporters/otlp_grpc', { endpoint: 'a', queue: { consumers: 65 } }],
    ['an unknown signal', '/service/pipelines/profiles', { receivers: ['process'], exporters: ['debug'] }],
    ['a pipeline without receivers', '/service/pipelines/logs', { receivers: [], exporters: ['debug'] }],
    ['no pipelines', '/service/pipelines', {}],
    ['a relative path', '/kernel', { root_path: 'host' }],
    ['a list for a map', '/exporters', []],
  ])('refuses %s', (_what, pointer, value) => {
    const wrong = structuredClone(right) as Record<string, unknown>;
    const keys = pointer.slice(1).split('/');
    const last = keys.pop()!;
    keys.reduce((map, key) => (map[key] ??= {}) as Record<string, unknown>, wrong)[last] = value;
    expect(complaints(validate, wrong)).not.toEqual([]);
  });

  it('marks older names and secrets', () => {
    const { properties } = configJsonSchema(fakeRegistry) as {
      properties: { exporters: { patternProperties: Record<string, { deprecated?: boolean }> } };
    };
    const { patternProperties } = properties.exporters;
    expect(patternProperties[String.raw`^otlp(/[^\s]+)?$`]?.deprecated).toBe(true);
    expect(patternProperties[String.raw`^otlp_grpc(/[^\s]+)?$`]?.deprecated).toBeUndefined();
    expect(JSON.stringify(patternProperties)).toContain('"writeOnly":true');
  });
});
