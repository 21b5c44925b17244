import { effectiveConfig } from '../config/effective.ts';
import { requireConfig } from '../config/load.ts';
import { exitCode, type ExitCode } from '../core/errors.ts';
import type { CommandContext } from './context.ts';
import { loadFor } from './load.ts';
import type { ConfigOptions } from './options.ts';

/** `ringtail print-config`: the configuration in force, with every default and without secrets, as YAML that loads again. */
export const printConfigCommand = async (options: ConfigOptions, context: CommandContext): Promise<ExitCode> => {
  const { name, loaded } = await loadFor(options, context);
  const config = requireConfig(loaded, name, (line) => context.stderr.write(`${line}\n`));
  context.stdout.write(effectiveConfig(config));
  return exitCode.done;
};
