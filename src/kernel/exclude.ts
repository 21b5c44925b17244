/**
 * Whom the configuration leaves out: a neighbour that works on our own data, a Collector for instance, whose every request would make
 * records that make requests. The kernel judges by identity: process (number and start), cgroup with all below it, executable (device
 * and inode). What stands in the configuration as a path is looked up here, now and again every few seconds.
 */
import { readdir, readlink, stat } from 'node:fs/promises';
import { mapBounded } from '../core/bounded.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { excludedFlag } from './layouts.gen.ts';
import { cgroup2Mount } from './procfs/mounts.ts';
import { readLatin1 } from './procfs/read.ts';
import type { SeenProcess } from './procfs/snapshot.ts';
import { readStat, TICK_NS } from './procfs/stat.ts';

/** As `service.exclude` has them. */
export type ExcludeRules = {
  /** Paths in the v2 hierarchy, as in `/proc/<pid>/cgroup`. */
  readonly cgroups: readonly string[];
  /** Files on the host that hold a pid. */
  readonly pid_files: readonly string[];
  /** Absolute paths as `/proc/<pid>/exe` tells them. */
  readonly executables: readonly string[];
};

export const NOBODY_EXCLUDED: ExcludeRules = { cgroups: [], pid_files: [], executables: [] };

/** The maps of the programs; see bpf/exclude.bpf.h. */
export type ExclusionMaps = {
  put(map: 'excluded' | 'excluded_kinds', key: Uint8Array, value: Uint8Array): void;
  drop(map: 'excluded', key: Uint8Array): boolean;
};

export type Exclusion = {
  /** Looks everything up and goes on looking. */
  start(): Promise<void>;
  stop(): void;
  /** From now on the programs behind these maps judge; undefined when there are none. */
  use(maps: ExclusionMaps | undefined): void;
  /** Takes other rules; resolves when they are in force. */
  set(rules: ExcludeRules): Promise<void>;
  /** The same judgement in user space, for the procfs rung. */
  leavesOut(process: SeenProcess): boolean;
  /** Looks everything up again now; for tests, and for whoever knows that something has changed. */
  refresh(): Promise<void>;
};

export type ExclusionOptions = {
  readonly root?: string;
  readonly rules?: ExcludeRules;
  readonly logger: Logger;
};

/** A daemon that was restarted is told for this long; by cgroup or executable it is not. */
const REFRESH_MS = 5_000;
/** `EXCLUDED_ENTRIES` of bpf/exclude.bpf.h. */
const MAX_ENTRIES = 1024;
const MAX_PID_FILE_BYTES = 64;
const CONCURRENT_READS = 8;
const KEY_BYTES = 24;
const ONE = Uint8Array.of(1);

type Entry = { readonly kind: number; readonly id: bigint; readonly also: bigint };

const keyTextOf = ({ kind, id, also }: Entry): string => `${kind} ${id} ${also}`;

/** `struct excluded_key`. */
const encodeKey = ({ kind, id, also }: Entry): Uint8Array => {
  const bytes = new Uint8Array(KEY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, id, true);
  view.setBigUint64(8, also, true);
  view.setUint32(16, kind, true);
  return bytes;
};

const encodeU32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};

/** From `st_dev` as the C library has it to the kernel's own number: MKDEV of include/linux/kdev_t.h. */
export const kernelDevice = (device: bigint): bigint => {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return (major << 20n) | minor;
};

const trimmed = (path: string): string => path.replace(/\/+$/, '') || '/';
const isWithin = (path: string, cgroup: string): boolean => cgroup === '/' || path === cgroup || path.startsWith(`${cgroup}/`);

/** undefined for what is not there now. */
const ifThere = async <T>(read: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await read();
  } catch {
    return undefined;
  }
};

