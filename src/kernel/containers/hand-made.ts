/**
 * Containers of runc and crun that no engine keeps: their cgroup may be called anything, so they are found by the cgroup that their state names. That is
 * there from shortly before the program starts until it ended, which may be some milliseconds: the folders are watched, and who is gone is known for a
 * while, for records come later.
 */
import { statSync } from 'node:fs';
import { cgroupNumber } from '../cgroups/number.ts';
import { findHierarchies, type Hierarchies } from '../procfs/mounts.ts';
import { readHandMade, type HandMade } from './hand-made-state.ts';
import { isFit } from './json-state.ts';
import type { StateFiles } from './state-files.ts';
import { watchFolder, type FolderWatch } from './watch-folder.ts';

/** Containers that are known in each folder; as many that are gone. */
const MAX_CONTAINERS = 8_192;
/** As long as cgroups are kept. */
const KEEP_MS = 60_000;
/** A state that was read is read again after this, so many in a scan: an id may be given to a new container, with another cgroup. */
const AGAIN_MS = 2_000;
const MAX_AGAIN = 64;
/** One that could not be used is read again after this, then twice as long each time, up to the longest. */
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 60_000;
/** A state that is not written yet is looked for this often after something changed, so long. */
const HURRY_PAUSE_MS = 2;
const HURRY_MS = 1_000;

export type HandMadeContainers = {
  /** Looks what there is now; one look at a time, begun after this was called. Never rejects. */
  scan(files: StateFiles): Promise<void>;
  /** Looks whenever something changes in the folders; undefined ends it. */
  follow(files: StateFiles | undefined): void;
  /** By number and path of a cgroup, its own or one below. */
  ofCgroup(number: number, path: string): HandMade | undefined;
  /** By id, where the path says it. */
  ofId(runtime: 'runc' | 'crun', id: string): HandMade | undefined;
  /** Somebody is about to write a state. */
  readonly isAwaited: boolean;
  /** Changes when another container is found. */
  readonly version: number;
  readonly size: number;
};

type Known = {
  readonly made: HandMade | undefined;
  readonly paths: readonly string[];
  /** Of its cgroups; empty when they could not be found. */
  readonly numbers: readonly number[];
  readonly sinceMs: number;
  readonly notBeforeMs: number;
  readonly failures: number;
};

