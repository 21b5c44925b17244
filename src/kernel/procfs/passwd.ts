/** Users of a root file system by its own /etc/passwd. */
import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { readFailure, type ReadResult } from './read.ts';

/** Ten thousand users. */
const MAX_PASSWD_BYTES = 1 << 20;

/** Names by number; the first line of a number counts, as in libc. */
export const parsePasswd = (text: string): ReadonlyMap<number, string> => {
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name, , uid] = line.split(':');
    if (name === undefined || name === '' || name.startsWith('#') || uid === undefined || !/^\d{1,10}$/.test(uid)) continue;
    if (!names.has(Number(uid))) names.set(Number(uid), name);
  }
  return names;
};

/**
 * The file belongs to whom we watch: a link in it would lead into our own root, and opening a pipe would wait for ever. Both are
 * treated as no file.
 */
export const readPasswd = async (root: string): Promise<ReadResult<ReadonlyMap<number, string>>> => {
  try {
    if (!(await lstat(`${root}/etc`)).isDirectory()) return { ok: false, reason: 'failed' };
    const file = await open(`${root}/etc/passwd`, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      if (!(await file.stat()).isFile()) return { ok: false, reason: 'failed' };
      const buffer = Buffer.alloc(MAX_PASSWD_BYTES);
      let length = 0;
      for (;;) {
        const { bytesRead } = await file.read(buffer, length, MAX_PASSWD_BYTES - length, length);
        length += bytesRead;
        if (bytesRead === 0 || length === MAX_PASSWD_BYTES) break;
      }
      const text = buffer.toString('utf8', 0, length);
      return { ok: true, value: parsePasswd(length < MAX_PASSWD_BYTES ? text : text.slice(0, text.lastIndexOf('\n') + 1)) };
    } finally {
      await file.close();
    }
  } catch (error) {
    return readFailure(error);
  }
};
