/** Memory of this process, and how much there is for it. Synchronous: small files of the kernel, read now and then. Source: proc(5), cgroups(7). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type MemoryPlaces = {
  readonly proc?: string;
  /** Where the hierarchies of cgroups are mounted. */
  readonly cgroups?: string;
};

const textOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
};

/** Bytes of a line `name: 123 kB`. */
const kilobytesIn = (text: string | undefined, name: string): number | undefined => {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text ?? '');
  return match === null ? undefined : Number(match[1]) * 1024;
};

/**
 * Bytes of anonymous memory of this process (RssAnon): heaps, frames, queues. Files that are mapped do not count, and neither does the ring, which
 * is shared with the kernel. Before Linux 4.5, which does not tell: all of the resident memory.
 */
export const ownAnonymousBytes = ({ proc = '/proc' }: MemoryPlaces = {}): number =>
  kilobytesIn(textOf(join(proc, 'self/status')), 'RssAnon') ?? process.memoryUsage.rss();

/** The path in the hierarchy of the memory controller, v2 or v1, and the file there that holds the limit. */
const ownLimitFile = (text: string): { readonly root: string; readonly path: string; readonly file: string } | undefined => {
  for (const line of text.split('\n')) {
    const [id, controllers = '', ...rest] = line.split(':');
    const path = rest.join(':');
    if (controllers.split(',').includes('memory')) return { root: 'memory', path, file: 'memory.limit_in_bytes' };
    if (id === '0' && controllers === '' && !text.includes(':memory:')) return { root: '', path, file: 'memory.max' };
  }
  return undefined;
};

/**
 * Bytes of memory that this process may have at most: the smallest limit of its cgroup and of those above, else the memory of the host. Undefined where
 * neither can be read.
 */
export const availableMemoryBytes = ({ proc = '/proc', cgroups = '/sys/fs/cgroup' }: MemoryPlaces = {}): number | undefined => {
  const limits = [kilobytesIn(textOf(join(proc, 'meminfo')), 'MemTotal')];
  const own = ownLimitFile(textOf(join(proc, 'self/cgroup')) ?? '');
  if (own !== undefined) {
    const names = own.path.split('/').filter((name) => name !== '');
    for (let depth = names.length; depth >= 0; depth--) {
      const limit = textOf(join(cgroups, own.root, ...names.slice(0, depth), own.file))?.trim();
      if (limit !== undefined && /^\d+$/.test(limit)) limits.push(Number(limit));
    }
  }
  const known = limits.filter((limit) => limit !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
};
