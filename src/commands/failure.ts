import { ConfigError, exitCode, type ExitCode, messageOf, RingtailError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import type { CommandContext } from './context.ts';

/** Says what went wrong, and what to do; gives the exit code. */
export const tellFailure = (error: unknown, { stderr }: Pick<CommandContext, 'stderr'>): ExitCode => {
  if (!(error instanceof RingtailError)) {
    stderr.write(`ringtail: internal error: ${printable(messageOf(error))}\n${error instanceof Error ? `${error.stack ?? ''}\n` : ''}`);
    return exitCode.runtime;
  }
  if (error instanceof ConfigError) for (const problem of error.problems) stderr.write(`${problem}\n`);
  stderr.write(`ringtail: ${printable(messageOf(error))}${error.advice === '' ? '' : `; ${printable(error.advice)}`}\n`);
  return error.exitCode;
};
