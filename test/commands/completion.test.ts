/** The completion scripts, asked as the shell asks them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wordsOf } from '../../src/commands/completion/completion.ts';
import { createProgram } from '../../src/commands/program.ts';
import { components } from '../../src/components.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { createWorld } from '../service/fakes.ts';
import { createCli, fullProbe } from './fakes.ts';

const registry = createRegistry(components);
const shells = ['bash', 'zsh', 'fish'] as const;
const scripts = new Map<string, string>();
let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'ringtail-completion-'));
  mkdirSync(path.join(folder, 'some'));
  writeFileSync(path.join(folder, 'some.yaml'), '');
  for (const shell of shells) {
    const cli = createCli(createWorld(), fullProbe, registry);
    if ((await cli.run('completion', shell)) !== 0) throw new Error(cli.stderr());
    scripts.set(shell, cli.stdout());
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What bash offers for the last word of a line. */
const offered = (...line: string[]): readonly string[] => {
  const program = 'source "$0" && COMP_WORDS=("$@") && COMP_CWORD=$(($# - 1)) && { _ringtail; printf "%s\\n" "${COMPREPLY[@]}"; }';
  const file = path.join(folder, 'script');
  writeFileSync(file, scripts.get('bash')!);
  const output = execFileSync('bash', ['--norc', '-c', program, file, 'ringtail', ...line], { cwd: folder, encoding: 'utf8' });
  return output.split('\n').filter((word) => word !== '');
};

describe('bash', () => {
  it('registers itself', () => {
    const file = path.join(folder, 'script');
    writeFileSync(file, scripts.get('bash')!);
    const output = execFileSync('bash', ['--norc', '-c', 'source "$0" && complete -p ringtail', file], { encoding: 'utf8' });
    expect(output).toBe('complete -F _ringtail ringtail\n');
  });

  it.each<readonly [readonly string[], readonly string[]]>([
    [['vali'], ['validate']],
    [['--v'], ['--version']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish', '-h', '--help'],
    ],
    [['help', 'led'], ['ledger']],
    [['validate', '--deny'], ['--deny-warnings']],
    [['validate', '--no-host', '--c'], ['--config']],
    [
      ['run', '--config', 'so'],
      ['some', 'some.yaml'],
    ],
    [['run', '-c', 'some.'], ['some.yaml']],
    [['run', '--root-path', 'so'], ['some']],
    [
      ['run', '--config', 'x', '--set', 'exporters.debug.'],
      ['exporters.debug.format=', 'exporters.debug.verbosity='],
    ],
    [['run', '--set', 'kernel.ru'], ['kernel.rung=']],
    [['ledger', '--address', ''], []],
    [['nothing', 'of the kind'], []],
  ])('%j', (line, words) => {
    expect(offered(...line)).toEqual(words);
  });

  it('offers every type of component for --set', () => {
    const types = new Set(offered('run', '--set', '').map((word) => word.split('.').slice(0, 2).join('.').replace('=', '')));
    for (const { kind, type } of components) expect(types).toContain(`${kind}s.${type}`);
  });
});

it.each(shells)('%s has every command, every option and every setting', (shell) => {
  const words = new Set(scripts.get(shell)!.split(/[\s'"|()]+/));
  const commands = wordsOf(createProgram({} as never, () => {}));
  expect(commands.length).toBeGreaterThan(5);
  for (const { name, options } of commands) {
    expect(words).toContain(name);
    for (const { flags } of options) for (const flag of flags) expect(words).toContain(shell === 'fish' ? flag.replace(/^--?/, '') : flag);
  }
  for (const setting of offered('run', '--set', '')) expect(words).toContain(setting);
});
