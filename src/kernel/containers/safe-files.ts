/**
 * Files that others write, opened without being led anywhere: every component below the folder of a runtime is opened on its own and no link is
 * followed. In the path of that folder a link counts when root, or who runs Ringtail, owns it (/var/run is one). What is not a regular file is not
 * opened at all: opening a pipe would wait, and opening a device may do something.
 */
import { closeSync, constants, fstatSync, openSync, opendirSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { open as openAside, opendir as opendirAside, readlink as readlinkAside } from 'node:fs/promises';

/** `missing` is no error: it may come. */
export type FileFailure = { readonly ok: false; readonly reason: 'missing' | 'denied' | 'link' | 'not_a_file' | 'too_large' | 'failed' };
export type FileResult<T> = { readonly ok: true; readonly value: T } | FileFailure;

/** What is needed of an open file. */
type Handle = {
  readonly fd: number;
  stat(): Promise<Stats>;
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
};

/** How files are reached: `aside` by other threads, `atOnce` by this one, for what is in memory and gone in some milliseconds. */
export type FileAccess = {
  open(path: string, flags: number): Promise<Handle>;
  readlink(path: string): Promise<string>;
  names(path: string, max: number): Promise<string[]>;
};

const firstOf = async (folder: AsyncIterable<{ readonly name: string }>, max: number): Promise<string[]> => {
  const names: string[] = [];
  for await (const { name } of folder) {
    if (names.length >= max) break;
    names.push(name);
  }
  return names;
};

export const aside: FileAccess = {
  open: openAside,
  readlink: readlinkAside,
  names: async (path, max) => firstOf(await opendirAside(path), max),
};

export const atOnce: FileAccess = {
  async open(path, flags) {
    const fd = openSync(path, flags);
    let isOpen = true;
    return {
      fd,
      stat: async () => fstatSync(fd),
      read: async (buffer, offset, length, position) => ({ bytesRead: readSync(fd, buffer, offset, length, position) }),
      async close() {
        // once: the number may be another's by now
        if (isOpen) closeSync(fd);
        isOpen = false;
      },
    };
  },
  readlink: async (path) => readlinkSync(path),
  async names(path, max) {
    const folder = opendirSync(path);
    try {
      const names: string[] = [];
      for (let entry = folder.readSync(); entry !== null && names.length < max; entry = folder.readSync()) names.push(entry.name);
      return names;
    } finally {
      folder.closeSync();
    }
  },
};

/** Linux: the name is looked up and nothing is opened. The same number on all architectures that Node has. */
const O_PATH = 0o10000000;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
/** As the kernel has it: MAXSYMLINKS. */
const MAX_LINKS = 40;
const MAX_NAME_BYTES = 255;

const reasons: Readonly<Record<string, FileFailure['reason']>> = {
  ENOENT: 'missing',
  ENOTDIR: 'missing',
  ESTALE: 'missing',
  EACCES: 'denied',
  EPERM: 'denied',
  ELOOP: 'link',
};

class Refused extends Error {
  readonly reason: FileFailure['reason'];
  constructor(reason: FileFailure['reason']) {
    super(reason);
    this.reason = reason;
  }
}

const failureOf = (error: unknown): FileFailure => {
  if (error instanceof Refused) return { ok: false, reason: error.reason };
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return { ok: false, reason: reasons[code] ?? 'failed' };
};

/** What can be one component of a path. */
export const isFileName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name) && Buffer.byteLength(name) <= MAX_NAME_BYTES;

const at = (folder: Handle, name = ''): string => `/proc/self/fd/${folder.fd}${name === '' ? '' : `/${name}`}`;
const partsOf = (path: string): readonly string[] => path.split('/').filter((part) => part !== '' && part !== '.');

/** A folder below the one that is held, by its name; closes that one. */
const enter = async ({ open }: FileAccess, folder: Handle, name: string): Promise<Handle> => {
  try {
    const next = await open(at(folder, name), O_PATH | O_NOFOLLOW);
    const stat = await next.stat();
    if (stat.isDirectory()) return next;
    await next.close();
    throw new Refused(stat.isSymbolicLink() ? 'link' : 'missing');
  } finally {
    await folder.close();
  }
};