/** `root`: prefix of /proc and of the mounts. */
export const createHandMade = (root: string, nowMs: () => number): HandMadeContainers => {
  /** By folder and id. */
  const known = new Map<string, Known>();
  /** In the order in which they went. */
  const gone: { readonly one: Known; readonly atMs: number }[] = [];
  let byNumber: ReadonlyMap<number, HandMade> = new Map();
  let byPath: ReadonlyMap<string, Known> = new Map();
  let byId: ReadonlyMap<string, HandMade> = new Map();
  let hierarchies: Hierarchies | undefined;
  let scanning: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let watches: readonly FolderWatch[] = [];
  let hurryUntilMs = 0;
  let isHurrying = false;
  let version = 0;
  let again = 0;

  const numbersOf = async (paths: readonly string[]): Promise<readonly number[]> => {
    hierarchies ??= await findHierarchies(root);
    const { unified, legacy } = hierarchies;
    const trees = [
      ...(unified === undefined ? [] : [[0, unified] as const]),
      ...(legacy === undefined ? [] : [[legacy.number, legacy.place] as const]),
    ];
    if (trees.length === 0) hierarchies = undefined;
    // in memory, and about to be removed: not by way of another thread
    const found = trees.flatMap(([hierarchy, place]) =>
      [...new Set(paths)].map((path) => {
        try {
          return cgroupNumber(hierarchy, statSync(`${root}${place}${path}`).ino);
        } catch {
          return 0;
        }
      }),
    );
    return found.filter((number) => number !== 0);
  };

  const look = async (files: StateFiles, runtime: 'runc' | 'crun', folder: string, id: string): Promise<boolean> => {
    const key = `${folder}/${id}`;
    const before = known.get(key);
    if (before !== undefined && (nowMs() < before.notBeforeMs || (before.failures === 0 && again-- <= 0))) return false;
    const sinceMs = before?.sinceMs ?? nowMs();
    const read = await readHandMade(files, runtime, folder, id);
    if (typeof read === 'string') {
      const failures = (before?.failures ?? 0) + 1;
      // What is not there yet may be written at any moment.
      const isSoon = read === 'missing' && nowMs() - sinceMs < HURRY_MS;
      const pauseMs = isSoon ? 0 : Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10), LONGEST_RETRY_MS);
      const { made, paths, numbers } = before ?? { made: undefined, paths: [], numbers: [] };
      known.set(key, { made, paths, numbers, sinceMs, notBeforeMs: nowMs() + pauseMs, failures });
      return false;
    }
    const numbers = await numbersOf(read.paths);
    known.set(key, { ...read, numbers, sinceMs, notBeforeMs: nowMs() + AGAIN_MS, failures: 0 });
    return true;
  };

  const index = (): void => {
    version++;
    const alive = [...known.values()].filter(({ made }) => made !== undefined);
    // who is there goes before who was
    const all = [...gone.map(({ one }) => one), ...alive];
    byNumber = new Map(all.flatMap(({ made, numbers }) => numbers.map((number) => [number, made!] as const)));
    // of who is gone a path alone does not tell: another cgroup may have it now
    const placed = [...gone.map(({ one }) => one).filter(({ numbers }) => numbers.length > 0), ...alive];
    byPath = new Map(placed.flatMap((one) => one.paths.map((path) => [path, one] as const)));
    byId = new Map(all.map(({ made }) => [`${made!.runtime}/${made!.id}`, made!]));
  };

  const bury = (key: string): boolean => {
    const one = known.get(key)!;
    known.delete(key);
    if (one.made === undefined) return false;
    gone.push({ one, atMs: nowMs() });
    return true;
  };
  const forget = (): boolean => {
    const before = gone.length;
    while (gone.length > 0 && (nowMs() - gone[0]!.atMs >= KEEP_MS || gone.length > MAX_CONTAINERS)) gone.shift();
    return gone.length !== before;
  };

  const scan = async (files: StateFiles): Promise<void> => {
    again = MAX_AGAIN;
    let changed = forget();
    const seen = new Set<string>();
    for (const runtime of ['runc', 'crun'] as const)
      for (const folder of files.folders[runtime])
        for (const id of await files.atOnce.names(folder, [], MAX_CONTAINERS)) {
          if (!isFit(id)) continue;
          seen.add(`${folder}/${id}`);
          changed = (await look(files, runtime, folder, id)) || changed;
        }
    for (const key of known.keys()) if (!seen.has(key)) changed = bury(key) || changed;
    if (changed) index();
  };

  const begin = (files: StateFiles): Promise<void> => {
    next = undefined;
    scanning = scan(files).finally(() => (scanning = undefined));
    return scanning;
  };
  const scanOnce = (files: StateFiles): Promise<void> => {
    if (scanning === undefined && next === undefined) return begin(files);
    return (next ??= scanning!.then(() => begin(files)));
  };

  const isAwaited = (): boolean => {
    for (const { made, sinceMs } of known.values()) if (made === undefined && nowMs() - sinceMs < HURRY_MS) return true;
    return false;
  };

  /** Looks again and again as long as a state is about to be written. */
  const hurry = (files: StateFiles): void => {
    hurryUntilMs = nowMs() + HURRY_MS;
    if (isHurrying) return void scanOnce(files);
    isHurrying = true;
    const step = async (): Promise<void> => {
      await scanOnce(files);
      if (watches.length > 0 && isAwaited() && nowMs() < hurryUntilMs) setTimeout(() => void step(), HURRY_PAUSE_MS).unref();
      else isHurrying = false;
    };
    void step();
  };

  return {
    scan: scanOnce,
    follow(files) {
      if (files !== undefined) void numbersOf([]);
      for (const one of watches) one.close();
      watches =
        files === undefined
          ? []
          : [...new Set([...files.folders.runc, ...files.folders.crun])].map((folder) => watchFolder(root, folder, () => hurry(files)));
    },
    ofCgroup(number, path) {
      const own = byNumber.get(number);
      if (own !== undefined || byPath.size === 0) return own;
      for (let at = path.length; at > 0; at = path.lastIndexOf('/', at - 1)) {
        const one = byPath.get(path.slice(0, at));
        // of that very path it would have been known by number: it is another cgroup, of another time
        if (one !== undefined && (at < path.length || one.numbers.length === 0)) return one.made;
      }
      return undefined;
    },
    ofId: (runtime, id) => byId.get(`${runtime}/${id}`),
    get isAwaited() {
      return isAwaited();
    },
    get version() {
      return version;
    },
    get size() {
      return known.size;
    },
  };
};
