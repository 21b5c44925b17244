import type { Command, Option } from 'commander';
import { toJSONSchema } from 'zod';
import type { Registry } from '../../config/registry.ts';
import { excludeSchema, kernelSchema, telemetrySchema } from '../../config/schema.ts';
import type { ComponentKind } from '../../core/component.ts';
import { exitCode, type ExitCode } from '../../core/errors.ts';
import { bashScript, type CommandWords, fishScript, type OptionWords, zshScript } from './scripts.ts';
import type { CommandContext } from '../context.ts';
import type { Shell } from '../options.ts';

const sections: Readonly<Record<ComponentKind, string>> = {
  receiver: 'receivers',
  processor: 'processors',
  exporter: 'exporters',
  extension: 'extensions',
};

type Json = { readonly properties?: Readonly<Record<string, Json>>; readonly anyOf?: readonly Json[] };

const leavesOf = (json: Json, prefix: string): readonly string[] => {
  const properties = json.properties ?? json.anyOf?.find((branch) => branch.properties !== undefined)?.properties;
  return properties === undefined || Object.keys(properties).length === 0
    ? [`${prefix}=`]
    : Object.entries(properties).flatMap(([key, inner]) => leavesOf(inner, `${prefix}.${key}`));
};

/** What `--set` may begin with: every option of every component and of the service, as `path.to.key=`. */
const settable = ({ factories }: Registry): readonly string[] =>
  [
    ...factories.flatMap(({ kind, type, config }) => {
      const prefix = `${sections[kind]}.${type}`;
      return leavesOf(toJSONSchema(config, { io: 'input', unrepresentable: 'any' }) as Json, prefix);
    }),
    ...leavesOf(toJSONSchema(kernelSchema, { io: 'input' }) as Json, 'kernel'),
    ...leavesOf(toJSONSchema(telemetrySchema, { io: 'input' }) as Json, 'service.telemetry'),
    ...leavesOf(toJSONSchema(excludeSchema, { io: 'input' }) as Json, 'service.exclude'),
    'service.extensions=',
  ].toSorted();

const takes = ({ flags }: Option): OptionWords['takes'] => {
  const argument = /[<[](.*)[>\]]/.exec(flags)?.[1];
  if (argument === undefined) return 'nothing';
  if (argument === 'key=value') return 'setting';
  if (argument === 'dir') return 'folder';
  return argument === 'file' || argument === 'source' || argument === 'files' ? 'file' : 'text';
};

/** The command line as data. */
export const wordsOf = (program: Command): readonly CommandWords[] => {
  const names = program.commands.map((command) => command.name());
  return program.commands
    .map((command): CommandWords => {
      const help: OptionWords = { flags: ['-h', '--help'], description: 'print this help', takes: 'nothing' };
      return {
        name: command.name(),
        description: command.description(),
        options: [
          ...command.options
            .filter(({ hidden }) => !hidden)
            .map((option) => ({
              flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null),
              description: option.description,
              takes: takes(option),
            })),
          help,
        ],
        arguments: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
      };
    })
    .concat({ name: 'help', description: 'print the help of a command', options: [], arguments: names });
};

/** `ringtail completion`: a script for a shell, made from the command line itself and the components that exist. */
export const completionCommand = async (shell: Shell, program: Command, context: CommandContext): Promise<ExitCode> => {
  const commands = wordsOf(program);
  const settings = settable(await context.registry());
  const script = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell];
  context.stdout.write(script(commands, settings));
  return exitCode.done;
};
