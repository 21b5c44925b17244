/**
 * Cgroups by number: those that are there at start by a walk of their folders, later ones by what the kernel tells. Where it tells nothing, a process
 * is asked where it is, and the folders are walked again. Source: cgroups(7), kernfs.
 */
import type { Frame } from '../../core/batch.ts';
import { mapBounded } from '../../core/bounded.ts';
import type { CgroupChange, CgroupIds, CgroupInfo, CgroupQuestion, Cgroups } from '../cgroup-types.ts';
import { createFrameMemo } from '../frame-memo.ts';
import { readCgroupPath } from '../procfs/cgroup-path.ts';
import { findHierarchies, type Hierarchies } from '../procfs/mounts.ts';
import { cgroupNumber, hierarchyOf } from './number.ts';
import { readCgroupRecords } from './records.ts';
import { createCgroupStore } from './store.ts';
import { inodeAt, walkTree } from './tree.ts';

/** Large hosts have some thousands, and as many that died lately; each takes about 500 bytes. */
export const DEFAULT_CGROUP_CAPACITY = 32_768;
/** Records of a removed cgroup may still come. */
export const DEFAULT_CGROUP_KEEP_MS = 60_000;
const CONCURRENT_READS = 4;
/** A walk reads every folder: the next one waits for this, and twice as long each time that it found nothing new. */
const FIRST_WALK_PAUSE_MS = 1_000;
const LONGEST_WALK_PAUSE_MS = 60_000;

export type CgroupsOptions = {
  /** Prefix of /proc and of the mounts. */
  readonly root?: string;
  readonly capacity?: number;
  /** How long the dead are known. */
  readonly keepMs?: number;
  readonly nowMs?: () => number;
};

const textOf = (path: string): string => Buffer.from(path, 'latin1').toString('utf8');

export const createCgroups = (options: CgroupsOptions = {}): Cgroups => {
  const { root = '', capacity = DEFAULT_CGROUP_CAPACITY, keepMs = DEFAULT_CGROUP_KEEP_MS, nowMs = Date.now } = options;
  const store = createCgroupStore({ capacity, keepMs, nowMs });
  const listeners = new Set<(change: CgroupChange) => void>();
  let found: Hierarchies = { unified: undefined, legacy: undefined };
  let walking: Promise<void> | undefined;
  /** Removed before the walk that is under way came to them. */
  const goneUnseen = new Set<number>();
  let nextWalkMs = 0;
  let pauseMs = FIRST_WALK_PAUSE_MS;

  const trees = (): readonly { readonly hierarchy: number; readonly top: string }[] => [
    ...(found.unified === undefined ? [] : [{ hierarchy: 0, top: `${root}${found.unified}` }]),
    ...(found.legacy === undefined ? [] : [{ hierarchy: found.legacy.number, top: `${root}${found.legacy.place}` }]),
  ];

  const tell = (kind: CgroupChange['kind'], cgroup: CgroupInfo, pid: number): void => {
    for (const listener of listeners) listener({ kind, cgroup, pid });
  };

  const bury = (number: number, pid: number): void => {
    const info = store.bury(number);
    if (info !== undefined) tell('gone', info, pid);
    else if (walking !== undefined && store.get(number) === undefined) goneUnseen.add(number);
  };

  const walk = async (): Promise<void> => {
    const { version } = store;
    const round = store.beginWalk();
    if (trees().length === 0) found = await findHierarchies(root);
    for (const { hierarchy, top } of trees()) {
      const { inodes, isWhole } = await walkTree(top, capacity, (path, inode) => {
        const number = cgroupNumber(hierarchy, inode);
        // what the kernel said meanwhile is newer
        if (store.get(number)?.goneInWalk === round) return;
        store.put(number, textOf(path));
        if (goneUnseen.has(number)) bury(number, 0);
      });
      if (!isWhole) continue; // it says nothing about what it did not reach
      const there = new Set(Array.from(inodes, (inode) => cgroupNumber(hierarchy, inode)));
      for (const { info, sinceWalk } of store.living()) {
        const number = Number(info.id);
        if (info.hierarchy === hierarchy && sinceWalk < round && !there.has(number)) bury(number, 0);
      }
    }
    goneUnseen.clear();
    store.forget();
    pauseMs = store.version === version ? Math.min(pauseMs * 2, LONGEST_WALK_PAUSE_MS) : FIRST_WALK_PAUSE_MS;
    nextWalkMs = nowMs() + pauseMs;
  };

  const walkOnce = (): Promise<void> => {
    walking ??= walk().finally(() => (walking = undefined));
    return walking;
  };

  /** A process knows its cgroup; the inode says whether it still is the one in question. */
  const askProcess = async ({ id, pid }: CgroupQuestion): Promise<boolean> => {
    const number = Number(id);
    const hierarchy = hierarchyOf(number);
    const tree = trees().find((one) => one.hierarchy === hierarchy);
    const path = tree && (await readCgroupPath(root, pid, hierarchy));
    const inode = path === undefined ? undefined : await inodeAt(tree!.top, path);
    if (inode === undefined || cgroupNumber(hierarchy, inode) !== number) return false;
    if (!goneUnseen.has(number)) store.put(number, textOf(path!));
    return true;
  };

  const resolve = ({ actors }: Frame): CgroupIds => {
    const paths = new Uint32Array(actors.count);
    const missing = new Map<number, CgroupQuestion>();
    let lastNumber = -1;
    let lastText = 0;
    for (let actor = 0; actor < actors.count; actor++) {
      const number = actors.cgroupIdHi[actor]! * 0x1_0000_0000 + actors.cgroupIdLo[actor]!;
      if (number !== lastNumber) {
        lastNumber = number;
        lastText = store.get(number)?.text ?? 0;
        if (lastText === 0 && number !== 0) missing.set(number, { id: BigInt(number), pid: actors.pid[actor]! });
      }
      paths[actor] = lastText;
    }
    return { paths, missing: [...missing.values()] };
  };

  return {
    async start() {
      // one that is under way may have passed what changed since
      if (walking !== undefined) await walking;
      await walkOnce();
      return trees().length > 0;
    },
    absorb(frame) {
      readCgroupRecords(frame, {
        made: (number, path, pid) => {
          const entry = store.put(number, path);
          if (entry !== undefined) tell('made', entry.info, pid);
        },
        gone: bury,
        attached: (number, pid) => {
          const entry = store.get(number);
          if (entry !== undefined) tell('attached', entry.info, pid);
        },
      });
      store.forget();
    },
    resolve: createFrameMemo(() => store.version, resolve),
    async fetch(questions) {
      const answers = await mapBounded(questions, CONCURRENT_READS, askProcess);
      if (answers.includes(false) && (walking !== undefined || nowMs() >= nextWalkMs)) await walkOnce();
    },
    info: (id) => store.get(Number(id))?.info,
    path: (id) => store.get(Number(id))?.info.path,
    living: () => store.living().map(({ info }) => info),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    source: store.source,
    get version() {
      return store.version;
    },
    get size() {
      return store.size;
    },
    get refused() {
      return store.refused;
    },
  };
};
