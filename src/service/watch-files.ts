/**
 * Tells when files have changed: their own bytes, a rename over them, or a symbolic link on the way to them that leads elsewhere now, as
 * Kubernetes changes a ConfigMap. The kernel tells of most at once; what it does not tell of (overlays, network file systems) is found by
 * looking every few seconds.
 */
import { type FSWatcher, watch } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { mapBounded } from '../core/bounded.ts';

/** Editors write a file in several steps, and tools several files. */
const DEBOUNCE_MS = 200;
const LOOK_MS = 2000;
/** Files of one configuration that are watched; each costs a look every two seconds. */
const MAX_FILES = 1000;
const CONCURRENT_LOOKS = 8;

export type WatchOptions = {
  readonly onChange: () => void;
  readonly lookMs?: number;
  readonly debounceMs?: number;
};

export type FileWatch = {
  /** From now on these are watched, as they are now. */
  follow(files: readonly string[]): Promise<void>;
  close(): void;
};

/** What tells one state of a file from another; the same for every state in which it is not there. */
const printOf = async (file: string): Promise<string> => {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join('/');
  } catch {
    return 'none';
  }
};

/** Where changes of a file show: its folder, and the folder of what it links to. */
const foldersOf = async (file: string): Promise<readonly string[]> => {
  try {
    return [dirname(resolve(file)), dirname(await realpath(file))];
  } catch {
    return [dirname(resolve(file))];
  }
};

export const watchFiles = ({ onChange, lookMs = LOOK_MS, debounceMs = DEBOUNCE_MS }: WatchOptions): FileWatch => {
  let files: readonly string[] = [];
  let prints: readonly string[] = [];
  const watchers = new Map<string, FSWatcher>();
  let closed = false;
  let looking: Promise<void> | undefined;
  let debounce: NodeJS.Timeout | undefined;

  const soon = (): void => {
    clearTimeout(debounce);
    if (!closed) debounce = setTimeout(look, debounceMs).unref();
  };

  const watchFolders = (folders: ReadonlySet<string>): void => {
    for (const [folder, watcher] of watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      watchers.delete(folder);
    }
    for (const folder of folders) {
      if (watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, soon);
        watchers.set(folder, watcher);
        // a folder that goes away: the looks go on, and take it up again when it is back
        watcher.on('error', () => {
          watcher.close();
          watchers.delete(folder);
        });
      } catch {
        // not there, or no watches are left: then only looking finds the change
      }
    }
  };

  const readPrints = (wanted: readonly string[]) => mapBounded(wanted, CONCURRENT_LOOKS, printOf);

  const compare = async (): Promise<void> => {
    const [before, watched] = [prints, files];
    const now = await readPrints(watched);
    if (closed || watched !== files || before !== prints) return;
    if (now.every((print, index) => print === before[index])) return;
    prints = now;
    onChange();
  };

  const look = (): void => {
    looking ??= compare().finally(() => (looking = undefined));
  };
  const timer = setInterval(look, lookMs).unref();

  return {
    async follow(wanted) {
      const next = wanted.slice(0, MAX_FILES);
      const [now, folders] = await Promise.all([readPrints(next), mapBounded(next, CONCURRENT_LOOKS, foldersOf)]);
      if (closed) return;
      // a file that changed while it was being read shows as a change at the next look
      prints = next.map((file, index) => prints[files.indexOf(file)] ?? now[index]!);
      files = next;
      watchFolders(new Set(folders.flat()));
      soon();
    },
    close() {
      closed = true;
      clearTimeout(debounce);
      clearInterval(timer);
      watchFolders(new Set());
    },
  };
};
