/**
 * Wrong configurations, each with all that `ringtail validate` says of it beside it. What is said changes when options do: look at the
 * difference, and write it with `vitest -u`.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CommandContext } from '../../src/commands/context.ts';
import { runCli } from '../../src/commands/program.ts';
import { components } from '../../src/components.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { exitCode } from '../../src/core/errors.ts';

const folder = 'test/config/wrong';
const file = (name: string): string => `${folder}/${name}.yaml`;

/** Parts of other cases, not cases themselves. */
const parts: ReadonlySet<string> = new Set(['right', 'merge-conflict', 'merge-conflict-2', 'merged-problems']);

type Case = readonly [name: string, argv: readonly string[]];

const sources = (...all: readonly string[]): readonly string[] => all.flatMap((source) => ['--config', source]);

const cases: readonly Case[] = [
  ...readdirSync(folder)
    .filter((name) => name.endsWith('.yaml') && !parts.has(name.slice(0, -5)))
    .map((name): Case => [name.slice(0, -5), sources(`${folder}/${name}`)]),
  ['two-files-that-cannot-be-merged', sources(file('merge-conflict'), file('merge-conflict-2'))],
  ['problems-in-the-second-file', sources(file('right'), file('merged-problems'))],
  ['problems-in-two-files', sources(file('misspelt-key'), file('merged-problems'))],
  [
    'override-with-a-wrong-value',
    [...sources(file('right')), '--set', 'exporters.debug.verbosity=loud', '--set', 'kernel.ring_bytes=CANARY'],
  ],
  [
    'override-of-an-unknown-key',
    [...sources(file('right')), '--set', 'exporters.debug.verbos=basic', '--set', 'exporters["debug/a.b"].forma=json'],
  ],
  ['override-that-is-not-yaml', [...sources(file('right')), '--set', 'service.pipelines.logs.exporters=[debug']],
  ['override-of-a-map-by-a-text', [...sources(file('right')), '--set', 'exporters=debug']],
  ['override-of-a-list-by-a-map', [...sources(file('right')), '--set', 'service.pipelines.logs.exporters.debug=']],
  ['relative-root-path', [...sources(file('right')), '--root-path', 'host']],
  ['yaml-on-the-command-line', sources(file('right'), 'yaml:exporters::debug::verbosity: loud')],
  ['yaml-in-a-variable', sources(file('right'), 'env:PART')],
  ['variable-that-is-not-there', sources('env:NOWHERE')],
  ['directory', sources(folder)],
  ['missing', sources(`${folder}/nowhere.yaml`)],
];

const validate = async (argv: readonly string[]) => {
  const out: string[] = [];
  const err: string[] = [];
  const context = {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
    environment: { CANARY: 'CANARY-VALUE', PART: 'exporters:\n  debug:\n    verbosity: loud\n' },
    now: () => 0,
    registry: async () => createRegistry(components),
    createKernel: () => Promise.reject(new Error('validate starts nothing')),
    onSignal: () => () => {},
    onOutputClosed: () => () => {},
  } as unknown as CommandContext;
  const code = await runCli(['validate', '--no-host', ...argv], context);
  return { code, stdout: out.join(''), stderr: err.join('') };
};

describe('a wrong configuration', () => {
  it('is one of at least forty', () => {
    expect(cases.length).toBeGreaterThanOrEqual(40);
  });

  it.each(cases)('%s', async (name, argv) => {
    const { code, stderr } = await validate(argv);
    expect(code).toBe(exitCode.config);
    expect(stderr.toLowerCase()).not.toContain('canary-value');
    await expect(stderr).toMatchFileSnapshot(path.resolve(folder, `${name}.txt`));
  });

  it('has a file for what is said of it, and nothing else has', () => {
    const said = readdirSync(folder).filter((name) => name.endsWith('.txt'));
    expect(said.toSorted()).toEqual(cases.map(([name]) => `${name}.txt`).toSorted());
  });

  it('was right before', async () => {
    const { code, stderr } = await validate(sources(file('right')));
    expect([code, stderr]).toEqual([exitCode.done, '']);
  });
});
