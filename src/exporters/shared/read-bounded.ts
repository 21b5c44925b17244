import { open } from 'node:fs/promises';

/** The text of a small file, read no further than `maxBytes`; throws when there is more, or what the system says. */
export const readBounded = async (path: string, maxBytes: number): Promise<string> => {
  const file = await open(path);
  try {
    const buffer = Buffer.allocUnsafe(maxBytes + 1);
    let length = 0;
    while (length <= maxBytes) {
      const { bytesRead } = await file.read(buffer, length, maxBytes + 1 - length);
      if (bytesRead === 0) return buffer.toString('utf8', 0, length);
      length += bytesRead;
    }
    throw new Error(`larger than ${maxBytes} bytes`);
  } finally {
    await file.close();
  }
};
