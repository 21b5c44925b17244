import { loadConfig, type LoadedConfig, type ConfigSource } from '../config/load.ts';
import { defaultConfig } from '../config/default-config.ts';
import { readConfigSource } from '../config/read-source.ts';
import type { CommandContext } from './context.ts';

/** Reads and checks a file, or the built-in configuration when none is given. */
export const loadFor = async (
  file: string | undefined,
  context: CommandContext,
): Promise<{ readonly source: ConfigSource; readonly loaded: LoadedConfig }> => {
  const source = file === undefined ? defaultConfig : await readConfigSource(file);
  return { source, loaded: loadConfig(source, await context.registry(), context.environment) };
};
