/** What the documentation shows of configurations works, and what it shows of mistakes is what is said of them. */
import { expect, describe, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { components } from '../../src/components.ts';
import { loadConfig, requireConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { ConfigError, exitCode } from '../../src/core/errors.ts';
import { createCli } from '../commands/fakes.ts';
import { createWorld } from '../service/fakes.ts';
import { allBlocks as blocks, shown } from './blocks.ts';
import type { Block } from './markdown.ts';

const registry = createRegistry(components);
const environment = { TOKEN: 'secret' };
const load = (text: string, file: string) => loadConfig([{ file, text }], registry, environment);

type Sections = Readonly<Record<string, object | undefined>>;

/** A part of a file with the rest that a whole one needs; a whole one as it is. */
const complete = ({ text }: Block): string => {
  const part = parse(text) as Sections;
  if (part['service'] !== undefined && 'pipelines' in part['service']) return text;
  const sections: Sections = { receivers: { process: null }, processors: {}, exporters: { debug: null }, ...part };
  const ids = (name: string) => Object.keys(sections[name] ?? {});
  const logs = { receivers: ids('receivers'), processors: ids('processors'), exporters: ids('exporters') };
  return stringify({ ...sections, service: { extensions: ids('extensions'), ...part['service'], pipelines: { logs } } });
};

describe('a configuration', () => {
  it.each(shown('yaml'))('%s is right', (place, block) => {
    const { config, problems } = load(complete(block), place);
    expect(problems.map(formatProblem)).toEqual([]);
    expect(config?.pipelines.length).toBeGreaterThan(0);
  });

  it.each(shown('yaml'))('%s has nothing against it that validate says', async (_, block) => {
    const cli = createCli(createWorld(), undefined, registry);
    expect(await cli.run('validate', '--no-host', '--deny-warnings', '--config', `yaml:${complete(block)}`)).toBe(exitCode.done);
    expect(cli.stderr()).toBe('');
  });

  it('is looked at in the README and on the pages, whole and in parts', () => {
    const yaml = shown('yaml').map(([, block]) => block);
    expect(yaml.some(({ page, text }) => page === 'README.md' && text.includes('service:'))).toBe(true);
    expect(yaml.filter(({ page, text }) => page.startsWith('docs/components/') && !text.includes('service:')).length).toBeGreaterThan(0);
  });
});

/** All that `ringtail validate` writes of a wrong file. */
const complaint = (text: string): string => {
  const lines: string[] = [];
  try {
    requireConfig(load(text, 'bad.yaml'), 'bad.yaml', (line) => lines.push(line));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    lines.push(...error.problems, `ringtail: ${error.message}; ${error.advice}`);
  }
  return lines.map((line) => `${line}\n`).join('');
};

it.each(shown('yaml wrong'))('%s is followed by what is said of it', (_place, block) => {
  const answer = blocks[blocks.indexOf(block) + 1];
  expect(complaint(block.text)).toBe(answer?.text);
});
