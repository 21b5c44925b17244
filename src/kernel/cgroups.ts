/** Paths of cgroups by id, in the v2 hierarchy. The id of a cgroup is the inode number of its directory. Source: cgroups(7), kernfs. */
import { readdir, stat } from 'node:fs/promises';
import type { AttributeSource, Frame } from '../core/batch.ts';
import { mapBounded } from '../core/bounded.ts';
import { attributeName } from '../otlp/names.ts';
import { createFrameMemo } from './frame-memo.ts';
import { createTextPool } from './named-source.ts';
import { cgroup2Mount } from './procfs/mounts.ts';
import { readCgroups } from './procfs/process.ts';

/** Large hosts have some thousands; each takes about 500 bytes. */
export const DEFAULT_CGROUP_CAPACITY = 20_000;
/** Records of a removed cgroup may still come. */
export const DEFAULT_CGROUP_KEEP_MS = 60_000;
const CONCURRENT_READS = 4;
/** A walk reads every directory: the next one waits for this, and twice as long each time that it found nothing new. */
const FIRST_WALK_PAUSE_MS = 1_000;
const LONGEST_WALK_PAUSE_MS = 60_000;

export type CgroupsOptions = {
  /** Prefix of /proc and of the mount. */
  readonly root?: string;
  readonly capacity?: number;
  readonly keepMs?: number;
  readonly nowMs?: () => number;
};

/** A cgroup whose path is not known, and a process that was in it. */
export type CgroupQuestion = { readonly id: bigint; readonly pid: number };
/** Ids of paths by actor, 0 = not known. */
export type CgroupIds = { readonly paths: Uint32Array; readonly missing: readonly CgroupQuestion[] };

export type Cgroups = {
  /** Finds the mount and walks it. False when there is none. */
  start(): Promise<boolean>;
  /** Valid until the cache changes. */
  resolve(frame: Frame): CgroupIds;
  /** Learns paths, by the processes that were asked with and else by a walk; never rejects. */
  fetch(questions: readonly CgroupQuestion[]): Promise<void>;
  /** undefined when not known. */
  path(id: bigint): string | undefined;
  /** `process.linux.cgroup` by the ids of `resolve`. */
  readonly source: AttributeSource;
  readonly size: number;
  /** Cgroups that were not kept because there are too many. */
  readonly refused: number;
};

type Entry = { readonly text: number; goneSinceMs: number | undefined };

export const createCgroups = (options: CgroupsOptions = {}): Cgroups => {
  const { root = '', capacity = DEFAULT_CGROUP_CAPACITY, keepMs = DEFAULT_CGROUP_KEEP_MS, nowMs = Date.now } = options;
  const pool = createTextPool([attributeName.processLinuxCgroup]);
  // Kernfs ids of 64-bit kernels are inode numbers that count up; as float64 they are exact up to 2^53.
  const entries = new Map<number, Entry>();
  let mount: string | undefined;
  let version = 0;
  let refused = 0;
  let walking: Promise<void> | undefined;
  let nextWalkMs = 0;
  let pauseMs = FIRST_WALK_PAUSE_MS;

  const put = (id: number, path: string): void => {
    const known = entries.get(id);
    if (known !== undefined && pool.text(known.text) === path) {
      known.goneSinceMs = undefined;
      return;
    }
    if (known === undefined && entries.size >= capacity) {
      refused++;
      return;
    }
    if (known !== undefined) pool.release(known.text);
    entries.set(id, { text: pool.add(path), goneSinceMs: undefined });
    version++;
  };

  const walk = async (): Promise<void> => {
    mount ??= await cgroup2Mount(root);
    if (mount === undefined) return;
    const before = version;
    const found = new Set<number>();
    let level = ['/'];
    while (level.length > 0 && found.size < capacity) {
      const children = await mapBounded(level, CONCURRENT_READS, async (path) => {
        try {
          const directory = `${root}${mount}${path}`;
          const { ino } = await stat(directory);
          found.add(ino);
          put(ino, path);
          const names = await readdir(directory, { withFileTypes: true });
          return names.filter((name) => name.isDirectory()).map(({ name }) => (path === '/' ? `/${name}` : `${path}/${name}`));
        } catch {
          // Removed while we walked.
          return [];
        }
      });
      level = children.flat();
    }
    // A walk that was cut short says nothing about what it did not reach.
    if (level.length === 0) sweep(found);
    pauseMs = version === before ? Math.min(pauseMs * 2, LONGEST_WALK_PAUSE_MS) : FIRST_WALK_PAUSE_MS;
    nextWalkMs = nowMs() + pauseMs;
  };

  /** What a walk did not find was removed; it is kept for a while. */
  const sweep = (found: ReadonlySet<number>): void => {
    const now = nowMs();
    for (const [id, entry] of entries) {
      if (found.has(id)) continue;
      entry.goneSinceMs ??= now;
      if (now - entry.goneSinceMs < keepMs) continue;
      entries.delete(id);
      pool.release(entry.text);
      version++;
    }
  };

  const walkOnce = (): Promise<void> => {
    walking ??= walk().finally(() => (walking = undefined));
    return walking;
  };

  /** A process knows its cgroup; the inode says whether it still is the one in question. */
  const askProcess = async ({ id, pid }: CgroupQuestion): Promise<boolean> => {
    const cgroups = await readCgroups(root, pid);
    if (!cgroups.ok || cgroups.value.unified === undefined || mount === undefined) return false;
    try {
      const { ino } = await stat(`${root}${mount}${cgroups.value.unified}`);
      if (BigInt(ino) !== id) return false;
      put(ino, cgroups.value.unified);
      return true;
    } catch {
      return false;
    }
  };

  const resolve = ({ actors }: Frame): CgroupIds => {
    const paths = new Uint32Array(actors.count);
    const missing = new Map<number, CgroupQuestion>();
    let lastId = -1;
    let lastText = 0;
    for (let actor = 0; actor < actors.count; actor++) {
      const id = actors.cgroupIdHi[actor]! * 0x1_0000_0000 + actors.cgroupIdLo[actor]!;
      if (id !== lastId) {
        lastId = id;
        lastText = entries.get(id)?.text ?? 0;
        if (lastText === 0 && id !== 0) missing.set(id, { id: BigInt(id), pid: actors.pid[actor]! });
      }
      paths[actor] = lastText;
    }
    return { paths, missing: [...missing.values()] };
  };

  return {
    async start() {
      await walkOnce();
      return mount !== undefined;
    },
    resolve: createFrameMemo(() => version, resolve),
    async fetch(questions) {
      const answers = await mapBounded(questions, CONCURRENT_READS, askProcess);
      if (answers.includes(false) && (walking !== undefined || nowMs() >= nextWalkMs)) await walkOnce();
    },
    path: (id) => pool.text(entries.get(Number(id))?.text ?? 0),
    source: pool.sources[attributeName.processLinuxCgroup],
    get size() {
      return entries.size;
    },
    get refused() {
      return refused;
    },
  };
};