export const createExclusion = (options: ExclusionOptions): Exclusion => {
  const { root = '', logger } = options;
  let rules = options.rules ?? NOBODY_EXCLUDED;
  let maps: ExclusionMaps | undefined;
  let inForce = new Map<string, Entry>();
  let pids = new Map<number, bigint>();
  let absent = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;

  const processEntry = async (pid: number): Promise<Entry | undefined> => {
    const read = await readStat(root, pid);
    return read.ok ? { kind: excludedFlag.process, id: BigInt(pid), also: read.value.startNs / TICK_NS } : undefined;
  };

  const ofPidFile = async (file: string): Promise<Entry | undefined> => {
    const text = await readLatin1(`${root}${file}`, MAX_PID_FILE_BYTES);
    const pid = text.ok ? /^\s*([1-9]\d{0,9})\b/.exec(text.value)?.[1] : undefined;
    return pid === undefined ? undefined : await processEntry(Number(pid));
  };

  /** Where inode numbers of files and of their file system differ (overlays), and for what was deleted since: those that run now. */
  const running = async (executables: ReadonlySet<string>): Promise<readonly Entry[]> => {
    const names = (await ifThere(() => readdir(`${root}/proc`))) ?? [];
    const found = await mapBounded(
      names.filter((name) => /^[1-9]\d*$/.test(name)),
      CONCURRENT_READS,
      async (name) => {
        const path = await ifThere(() => readlink(`${root}/proc/${name}/exe`));
        return path !== undefined && executables.has(path.replace(/ \(deleted\)$/, '')) ? await processEntry(Number(name)) : undefined;
      },
    );
    return found.filter((entry) => entry !== undefined);
  };

  const lookUp = async (wanted: ExcludeRules): Promise<{ readonly entries: readonly Entry[]; readonly absent: readonly string[] }> => {
    const mount = wanted.cgroups.length === 0 ? undefined : await cgroup2Mount(root);
    const cgroups = await Promise.all(
      wanted.cgroups.map(async (path) => {
        const info = mount === undefined ? undefined : await ifThere(() => stat(`${root}${mount}${trimmed(path)}`, { bigint: true }));
        return info && { kind: excludedFlag.cgroup, id: info.ino, also: 0n };
      }),
    );
    const files = await Promise.all(wanted.pid_files.map(ofPidFile));
    const executables = await Promise.all(
      wanted.executables.map(async (path) => {
        const info = await ifThere(() => stat(`${root}${path}`, { bigint: true }));
        return info && { kind: excludedFlag.executable, id: info.ino, also: kernelDevice(info.dev) };
      }),
    );
    const already = wanted.executables.length === 0 ? [] : await running(new Set(wanted.executables));
    const all = [...wanted.cgroups, ...wanted.pid_files, ...wanted.executables];
    const found = [...cgroups, ...files, ...executables];
    return {
      entries: [...found.filter((entry) => entry !== undefined), ...already],
      absent: all.filter((_, index) => found[index] === undefined),
    };
  };

  /** First what is added, then the kinds, then what is taken away: at no moment is somebody told that old and new rules leave out. */
  const apply = (entries: readonly Entry[]): void => {
    const next = new Map(entries.slice(0, MAX_ENTRIES).map((entry) => [keyTextOf(entry), entry]));
    if (maps !== undefined) {
      for (const [key, entry] of next) if (!inForce.has(key)) maps.put('excluded', encodeKey(entry), ONE);
      const kinds = [...next.values()].reduce((mask, { kind }) => mask | kind, 0);
      maps.put('excluded_kinds', encodeU32(0), encodeU32(kinds));
      for (const [key, entry] of inForce) if (!next.has(key)) maps.drop('excluded', encodeKey(entry));
    }
    inForce = next;
    pids = new Map(entries.filter(({ kind }) => kind === excludedFlag.process).map(({ id, also }) => [Number(id), also]));
  };

  const look = async (): Promise<void> => {
    const wanted = rules;
    const found = await lookUp(wanted);
    if (wanted !== rules) return await look();
    for (const path of found.absent)
      if (!absent.has(path)) logger.info({ path }, 'service.exclude names something that is not there now; it is looked for again');
    absent = new Set(found.absent);
    if (found.entries.length > MAX_ENTRIES)
      logger.warn({ found: found.entries.length, most: MAX_ENTRIES }, 'service.exclude stands for more than can be left out');
    apply(found.entries);
  };

  const refresh = (): Promise<void> => {
    looking ??= look().finally(() => (looking = undefined));
    return looking;
  };
  const hasRules = () => rules.cgroups.length + rules.pid_files.length + rules.executables.length > 0;
  const again = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (!hasRules()) return;
    timer = setTimeout(() => {
      refresh()
        .catch((error: unknown) => logger.warn({ error: messageOf(error) }, 'service.exclude could not be looked up'))
        .finally(() => timer !== undefined && again());
    }, REFRESH_MS);
    timer.unref();
  };

  return {
    async start() {
      if (!hasRules()) return;
      await refresh();
      again();
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
    use(opened) {
      maps = opened;
      const entries = [...inForce.values()];
      inForce = new Map();
      if (entries.length > 0) apply(entries);
    },
    async set(next) {
      rules = next;
      await refresh();
      again();
    },
    refresh,
    leavesOut({ facts }) {
      if (pids.get(facts.stat.pid) === facts.stat.startNs / TICK_NS) return true;
      const path = facts.executable === undefined ? undefined : Buffer.from(facts.executable.path).toString();
      if (path !== undefined && rules.executables.includes(path)) return true;
      const cgroup = facts.cgroups?.unified;
      return cgroup !== undefined && rules.cgroups.some((excluded) => isWithin(cgroup, trimmed(excluded)));
    },
  };
};
