import { open } from 'node:fs/promises';
import { ConfigError } from '../core/errors.ts';
import type { ConfigSource } from './load.ts';

/** No configuration is nearly as large; a wrong path (a log, a device) is not read into memory. */
const MAX_CONFIG_BYTES = 2 ** 20;

/** Reads a configuration file; a ConfigError tells why it cannot be read. */
export const readConfigSource = async (file: string): Promise<ConfigSource> => {
  try {
    await using handle = await open(file, 'r');
    const buffer = Buffer.alloc(MAX_CONFIG_BYTES + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
      length += bytesRead;
      if (bytesRead === 0) break;
      if (length > MAX_CONFIG_BYTES) throw new Error(`it is larger than ${MAX_CONFIG_BYTES} bytes`);
    }
    const text = new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length));
    return { file, text };
  } catch (error) {
    const cause =
      error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
        ? new Error('it is not UTF-8 text')
        : error;
    throw new ConfigError(`cannot read the configuration ${file}`, { cause, advice: 'give the path of a YAML file with --config' });
  }
};
