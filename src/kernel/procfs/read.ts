/** Bounded reads of procfs. Processes come and go: every failure that this brings is a value. */
import { open, readlink } from 'node:fs/promises';

/** `gone`: the process or the file is not there (any more). `denied`: not for us. `failed`: anything else. */
export type ReadFailure = { readonly ok: false; readonly reason: 'gone' | 'denied' | 'failed' };
export type ReadResult<T> = { readonly ok: true; readonly value: T } | ReadFailure;
export type BoundedBytes = { readonly bytes: Uint8Array; readonly truncated: boolean };

const reasons: Readonly<Record<string, ReadFailure['reason']>> = {
  ENOENT: 'gone',
  ESRCH: 'gone',
  ENOTDIR: 'gone',
  EACCES: 'denied',
  EPERM: 'denied',
};

export const readFailure = (error: unknown): ReadFailure => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return { ok: false, reason: reasons[code] ?? 'failed' };
};

/** At most `maxBytes` of a file whose size is not known beforehand. */
export const readBounded = async (path: string, maxBytes: number): Promise<ReadResult<BoundedBytes>> => {
  try {
    const file = await open(path, 'r');
    try {
      // One more byte than wanted tells whether something was cut.
      let buffer = new Uint8Array(Math.min(maxBytes + 1, 4096));
      let length = 0;
      for (;;) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
        length += bytesRead;
        if (bytesRead === 0 || length > maxBytes) break;
        if (length === buffer.length) {
          const larger = new Uint8Array(Math.min(maxBytes + 1, buffer.length * 4));
          larger.set(buffer);
          buffer = larger;
        }
      }
      return { ok: true, value: { bytes: buffer.subarray(0, Math.min(length, maxBytes)), truncated: length > maxBytes } };
    } finally {
      await file.close();
    }
  } catch (error) {
    return readFailure(error);
  }
};

/** The same as text, bytes as Latin-1 characters: nothing is lost, and what is parsed is ASCII. */
export const readLatin1 = async (path: string, maxBytes: number): Promise<ReadResult<string>> => {
  const result = await readBounded(path, maxBytes);
  return result.ok ? { ok: true, value: Buffer.from(result.value.bytes).toString('latin1') } : result;
};

/** Raw bytes of what a link points to; the kernel gives at most a page. */
export const readLink = async (path: string): Promise<ReadResult<Uint8Array>> => {
  try {
    return { ok: true, value: await readlink(path, { encoding: 'buffer' }) };
  } catch (error) {
    return readFailure(error);
  }
};
