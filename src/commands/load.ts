import { loadConfig, type LoadedConfig, type ConfigSource } from '../config/load.ts';
import { defaultConfig } from '../config/default-config.ts';
import { readConfigSource } from '../config/read-source.ts';
import { UsageError } from '../core/errors.ts';
import type { CommandContext } from './context.ts';
import type { ConfigOptions } from './options.ts';

export type Loaded = { readonly name: string; readonly loaded: LoadedConfig };

/** Reads, merges and checks the sources of a command line, or the built-in configuration when it names none. `name` is for messages. */
export const loadFor = async ({ config = [], set = [], rootPath }: ConfigOptions, context: CommandContext): Promise<Loaded> => {
  const overrides = [...set, ...(rootPath === undefined ? [] : [`kernel.root_path=${rootPath}`])];
  if (config.length + overrides.length > 1 || overrides.length > 0) throw new UsageError('one --config and no --set can be given so far');
  const [file] = config;
  const source: ConfigSource = file === undefined ? defaultConfig : await readConfigSource(file);
  return { name: source.file, loaded: loadConfig(source, await context.registry(), context.environment) };
};
