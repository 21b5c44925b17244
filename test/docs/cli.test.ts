/** docs/cli.md and the help tell of the command line that there is. */
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { commandHelp, programHelp } from '../../src/commands/help.ts';
import { withConfigOptions } from '../../src/commands/options.ts';
import { createProgram } from '../../src/commands/program.ts';
import { blocksOf, codesOf, read, sectionOf, tableOf, tablesOf } from './markdown.ts';

const page = 'docs/cli.md';
const create = () => createProgram({ stdout: { write() {} }, stderr: { write() {} } } as never, () => {});
const { commands } = create();
const shared = withConfigOptions(new Command('any')).options.map(({ flags }) => flags);
const flagsOf = ({ options }: Pick<Command, 'options'>) => options.filter(({ hidden }) => !hidden).map(({ flags }) => flags);
const told = (heading: string): readonly string[] => {
  const section = sectionOf(page, heading);
  return tablesOf(section).length === 0 ? [] : tableOf(section, 'option').rows.map(([flags]) => codesOf(flags!)[0]!);
};

describe('docs/cli.md', () => {
  it('has the commands, in the order of the help', () => {
    const headings = Array.from(read(page).matchAll(/^## `ringtail ([a-z-]+)`$/gm), ([, name]) => name);
    expect(headings).toEqual(commands.map((command) => command.name()));
  });

  it('has the options that commands share', () => {
    expect(told('## Where the configuration comes from')).toEqual(shared);
  });

  it.each(commands.map((command) => [command.name(), command] as const))('has the options of %s', (name, command) => {
    const isShared = flagsOf(command).includes(shared[0]!);
    expect(told(`## \`ringtail ${name}\``)).toEqual(flagsOf(command).filter((flags) => !isShared || !shared.includes(flags)));
  });

  it('has the defaults', () => {
    const defaults = commands.flatMap((command) =>
      command.options.flatMap(({ flags, defaultValue }) =>
        typeof defaultValue === 'string' ? [`${command.name()} ${flags} ${defaultValue}`] : [],
      ),
    );
    const toldOf = (name: string) => tablesOf(sectionOf(page, `## \`ringtail ${name}\``)).flatMap(({ rows }) => rows);
    const rows = commands.flatMap((command) =>
      toldOf(command.name()).map(([flags, value]) => `${command.name()} ${codesOf(flags!)[0]} ${codesOf(value!)[0]}`),
    );
    expect(defaults.length).toBeGreaterThan(0);
    expect(rows).toEqual(expect.arrayContaining(defaults));
  });

  it('shows every command at work', () => {
    const typed = blocksOf(page).flatMap(({ text }) => Array.from(text.matchAll(/\bringtail ([a-z-]+)/g), ([, name]) => name));
    for (const command of commands) expect(typed).toContain(command.name());
  });
});

describe('the examples of the help', () => {
  const examples = [programHelp, ...Object.values(commandHelp)].flatMap((text) =>
    Array.from(text.matchAll(/^ {2}\$ (?:source <\()?ringtail (.*?)\)?(?: {4,}.*| {2,}[a-z].*)?$/gm), ([, line]) =>
      line!.replace(/ > .*/, '').trim(),
    ),
  );

  it('are there for each command', () => {
    for (const command of commands) expect(examples.map((line) => line.split(' ')[0])).toContain(command.name());
    expect(Object.keys(commandHelp).toSorted()).toEqual(commands.map((command) => command.name()).toSorted());
  });

  it.each([...new Set(examples)])('ringtail %s', async (line) => {
    const program = create();
    const ran: string[] = [];
    for (const command of program.commands) command.action(() => void ran.push(command.name()));
    await program.parseAsync(line.split(/ +/), { from: 'user' });
    expect(ran).toEqual([line.split(' ')[0]]);
  });
});
