import { open } from 'node:fs/promises';
import { CAPTURE_MAGIC } from '../../kernel/capture/format.ts';
import { RuntimeError } from '../../core/errors.ts';
import { isLines, readMessages } from './messages.ts';

/** What a file is, by its first bytes. An empty one is OTLP without a message. Throws a RuntimeError when it cannot be read. */
export const detectFormat = async (path: string): Promise<'capture' | 'otlp_json' | 'otlp_proto'> => {
  const file = await open(path).catch((cause: unknown) => {
    throw new RuntimeError('what should be replayed cannot be read', { cause });
  });
  try {
    const start = Buffer.alloc(CAPTURE_MAGIC.length);
    const { bytesRead } = await file.read(start, 0, start.length, 0);
    // a read with a place of its own leaves that of the file alone
    if (start.equals(CAPTURE_MAGIC)) return 'capture';
    if (isLines(start.subarray(0, bytesRead))) return 'otlp_json';
    const first = await readMessages(file, path).next();
    return first.done !== true && isLines(first.value.bytes) ? 'otlp_json' : 'otlp_proto';
  } finally {
    await file.close();
  }
};
