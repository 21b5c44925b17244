/** Options that several commands share. */
import path from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';

/** Where the configuration comes from, in the order in which it is merged: sources, then single values. */
export type ConfigOptions = {
  readonly config?: readonly string[];
  readonly set?: readonly string[];
  readonly rootPath?: string;
};

/** For options that may be given several times. */
export const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];

const oncePlease = 'file, env:NAME or yaml:TEXT; may be repeated, later ones override earlier ones';

/** Adds `--config`, `--set` and `--root-path`. */
export const withConfigOptions = (command: Command, { required = false } = {}): Command => {
  const flags = '-c, --config <source>';
  if (required) command.requiredOption(flags, oncePlease, collect);
  else command.option(flags, `${oncePlease}; without it the built-in configuration`, collect);
  return command
    .option('--set <key=value>', 'override one value, as in exporters.otlp_http.timeout=10s; may be repeated', collect)
    .option('--root-path <dir>', "where the host's root is mounted: short for --set kernel.root_path=<dir>");
};

/** The host's root of commands that read no configuration. */
export const rootPathOf = ({ rootPath = '/' }: { readonly rootPath?: string }): string => {
  if (path.isAbsolute(rootPath)) return rootPath;
  throw new UsageError(`--root-path ${JSON.stringify(rootPath)} is not an absolute path`);
};

/** Who is asked what happens now. */
export type LiveOptions = { readonly socket?: string; readonly alone?: boolean; readonly rootPath?: string };

/** Adds what commands share that ask a running Ringtail, else the kernel: `--socket`, `--alone`, `--root-path`, `--no-colour`. */
export const withLiveOptions = (command: Command): Command =>
  command
    .option('--socket <path>', 'control socket of a running Ringtail (default: /run/ringtail/control.sock)')
    .option('--alone', 'look at the kernel itself, although a Ringtail runs')
    .option('--root-path <dir>', "where the host's root is mounted")
    .option('--no-colour', 'without colours on a terminal too; so does NO_COLOR');

/** Throws a UsageError for options that exclude each other. */
export const liveSourceOf = ({ socket, alone, rootPath }: LiveOptions): LiveOptions => {
  if (socket !== undefined && alone === true)
    throw new UsageError('--socket and --alone exclude each other', { advice: 'leave one of them out' });
  return {
    ...(socket === undefined ? {} : { socket }),
    ...(alone === true ? { alone } : {}),
    ...(rootPath === undefined ? {} : { rootPath: rootPathOf({ rootPath }) }),
  };
};

/** Shells that can complete this command line. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];
