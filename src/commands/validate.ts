import { requireConfig } from '../config/load.ts';
import { exitCode, type ExitCode } from '../core/errors.ts';
import type { CommandContext } from './context.ts';
import { loadFor } from './load.ts';
import type { ConfigOptions } from './options.ts';

const count = (many: number, noun: string): string => `${many} ${noun}${many === 1 ? '' : 's'}`;

/** `ringtail validate`: nothing is started; every problem goes to stderr. */
export const validateCommand = async (options: ConfigOptions, context: CommandContext): Promise<ExitCode> => {
  const { name, loaded } = await loadFor(options, context);
  const config = requireConfig(loaded, name, (line) => context.stderr.write(`${line}\n`));
  const parts = [
    count(config.pipelines.length, 'pipeline'),
    count(config.receivers.size, 'receiver'),
    count(config.processors.size, 'processor'),
    count(config.exporters.size, 'exporter'),
  ];
  context.stdout.write(`${name} is valid: ${parts.join(', ')}\n`);
  return exitCode.done;
};
