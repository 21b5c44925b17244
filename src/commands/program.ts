/** The command line: options, help and exit codes. Commands are loaded when they are called, so that help and version are quick. */
import { Argument, Command, CommanderError } from 'commander';
import { exitCode } from '../core/errors.ts';
import { version } from '../service/version.ts';
import type { CommandContext } from './context.ts';
import type { DoctorOptions } from './doctor.ts';
import type { EventsOptions } from './events/events.ts';
import { commandHelp, programHelp } from './help.ts';
import type { InitOptions } from './init/init.ts';
import { tellFailure } from './failure.ts';
import { collect, type ConfigOptions, type Shell, shells, withConfigOptions, withLiveOptions } from './options.ts';
import type { RecordOptions } from './record.ts';
import type { ReportOptions } from './report/report.ts';
import type { RunOptions } from './run.ts';
import type { TopOptions } from './top/options.ts';
import type { TraceOptions } from './trace/trace.ts';
import type { ValidateOptions } from './validate.ts';
import type { WhoOptions } from './who/who.ts';

/** The whole command line. `finish` gets the exit code of the command that ran. */
export const createProgram = (context: CommandContext, finish: (code: number) => void): Command => {
  const program = new Command('ringtail')
    .description('What the Linux kernel sees, as OpenTelemetry.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .enablePositionalOptions()
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', programHelp)
    .showHelpAfterError('Try "ringtail --help".')
    .configureOutput({ writeOut: (text) => void context.stdout.write(text), writeErr: (text) => void context.stderr.write(text) })
    .exitOverride();
  const command = (name: keyof typeof commandHelp, description: string): Command =>
    program
      .command(name)
      .description(description)
      .addHelpText('after', commandHelp[name])
      .showHelpAfterError(`Try "ringtail ${name} --help".`);

  withConfigOptions(command('run', 'run the pipelines of a configuration until SIGINT or SIGTERM; SIGHUP reloads it'))
    .option('--watch', 'reload the configuration when one of its files changes, or one that it refers to')
    .action(async (options: RunOptions) => finish(await (await import('./run.ts')).runCommand(options, context)));
  withConfigOptions(command('validate', 'check a configuration and start nothing'), { required: true })
    .option('--no-host', 'leave out what depends on this host: kernel, privileges, ports, files')
    .option('--deny-warnings', 'exit code 1 for warnings too')
    .option('--json', 'as JSON, problems included')
    .action(async (options: ValidateOptions) => finish(await (await import('./validate.ts')).validateCommand(options, context)));
  withConfigOptions(command('print-config', 'print a configuration with every default, as it will be in force')).action(
    async (options: ConfigOptions) => finish(await (await import('./print-config.ts')).printConfigCommand(options, context)),
  );
  command('schema', 'print a JSON Schema of configurations, for editors').action(async () =>
    finish(await (await import('./schema.ts')).schemaCommand(context)),
  );
  command('init', 'write a commented configuration for what is found on this host')
    .option('--output <file>', 'where to write it; - is the terminal', 'ringtail.yaml')
    .option('--force', 'overwrite a file that is there')
    .option('--endpoint <address>', 'where to send, instead of looking for a Collector on this host')
    .option('--root-path <dir>', "where the host's root is mounted")
    .action(async (options: InitOptions) => finish(await (await import('./init/init.ts')).initCommand(options, context)));
  withConfigOptions(command('record', 'write what comes out of the kernel to a file, for the replay receiver'))
    .requiredOption('-o, --output <file>', 'the capture; must not be there yet')
    .option('--duration <time>', 'how long, as in 30s; else until SIGINT or SIGTERM')
    .option('--max-size <size>', 'ends the recording when the file is as large as this', '1GiB')
    .action(async (options: RecordOptions) => finish(await (await import('./record.ts')).recordCommand(options, context)));
  command('trace', 'run a command as a trace: every process of it a span, every connection a child of its own')
    .argument('<command...>', 'what to run, with its arguments')
    .passThroughOptions()
    .option('--endpoint <url>', 'send the spans there by OTLP: a Collector or Jaeger, as in http://127.0.0.1:4318, or host:4317 for gRPC')
    .option('--output <file>', 'write them to this file, as OTLP in JSON')
    .option('--lines <number>', 'most spans in the tree at the end (default: 40)')
    .option('--no-tree', 'print nothing at the end')
    .option('--no-args', 'without the arguments of programs')
    .option('--root-path <dir>', "where the host's root is mounted")
    .option('--no-colour', 'without colours on a terminal too; so does NO_COLOR')
    .action(async (words: readonly string[], options: TraceOptions) =>
      finish(await (await import('./trace/trace.ts')).traceCommand(words, options, context)),
    );
  withLiveOptions(
    command('events', 'show what happens on this host, as it happens')
      .option('--event <name>', 'only these: process.exec, session, file.*; may be repeated, as all that follow', collect)
      .option('--container <name>', 'a name, the beginning of an id, any or host', collect)
      .option('--process <name>', 'name or path of the executable', collect)
      .option('--pid <number>', 'process', collect)
      .option('--user <name>', 'name or number of the user', collect)
      .option('--port <number>', 'port of either end', collect)
      .option('--path <path>', 'file, folder, executable or unix socket', collect)
      .option('--json', 'one JSON object a line')
      .option('--count <number>', 'end after so many events')
      .option('--duration <time>', 'end after this time, as in 30s'),
  ).action(async (options: EventsOptions) => finish(await (await import('./events/events.ts')).eventsCommand(options, context)));
  withLiveOptions(
    command('top', 'show the sessions that are open now, by session, process or container')
      .option('--interval <time>', 'how often it looks', '1s')
      .option('--view <name>', 'sessions, process or container', 'sessions')
      .option('--sort <column>', 'what stands first: rate, total, sent, received, age, process, …', 'rate')
      .option('--reverse', 'the other way round')
      .option('--search <text>', 'what a row must have somewhere')
      .option('--container <name>', 'name or id; host: none, any: each; may be repeated, as all that follow', collect)
      .option('--process <name>', 'name or path of the executable', collect)
      .option('--pid <number>', 'of the process', collect)
      .option('--user <name>', 'name or number', collect)
      .option('--port <number>', 'at either end', collect)
      .option('--state <name>', 'as established, close_wait; open for what has no states', collect)
      .option('--transport <name>', 'tcp, udp, icmp, raw or unix', collect)
      .option('--listening', 'sockets that listen too')
      .option('--limit <number>', 'rows at most (default: as many as fit; 50 where there is no screen)')
      .option('--once', 'print one table instead of a screen')
      .option('--count <number>', 'print so many tables instead of a screen')
      .option('--json', 'as JSON, an object a line'),
  ).action(async (options: TopOptions) => {
    const [{ topCommand }, { openSessionsFeed }] = await Promise.all([import('./top/top.ts'), import('./live/sessions-feed.ts')]);
    finish(await topCommand(options, context, openSessionsFeed));
  });
  withLiveOptions(
    command('report', 'tell at each interval what sessions there were, of host and containers')
      .option('--interval <time>', 'how often, as in 1s or 5m', '5s')
      .option('--count <number>', 'ends after so many reports; else with SIGINT or SIGTERM')
      .option('--show-containers', 'containers one by one')
      .option('--show-events [number]', 'the most recent sessions too, 10 unless it is said how many')
      .option('--cgroup <path>', 'only this cgroup and all below it, as in /system.slice/docker.service')
      .option('--json', 'a report a line, as JSON'),
  ).action(async (options: ReportOptions) => finish(await (await import('./report/report.ts')).reportCommand(options, context)));
  command('components', 'list what a configuration may name')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) => finish(await (await import('./components.ts')).componentsCommand(options, context)));
  command('doctor', 'tell what works on this kernel, what does not, and what to do')
    .option('--json', 'as JSON')
    .option('--root-path <dir>', "where the host's root is mounted")
    .action(async (options: DoctorOptions) => finish(await (await import('./doctor.ts')).doctorCommand(options, context)));
  command('ledger', 'print the books of a running instance and whether they balance')
    .option('--address <host:port>', 'where its metrics are served (default: 127.0.0.1:18888)')
    .option('--json', 'as JSON')
    .action(async (options: { address?: string; json?: boolean }) =>
      finish(await (await import('./ledger.ts')).ledgerCommand(options, context)),
    );
  command('who', 'tell which process is behind an address, a port or a connection of this host')
    .addArgument(
      new Argument(
        '[question...]',
        'an address, a port (:8080, 443/tcp), both (10.0.0.5:443), the two ends of a connection, or the name of a program',
      ),
    )
    .option('--pid <number>', 'what this process has open')
    .option('--json', 'as JSON')
    .option('--root-path <dir>', "where the host's root is mounted")
    .action(async (words: readonly string[], options: WhoOptions) =>
      finish(await (await import('./who/who.ts')).whoCommand(words, options, context)),
    );
  command('stats', 'print what a running instance knows of itself: hooks, sessions, maps, caches, look-ups')
    .option('--address <host:port>', 'where its metrics are served (default: 127.0.0.1:18888)')
    .option('--json', 'as JSON')
    .action(async (options: { address?: string; json?: boolean }) =>
      finish(await (await import('./stats.ts')).statsCommand(options, context)),
    );
  command('completion', 'print a script that completes this command line in a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(shells))
    .action(async (shell: Shell) => finish(await (await import('./completion/completion.ts')).completionCommand(shell, program, context)));
  return program;
};

/** Runs one command line, without the name of the program; gives its exit code and never throws. */
export const runCli = async (argv: readonly string[], context: CommandContext): Promise<number> => {
  let code: number = exitCode.done;
  try {
    await createProgram(context, (result) => (code = result)).parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage;
    return tellFailure(error, context);
  }
};
