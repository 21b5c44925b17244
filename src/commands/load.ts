import { loadConfig, type LoadedConfig, type ConfigSource } from '../config/load.ts';
import { defaultConfig } from '../config/default-config.ts';
import { readConfigSource } from '../config/read-source.ts';
import { overrideSource } from '../config/sources.ts';
import type { CommandContext } from './context.ts';
import type { ConfigOptions } from './options.ts';

export type Loaded = { readonly name: string; readonly loaded: LoadedConfig };

/** As YAML text that stands for this text and nothing else. */
const quoted = (text: string): string => JSON.stringify(text.replaceAll('$', '$$$$'));

/** Reads, merges and checks the sources of a command line, or the built-in configuration when it names none. `name` is for messages. */
export const loadFor = async ({ config = [], set = [], rootPath }: ConfigOptions, context: CommandContext): Promise<Loaded> => {
  const overrides = [...set, ...(rootPath === undefined ? [] : [`kernel.root_path=${quoted(rootPath)}`])].map(overrideSource);
  const files: ConfigSource[] = [];
  for (const source of config) files.push(await readConfigSource(source, context.environment));
  if (files.length === 0) files.push(defaultConfig);
  const sources = [...files, ...overrides];
  const loaded = loadConfig(sources, await context.registry(), context.environment);
  return { name: sources.map(({ file }) => file).join(', '), loaded };
};
