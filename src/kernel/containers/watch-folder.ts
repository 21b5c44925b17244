/** Tells when something is made or removed in a folder, which may not be there yet: then those above it are watched. */
import { watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import { atOnce, hasFolder, holdFolder } from './safe-files.ts';

/** Whether the folder is still the one that is watched is looked at this often, while something happens there. */
const CHECK_PAUSE_MS = 1_000;

export type FolderWatch = { close(): void };

type Watched = { readonly watcher: FSWatcher; readonly inode: number; readonly isWhole: boolean; close(): Promise<void> };

/** Calls back after it began to watch, and then at each change. Without inotify it never does. */
export const watchFolder = (root: string, folder: string, onChange: () => void): FolderWatch => {
  let watched: Watched | undefined;
  let attaching: Promise<void> | undefined;
  let again = false;
  let isClosed = false;
  let nextCheckMs = 0;

  const drop = async (): Promise<void> => {
    const old = watched;
    watched = undefined;
    old?.watcher.close();
    await old?.close();
  };

  /** The folder, or the nearest above it that is there. */
  const take = async (): Promise<void> => {
    await drop();
    let wanted = '';
    for (let path = folder; ; path = dirname(path)) {
      const held = await holdFolder(root, path, atOnce);
      if (!held.ok) {
        if (path === '/') return;
        wanted = basename(path);
        continue;
      }
      const isWhole = wanted === '';
      try {
        const watcher = watch(held.value.path, { persistent: false }, (_, name) => {
          if (isWhole) changed();
          else if (name === null || name === wanted) attach();
        });
        watcher.on('error', () => {});
        watched = { watcher, inode: held.value.inode, isWhole, close: held.value.close };
      } catch {
        // no room for another watch, or no inotify
        return await held.value.close();
      }
      // It may have been made between the look and the watch.
      if (!isWhole && (await hasFolder(root, folder, atOnce))) again = true;
      return;
    }
  };

  const attach = (): void => {
    if (isClosed) return;
    if (attaching !== undefined) {
      again = true;
      return;
    }
    const work = async (): Promise<void> => {
      await take();
      if (isClosed) await drop();
      else if (watched?.isWhole === true) onChange();
    };
    again = false;
    attaching = work()
      .catch(() => {})
      .finally(() => {
        attaching = undefined;
        if (again) attach();
      });
  };

  const changed = (): void => {
    onChange();
    if (performance.now() < nextCheckMs) return;
    nextCheckMs = performance.now() + CHECK_PAUSE_MS;
    void holdFolder(root, folder, atOnce).then(async (held) => {
      if (held.ok) await held.value.close();
      if (!held.ok || held.value.inode !== watched?.inode) attach();
    });
  };

  attach();
  return {
    close() {
      isClosed = true;
      if (attaching === undefined) void drop();
    },
  };
};
