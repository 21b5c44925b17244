import { loadConfig, type LoadedConfig, type ConfigSource } from '../config/load.ts';
import { defaultConfig } from '../config/default-config.ts';
import { literalText } from '../config/generated.ts';
import { readConfigSource } from '../config/read-source.ts';
import { overrideSource } from '../config/sources.ts';
import type { CommandContext } from './context.ts';
import type { ConfigOptions } from './options.ts';

export type Loaded = { readonly name: string; readonly loaded: LoadedConfig };

/** A value of the command line with a name of its own: problems show `--root-path`, and the value is text whatever is in it. */
const rootPathSource = (rootPath: string): ConfigSource => ({
  file: '--root-path',
  text: JSON.stringify(literalText(rootPath)),
  folder: '.',
  under: { path: ['kernel', 'root_path'], offsets: [0, 0], valueOffset: 0 },
});

/** Reads, merges and checks the sources of a command line, or the built-in configuration when it names none. `name` is for messages. */
export const loadFor = async ({ config = [], set = [], rootPath }: ConfigOptions, context: CommandContext): Promise<Loaded> => {
  const overrides = [...set.map(overrideSource), ...(rootPath === undefined ? [] : [rootPathSource(rootPath)])];
  const files: ConfigSource[] = [];
  for (const source of config) files.push(await readConfigSource(source, context.environment));
  if (files.length === 0) files.push(defaultConfig);
  const sources = [...files, ...overrides];
  const loaded = loadConfig(sources, await context.registry(), context.environment);
  return { name: sources.map(({ file }) => file).join(', '), loaded };
};
