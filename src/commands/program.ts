/** The command line: options, help and exit codes. Commands are loaded when they are called, so that help and version are quick. */
import { Command, CommanderError } from 'commander';
import { exitCode, type ExitCode, messageOf, ConfigError, RingtailError, UsageError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { version } from '../service/version.ts';
import type { CommandContext } from './context.ts';

const examples = `
Examples:
  $ ringtail run                                 every process on this host, on the terminal
  $ ringtail run --config config/collector.yaml  the same to an OpenTelemetry Collector
  $ ringtail validate --config my.yaml           all mistakes of a file, with line and column
  $ ringtail doctor                              what works on this kernel
  $ ringtail ledger                              the books of the instance that runs

Exit codes: 0 done, 1 configuration, 2 usage, 3 the kernel or a privilege is missing, 4 run-time failure`;

const once = (file: string, earlier: string | undefined): string => {
  if (earlier !== undefined) throw new UsageError('--config is given twice', { advice: 'give one file' });
  return file;
};

const createProgram = (context: CommandContext, finish: (code: ExitCode) => void): Command => {
  const program = new Command('ringtail')
    .description('What the Linux kernel sees, as OpenTelemetry.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', examples)
    .showHelpAfterError('Try "ringtail --help".')
    .configureOutput({ writeOut: (text) => void context.stdout.write(text), writeErr: (text) => void context.stderr.write(text) })
    .exitOverride();
  program
    .command('run')
    .description('run the pipelines of a configuration until SIGINT or SIGTERM')
    .option<string | undefined>('-c, --config <file>', 'YAML file; without it every process is shown on the terminal', once, undefined)
    .action(async (options: { config?: string }) => finish(await (await import('./run.ts')).runCommand(options, context)));
  program
    .command('validate')
    .description('check a configuration and start nothing')
    .requiredOption('-c, --config <file>', 'YAML file', once)
    .action(async (options: { config: string }) => finish(await (await import('./validate.ts')).validateCommand(options, context)));
  program
    .command('components')
    .description('list what a configuration may name')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) => finish(await (await import('./components.ts')).componentsCommand(options, context)));
  program
    .command('doctor')
    .description('tell what works on this kernel, what does not, and what to do')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) => finish(await (await import('./doctor.ts')).doctorCommand(options, context)));
  program
    .command('ledger')
    .description('print the books of a running instance and whether they balance')
    .option('--address <host:port>', 'where its metrics are served (default: 127.0.0.1:18888)')
    .option('--json', 'as JSON')
    .action(async (options: { address?: string; json?: boolean }) =>
      finish(await (await import('./ledger.ts')).ledgerCommand(options, context)),
    );
  return program;
};

const tell = (error: RingtailError, context: CommandContext): void => {
  if (error instanceof ConfigError) for (const problem of error.problems) context.stderr.write(`${problem}\n`);
  context.stderr.write(`ringtail: ${printable(messageOf(error))}${error.advice === '' ? '' : `; ${printable(error.advice)}`}\n`);
};

/** Runs one command line, without the name of the program; gives its exit code and never throws. */
export const runCli = async (argv: readonly string[], context: CommandContext): Promise<ExitCode> => {
  let code: ExitCode = exitCode.done;
  try {
    await createProgram(context, (result) => (code = result)).parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage;
    if (error instanceof RingtailError) {
      tell(error, context);
      return error.exitCode;
    }
    context.stderr.write(
      `ringtail: internal error: ${printable(messageOf(error))}\n${error instanceof Error ? `${error.stack ?? ''}\n` : ''}`,
    );
    return exitCode.runtime;
  }
};
