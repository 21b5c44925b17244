/** Several sources, single values, references to files: what comes of them, and which place is told. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type ConfigSource, loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { readConfigSource } from '../../src/config/read-source.ts';
import { overrideSource, readSources } from '../../src/config/sources.ts';
import { messageOf, UsageError } from '../../src/core/errors.ts';
import { fakeRegistry } from './fakes.ts';

const source = (file: string, text: string): ConfigSource => ({ file, text });
const rootOf = (...sources: readonly ConfigSource[]): unknown => {
  const { root, problems } = readSources(sources, {});
  expect(problems).toEqual([]);
  return JSON.parse(JSON.stringify(root));
};

const base = source(
  'base.yaml',
  `receivers: {process: {threads: true}}
exporters:
  debug: {verbosity: basic}
service: {pipelines: {logs: {receivers: [process], exporters: [debug]}}}
`,
);

const load = (...sources: readonly ConfigSource[]) => loadConfig(sources, fakeRegistry, {});
const problemsOf = (...sources: readonly ConfigSource[]) => load(...sources).problems.map(formatProblem);

describe('several sources', () => {
  it('merge maps, replace lists and values, and let nothing stand for what it is elsewhere', () => {
    expect(
      rootOf(
        source('a', 'm: {x: 1, y: {z: 1}}\nl: [1, 2]\nv: 1\nn: {a: 1}\nw: 1\n'),
        source('b', 'm: {y: {u: 2}, t: 3}\nl: [3]\nv: 2\nn:\nw:\n'),
      ),
    ).toEqual({
      m: { x: 1, y: { z: 1, u: 2 }, t: 3 },
      l: [3],
      v: 2,
      n: { a: 1 },
      w: null,
    });
  });

  it('are what one source with the same keys is', () => {
    const value = fc.letrec<{ map: unknown; any: unknown }>((tie) => ({
      map: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('any'), { maxKeys: 3, depthIdentifier: 'd' }),
      any: fc.oneof({ depthIdentifier: 'd', maxDepth: 3 }, fc.integer(), fc.array(fc.integer(), { maxLength: 2 }), tie('map')),
    }));
    const isMap = (one: unknown): one is Record<string, unknown> => typeof one === 'object' && one !== null && !Array.isArray(one);
    const conflict = (a: unknown, b: unknown): boolean =>
      isMap(a) && isMap(b) ? Object.keys(b).some((key) => key in a && conflict(a[key], b[key])) : isMap(a) !== isMap(b);
    const merged = (a: unknown, b: unknown): unknown =>
      isMap(a) && isMap(b)
        ? { ...a, ...Object.fromEntries(Object.entries(b).map(([key, one]) => [key, key in a ? merged(a[key], one) : one])) }
        : b;
    fc.assert(
      fc.property(value.map, value.map, (a, b) => {
        const { root, problems } = readSources([source('a', stringify(a)), source('b', stringify(b))], {});
        const conflicts = conflict(a, b);
        expect(problems.length > 0).toBe(conflicts);
        expect(conflicts ? {} : JSON.parse(JSON.stringify(root))).toEqual(conflicts ? {} : merged(a, b));
      }),
    );
  });

  it('may each be wrong alone', () => {
    expect(problemsOf(base, source('more.yaml', '- 1\n'), source('tab.yaml', '\tx: 1\n'))).toEqual([
      'more.yaml:1:1: expected a map with sections, found a list',
      'tab.yaml:1:1: a tab indents this line; allowed are spaces',
    ]);
    expect(problemsOf(base, source('more.yaml', ''))).toEqual([]);
    expect(problemsOf(source('first.yaml', ''), base)).toEqual([]);
  });

  it('keep the place of what is missing and unused', () => {
    const more = source('more.yaml', 'exporters:\n  debug/b:\n  otlp_grpc:\nreceivers:\n  process:\n    interval: 1\n');
    expect(problemsOf(base, more)).toEqual([
      'more.yaml:2:3: warning: exporters.debug/b: no pipeline names this exporter; it will not be started',
      'more.yaml:3:3: exporters.otlp_grpc.endpoint: missing; expected text',
      'more.yaml:6:15: receivers.process.interval: not a duration; write it with a unit, as in 50ms, 5s or 1h30m',
    ]);
  });
});

describe('single values', () => {
  it.each<readonly [string, unknown]>([
    ['a=5', { a: 5 }],
    ['a.b/c.d=5s', { a: { 'b/c': { d: '5s' } } }],
    ['a["b.c"].d=[x, {y: 1}]', { a: { 'b.c': { d: ['x', { y: 1 }] } } }],
    ['a["b\\"c"]=1=2', { a: { 'b"c': '1=2' } }],
    ['a=', { a: null }],
    ['a={b: {c: 1}}', { a: { b: { c: 1 } } }],
    ['a=http://x:1/#y', { a: 'http://x:1/#y' }],
    ['a=${env:X:-7}', { a: 7 }],
  ])('%s', (text, root) => {
    expect(rootOf(overrideSource(text))).toEqual(root);
  });

  it.each<readonly [string, string]>([
    ['', 'a part of the key is empty'],
    ['a', 'there is no "="'],
    ['=1', 'a part of the key is empty'],
    ['a..b=1', 'a part of the key is empty'],
    ['a.=1', 'a part of the key is empty'],
    ['a[0]=1', 'lists are replaced whole: give all entries, as in key=[a, b]'],
    ['a["b]=1', 'lists are replaced whole: give all entries, as in key=[a, b]'],
    [`a${'.b'.repeat(100_000)}=1`, 'the key has more than 16 parts'],
    ['a["b"]c=1', 'parts of the key are separated by dots'],
    ['a["\\q"]=1', 'the quoted part of the key is not well formed'],
  ])('not %s', (text, message) => {
    const thrown = (() => {
      try {
        return overrideSource(text);
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(UsageError);
    expect(messageOf(thrown)).toContain(message);
  });

  it('override, later ones last, and tell their column and not their value', () => {
    const sources = ['exporters.debug.verbosity=detailed', 'exporters.debug.format=json', 'exporters.debug.verbosity=normal'].map(
      overrideSource,
    );
    expect(load(base, ...sources).config?.exporters.get('debug')?.config).toEqual({ verbosity: 'normal', format: 'json' });
    expect(problemsOf(base, overrideSource('exporters.otlp_grpc={endpoint: a, token: HUNTER2}'))).toEqual([
      '--set exporters.otlp_grpc:1:42: exporters.otlp_grpc.token: not a token',
    ]);
  });
});

describe('what --config takes beside files', () => {
  it('is YAML, also short, and variables', async () => {
    expect(rootOf(await readConfigSource('yaml:a: {b: 1}'))).toEqual({ a: { b: 1 } });
    expect(rootOf(await readConfigSource('yaml:a::b/c::d: [1]'))).toEqual({ a: { 'b/c': { d: [1] } } });
    expect(readSources([await readConfigSource(`yaml:a${'::b'.repeat(100_000)}: 1`)], {}).problems).toHaveLength(1);
    expect(rootOf(await readConfigSource('yaml:a: b::c'))).toEqual({ a: 'b::c' });
    expect(rootOf(await readConfigSource('env:C', { C: 'a: 1\n' }))).toEqual({ a: 1 });
    const why = (spec: string) => readConfigSource(spec, {}).then(() => 'read', messageOf);
    expect(await why('env:C')).toBe('cannot read the configuration env:C: this variable is not set');
    expect(await why('env:toString')).toContain('not set');
    expect(await why('https://example.com/a.yaml')).toBe('--config https: is not known');
  });
});

describe('references to files', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'ringtail-references-'));
    await mkdir(path.join(folder, 'secrets'));
    const write = (name: string, content: string | Uint8Array) => writeFile(path.join(folder, 'secrets', name), content);
    await Promise.all([
      write('one', 'token\n'),
      write('windows', 'token\r\n'),
      write('two', 'a\n\n'),
      write('seven', '7\n'),
      write('yaml', '[a, b]\n${env:X} $$\n'),
      write('empty', ''),
      write('full', 'x'.repeat(65_536)),
      write('large', 'x'.repeat(65_537)),
      write('binary', Uint8Array.of(0xff, 0xfe)),
      symlink('one', path.join(folder, 'secrets', 'link')),
    ]);
    execFileSync('mkfifo', [path.join(folder, 'secrets', 'fifo')]);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const read = (value: string) => readSources([{ file: path.join(folder, 'c.yaml'), text: `v: ${value}\n` }], {});
  const valueOf = (value: string) => (read(value).root as { v: unknown }).v;

  it('give the text of regular files, from the folder of the configuration on', () => {
    expect(valueOf('${file:secrets/one}')).toBe('token');
    expect(valueOf(`\${file:${folder}/secrets/one}`)).toBe('token');
    expect(valueOf('Bearer ${file:./secrets/link}.')).toBe('Bearer token.');
    expect(valueOf('${file:secrets/windows}')).toBe('token');
    expect(valueOf('${file:secrets/two}')).toBe('a\n');
    expect(valueOf('${file:secrets/seven}')).toBe(7);
    expect(valueOf('${file:secrets/yaml}')).toBe('[a, b]\n${env:X} $$');
    expect(valueOf('${file:secrets/empty}')).toBe(null);
    expect(valueOf('${file:secrets/full}')).toHaveLength(65_536);
  });

  it.each([
    ['secrets/none', 'ENOENT'],
    ['secrets/one/x', 'ENOTDIR'],
    ['secrets', 'it is not a regular file'],
    ['secrets/fifo', 'it is not a regular file'],
    ['/dev/zero', 'it is not a regular file'],
    ['secrets/large', 'it is larger than 64 KiB'],
    ['secrets/binary', 'it is not UTF-8 text'],
  ])('cannot name %s: %s', (name, why) => {
    expect(read(`\${file:${name}}`).problems.map(({ message, column }) => [message, column])).toEqual([
      [`cannot read the file ${name}: ${why}`, 4],
    ]);
  });

  it('give no more than a bound all together', () => {
    const { problems } = read(`["${'${file:secrets/full}'.repeat(40)}", "${'${file:secrets/full}'.repeat(40)}"]`);
    expect(problems.map(({ message }) => message)).toEqual(
      expect.arrayContaining(['the references of this source give more than 4194304 characters']),
    );
  });
});