/** The folder of a runtime, `path` as it is named below `root`; a link in it leads nowhere outside `root`. */
const openFolder = async ({ open, readlink }: FileAccess, root: string, path: string): Promise<Handle> => {
  const way: string[] = [];
  const ahead = [...partsOf(path)];
  let links = 0;
  let folder = await open(root === '' ? '/' : root, O_PATH);
  // what was gone through is gone through again: a link or `..` may lead above it
  const restart = async (): Promise<void> => {
    await folder.close();
    folder = await open(root === '' ? '/' : root, O_PATH);
    ahead.unshift(...way.splice(0));
  };
  try {
    for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
      if (name === '..') {
        way.pop();
        await restart();
        continue;
      }
      const next = await open(at(folder, name), O_PATH | O_NOFOLLOW);
      const stat = await next.stat();
      if (stat.isDirectory()) {
        await folder.close();
        folder = next;
        way.push(name);
        continue;
      }
      await next.close();
      if (!stat.isSymbolicLink()) throw new Refused('missing');
      if ((stat.uid !== 0 && stat.uid !== process.geteuid?.()) || ++links > MAX_LINKS) throw new Refused('link');
      const target = await readlink(at(folder, name));
      if (target.startsWith('/')) way.length = 0;
      ahead.unshift(...partsOf(target));
      await restart();
    }
    return folder;
  } catch (error) {
    await folder.close().catch(() => {});
    throw error;
  }
};

/** Whether the folder of a runtime is there and may be looked into. */
export const hasFolder = async (root: string, folder: string, access: FileAccess = aside): Promise<boolean> =>
  (await withFolder(access, root, folder, [], async () => true)).ok;

const withFolder = async <T>(
  access: FileAccess,
  root: string,
  folder: string,
  parts: readonly string[],
  use: (folder: Handle) => Promise<T>,
): Promise<FileResult<T>> => {
  if (!parts.every(isFileName)) return { ok: false, reason: 'missing' };
  try {
    let held = await openFolder(access, root, folder);
    for (const part of parts) held = await enter(access, held, part);
    try {
      return { ok: true, value: await use(held) };
    } finally {
      await held.close();
    }
  } catch (error) {
    return failureOf(error);
  }
};

const readAll = async (file: Handle, maxBytes: number): Promise<Uint8Array> => {
  const { size } = await file.stat();
  // One byte more than it has tells whether it grew.
  let buffer = new Uint8Array(Math.min(Math.max(size, 4095), maxBytes) + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
    length += bytesRead;
    if (length > maxBytes) throw new Refused('too_large');
    if (bytesRead === 0) return buffer.subarray(0, length);
    if (length < buffer.length) continue;
    const larger = new Uint8Array(Math.min(buffer.length * 4, maxBytes + 1));
    larger.set(buffer);
    buffer = larger;
  }
};

/** The file `parts` below `folder`, a path below `root`. Nothing of a larger one is read. */
export const readBelow = (
  root: string,
  folder: string,
  parts: readonly string[],
  maxBytes: number,
  access: FileAccess = aside,
): Promise<FileResult<Uint8Array>> =>
  withFolder(access, root, folder, parts.slice(0, -1), async (held) => {
    const { open } = access;
    const name = parts.at(-1)!;
    if (!isFileName(name)) throw new Refused('missing');
    const place = await open(at(held, name), O_PATH | O_NOFOLLOW);
    try {
      const stat = await place.stat();
      if (stat.isSymbolicLink()) throw new Refused('link');
      if (!stat.isFile()) throw new Refused('not_a_file');
      if (stat.size > maxBytes) throw new Refused('too_large');
      const file = await open(at(place), O_RDONLY | O_NONBLOCK | O_NOCTTY);
      try {
        return await readAll(file, maxBytes);
      } finally {
        await file.close();
      }
    } finally {
      await place.close();
    }
  });

/** The folder itself, to be watched; who takes it closes it. `path` names it as long as it is held. */
export const holdFolder = async (
  root: string,
  folder: string,
  access: FileAccess = aside,
): Promise<FileResult<{ readonly path: string; readonly inode: number; close(): Promise<void> }>> => {
  try {
    const held = await openFolder(access, root, folder);
    const { ino } = await held.stat();
    return { ok: true, value: { path: at(held), inode: ino, close: () => held.close() } };
  } catch (error) {
    return failureOf(error);
  }
};

/** Names in the folder `parts` below `folder`, at most `max` of them, in no order. */
export const listBelow = (
  root: string,
  folder: string,
  parts: readonly string[],
  max: number,
  access: FileAccess = aside,
): Promise<FileResult<readonly string[]>> => withFolder(access, root, folder, parts, (held) => access.names(at(held), max));
