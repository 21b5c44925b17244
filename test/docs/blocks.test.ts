/** Every code block of the documentation is run by a test, or marked as text that is not. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { allBlocks, filesOf, kinds, shown } from './blocks.ts';
import { root } from './markdown.ts';
import { difference, runCommand, runSteps, stepsOf } from './transcript.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ringtail-docs-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('every block says what it is', () => {
  const unmarked = allBlocks.filter(({ info }) => !Object.hasOwn(kinds, info)).map(({ page, line, info }) => `${page}:${line}: "${info}"`);
  expect(unmarked).toEqual([]);
  expect(allBlocks.length).toBe(
    shown('yaml', 'yaml wrong', 'yaml other', 'json', 'console', 'sh', 'console root', 'sh root', 'text').length,
  );
});

it('what is marked as text is neither a command nor a configuration', () => {
  const hidden = shown('text').filter(
    ([, { text }]) => /^(\$ |npm |(bin\/)?ringtail (?!run stopped|top ·))/m.test(text) || /^(receivers|exporters|service):$/m.test(text),
  );
  expect(hidden.map(([place]) => place)).toEqual([]);
});

it.each(shown('yaml other'))('%s is YAML', (_, { text }) => {
  expect(parseDocument(text).errors).toEqual([]);
});

it.each(shown('json'))('%s is JSON', (_, { text }) => {
  for (const line of text.trimEnd().split('\n')) expect(JSON.parse(line)).toBeTypeOf('object');
});

/** A folder as a reader has it: the program, the examples, and the files that the page shows. */
const placeOf = (page: string) => {
  const place = mkdtempSync(path.join(folder, 'page-'));
  mkdirSync(path.join(place, 'bin'));
  const program = path.join(place, 'bin/ringtail');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${root}src/main.ts' "$@"\n`);
  chmodSync(program, 0o755);
  symlinkSync(path.join(root, 'config'), path.join(place, 'config'));
  for (const [name, text] of filesOf(page)) writeFileSync(path.join(place, name), text);
  return { folder: place, environment: { ...process.env, PATH: `${place}/bin:${process.env['PATH']}`, HOME: place, TOKEN: 'secret' } };
};

describe('a console', () => {
  it.each(shown('console', 'sh'))(
    '%s does what it shows',
    async (_, { page, info, text }) => {
      const place = placeOf(page);
      const isConsole = info === 'console';
      expect(await runSteps(stepsOf(text, isConsole), isConsole, (command) => runCommand(command, place))).toEqual([]);
    },
    60_000,
  );

  it('is there, with commands of ours', () => {
    const commands = shown('console', 'sh', 'console root', 'sh root').flatMap(([, { text, info }]) =>
      stepsOf(text, info.startsWith('console')),
    );
    expect(commands.filter(({ command }) => command.includes('ringtail')).length).toBeGreaterThan(5);
  });

  it('is read as it is written', async () => {
    expect(stepsOf('$ a b\nc\nd\n$ e\n', true)).toEqual([
      { command: 'a b', output: 'c\nd\n' },
      { command: 'e', output: '' },
    ]);
    expect(stepsOf('a   # says\n\n# b\nc\n', false).map(({ command }) => command)).toEqual(['a', 'c']);
    expect(difference('a 2026-01-01T00:00:00Z\n...\nz\n', 'a 2025-02-02T11:11:11.5Z\nb\nc\nz\n')).toBeUndefined();
    expect(difference('a: 1, ...\n', 'a: 1, b\n')).toBeUndefined();
    expect(difference('a: 1, ...\n', 'a: 2, b\n')).toMatch(/^shown "a: 1/);
    expect(difference('a\n', 'a\nb\n')).toBe('not shown: "b"');
    expect(difference('a\n...\n', 'a\nb\n')).toBeUndefined();
    expect(difference('a\nc\n', 'a\nb\n')).toMatch(/^shown "c", found "b"/);
    const codes = [3, 0, 2];
    const run = async () => ({ code: codes.shift()!, output: 'x\n' });
    expect(await runSteps(stepsOf('$ a\nx\n$ echo $?\n3\n$ b\ny\n$ c\nx\n', true), true, run)).toEqual([
      '$ b: shown "y", found "x" in:\nx\n',
      '$ c: exit code 2: x\n',
    ]);
  });
});
