/** Small files that a configuration refers to. Read synchronously: they are few and bounded, and only regular files are opened. */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';

/** A token, a certificate, a list of headers: nothing that one value holds is as large. */
export const MAX_REFERENCED_BYTES = 65_536;

export type ReadText = { readonly text: string } | { readonly message: string };

const readWhole = (descriptor: number): ReadText => {
  const buffer = Buffer.alloc(MAX_REFERENCED_BYTES + 1);
  let length = 0;
  for (;;) {
    const read = readSync(descriptor, buffer, length, buffer.length - length, null);
    length += read;
    if (length > MAX_REFERENCED_BYTES) return { message: `it is larger than ${MAX_REFERENCED_BYTES / 1024} KiB` };
    if (read === 0) break;
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(buffer.subarray(0, length)) };
  } catch {
    return { message: 'it is not UTF-8 text' };
  }
};

/**
 * The text of a regular file of at most 64 KiB, or why it cannot be had. Looked at before it is opened: to open a device can do
 * something, and to open a FIFO waits.
 */
export const readReferencedFile = (path: string): ReadText => {
  const notRegular = { message: 'it is not a regular file' };
  let descriptor: number | undefined;
  try {
    if (!statSync(path).isFile()) return notRegular;
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return fstatSync(descriptor).isFile() ? readWhole(descriptor) : notRegular;
  } catch (error) {
    return { message: String((error as NodeJS.ErrnoException).code ?? error) };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
};
