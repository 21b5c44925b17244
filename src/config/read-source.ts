import { open } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError, UsageError } from '../core/errors.ts';
import type { Environment } from './expand.ts';
import { type ConfigSource, MAX_KEY_PARTS } from './sources.ts';

/** No configuration is nearly as large; a wrong path (a log, a device) is not read into memory. */
const MAX_CONFIG_BYTES = 2 ** 20;

const advice = 'give the path of a YAML file with --config';

const causeOf = (error: unknown): unknown =>
  error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
    ? new Error('it is not UTF-8 text')
    : error;

/** A file may be a pipe: `--config <(generate)` is one. */
const readText = async (file: string): Promise<string> => {
  await using handle = await open(file, 'r');
  const buffer = Buffer.alloc(MAX_CONFIG_BYTES + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
    length += bytesRead;
    if (bytesRead === 0) break;
    if (length > MAX_CONFIG_BYTES) throw new Error(`it is larger than ${MAX_CONFIG_BYTES} bytes`);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length));
};

const fileSource = async (file: string): Promise<ConfigSource> => {
  try {
    return { file, path: file, text: await readText(file), folder: path.dirname(file) };
  } catch (error) {
    const isFolder = (error as NodeJS.ErrnoException).code === 'EISDIR';
    throw new ConfigError(`cannot read the configuration ${file}`, {
      cause: isFolder ? new Error('it is a directory') : causeOf(error),
      advice: isFolder ? 'give its files one by one, each with --config, in the order in which they are merged' : advice,
    });
  }
};

const environmentSource = (name: string, environment: Environment): ConfigSource => {
  const text = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (text === undefined)
    throw new ConfigError(`cannot read the configuration env:${name}`, {
      cause: new Error('this variable is not set'),
      advice: 'set it to YAML text',
    });
  return { file: `env:${name}`, text, folder: '.' };
};

/** Of `a::b: value`, as the Collector takes it, the path and where its parts and the value begin; undefined for other YAML. */
const shortKey = (text: string): ConfigSource['under'] => {
  const match = /^((?:[^\s:'"[\]{}]+::)+[^\s:'"[\]{}]+):(?=\s)/.exec(text);
  if (match === null) return undefined;
  const parts = match[1]!.split('::');
  if (parts.length > MAX_KEY_PARTS) return undefined;
  const offsets = parts.map((_, index) => parts.slice(0, index).reduce((sum, part) => sum + part.length + 2, 0));
  return { path: parts, offsets, valueOffset: match[0].length };
};

const yamlSource = (text: string): ConfigSource => {
  const under = shortKey(text);
  return { file: 'yaml', text, folder: '.', ...(under === undefined ? {} : { under }) };
};

/**
 * What one `--config` names: a file (`PATH` or `file:PATH`), a variable that holds YAML (`env:NAME`), or YAML itself (`yaml:TEXT`, also
 * short, as in `yaml:exporters::debug::verbosity: basic`). A ConfigError tells why it cannot be read.
 */
export const readConfigSource = async (source: string, environment: Environment = {}): Promise<ConfigSource> => {
  const scheme = /^(?:(file|env|yaml):|([a-z][a-z0-9+.-]*):\/\/)/.exec(source);
  if (scheme?.[2] !== undefined)
    throw new UsageError(`--config ${scheme[2]}: is not known`, { advice: 'allowed are a path, file:PATH, env:NAME and yaml:TEXT' });
  const rest = scheme === null ? source : source.slice(scheme[0].length);
  if (scheme?.[1] === 'env') return environmentSource(rest, environment);
  if (scheme?.[1] === 'yaml') {
    if (rest.length > MAX_CONFIG_BYTES)
      throw new ConfigError('cannot read the configuration yaml:', { cause: new Error('it is too long'), advice });
    return yamlSource(rest);
  }
  return fileSource(rest);
};
