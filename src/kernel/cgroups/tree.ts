/** Walks the folders of one hierarchy. Names of cgroups are bytes: a path is one character a byte here (Latin-1). */
import { readdir, stat } from 'node:fs/promises';
import { mapBounded } from '../../core/bounded.ts';

const CONCURRENT_READS = 4;

const fileOf = (top: string, path: string): Buffer => Buffer.concat([Buffer.from(top), Buffer.from(path, 'latin1')]);

/** The number of the folder of a cgroup; undefined when it is not there. A path that leads out of the hierarchy names none: it is of another namespace. */
export const inodeAt = async (top: string, path: string): Promise<number | undefined> => {
  if (/(^|\/)\.\.(\/|$)/.test(path)) return undefined;
  try {
    return (await stat(fileOf(top, path))).ino;
  } catch {
    return undefined;
  }
};

/** `isWhole`: there were no more than `most`. */
export type Walked = { readonly inodes: ReadonlySet<number>; readonly isWhole: boolean };

/** Tells of each folder. One that is removed meanwhile is left out. */
export const walkTree = async (top: string, most: number, visit: (path: string, inode: number) => void): Promise<Walked> => {
  const inodes = new Set<number>();
  let level = ['/'];
  while (level.length > 0 && inodes.size < most) {
    const children = await mapBounded(level, CONCURRENT_READS, async (path) => {
      const inode = await inodeAt(top, path);
      if (inode === undefined) return [];
      inodes.add(inode);
      visit(path, inode);
      try {
        const names = await readdir(fileOf(top, path), { withFileTypes: true, encoding: 'buffer' });
        return names.filter((name) => name.isDirectory()).map(({ name }) => `${path === '/' ? '' : path}/${name.toString('latin1')}`);
      } catch {
        return [];
      }
    });
    level = children.flat();
  }
  return { inodes, isWhole: level.length === 0 };
};
