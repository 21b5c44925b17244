/** `/proc/<pid>/exe`: the path and whether it still is what runs there. */
import { lstat, stat } from 'node:fs/promises';
import { pathFlag } from '../layouts.gen.ts';
import { readLink, type ReadResult } from './read.ts';

/** Raw path and `path_flags`; an empty path for what has no executable (kernel threads, the dying). */
export type ExecutableLink = { readonly path: Uint8Array; readonly pathFlags: number };

const DELETED = Buffer.from(' (deleted)');
const MEMFD = Buffer.from('/memfd:');

const startsWith = (bytes: Buffer, prefix: Buffer): boolean => bytes.subarray(0, prefix.length).equals(prefix);

/** A name may end in " (deleted)" by itself; then a file of that name is the one that runs. */
const isNamedSo = async (root: string, pid: number, link: Buffer): Promise<boolean> => {
  try {
    const running = await stat(`${root}/proc/${pid}/exe`);
    if (running.nlink === 0) return false;
    const named = await lstat(Buffer.concat([Buffer.from(`${root}/proc/${pid}/root`), link]));
    return named.ino === running.ino && named.dev === running.dev;
  } catch {
    return false;
  }
};

export const readExecutable = async (root: string, pid: number): Promise<ReadResult<ExecutableLink>> => {
  const result = await readLink(`${root}/proc/${pid}/exe`);
  if (!result.ok) return result;
  const link = Buffer.from(result.value);
  const cut = link.length - DELETED.length;
  if (cut <= 0 || !link.subarray(cut).equals(DELETED) || (await isNamedSo(root, pid, link))) {
    return { ok: true, value: { path: Uint8Array.from(link), pathFlags: 0 } };
  }
  const path = link.subarray(0, cut);
  return {
    ok: true,
    value: { path: Uint8Array.from(path), pathFlags: pathFlag.deleted | (startsWith(path, MEMFD) ? pathFlag.pseudo : 0) },
  };
};
