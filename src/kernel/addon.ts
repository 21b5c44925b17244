import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { KernelError } from '../core/errors.ts';
import type { FieldLayout } from './layouts.gen.ts';

/** What the native addon exports. It is mechanism only: policy and defaults are in this folder. */
export type Addon = {
  readonly Session: new (options: NativeSessionOptions, onFrame: (frame: number) => void) => NativeSession;
  /** What this kernel has, by its own BTF. */
  facts(wanted: {
    readonly functions: readonly string[];
    readonly helpers: readonly string[];
    readonly tracepoints: readonly string[];
    readonly controllers: readonly string[];
  }): KernelFacts;
  /** The entries of every hash of this name and of these sizes, whoever made it. Throws a NativeError: EPERM without CAP_SYS_ADMIN. */
  namedMaps(wanted: {
    readonly name: string;
    readonly keyBytes: number;
    readonly valueBytes: number;
    readonly match?: readonly EntryMatch[];
  }): readonly MapEntries[];
  /** What is pinned there. Throws a NativeError: ENOENT, EACCES, EINVAL when it is no map. */
  pinnedMap(path: string): PinnedMap;
  /** Loads an object, runs its iterator programs and lets go of it. Gives what they wrote, at most `mostBytes`. */
  runOnce(spec: ObjectSpec, mostBytes: number): Buffer;
  readonly LinkWatch: new (onChange: (changes: readonly NativeLink[] | null) => void) => NativeLinkWatch;
  /** Network interfaces of this network namespace. Rejects with a NativeError. */
  links(): Promise<readonly NativeLink[]>;
  /** The XDP program of an interface; undefined without one. Rejects with a NativeError. */
  xdpOn(
    ifindex: number,
  ): Promise<{ readonly mode: 'native' | 'generic' | 'offloaded'; readonly id: number; readonly name: string } | undefined>;
  /** BPF filters of traffic control for what arrives, of all interfaces. Rejects with a NativeError. */
  filters(): Promise<readonly NativeFilter[]>;
  removeFilter(filter: Pick<NativeFilter, 'ifindex' | 'handle' | 'priority'>): Promise<void>;
  /** User names by NSS, off the main thread; null for a number that has no name. */
  lookupUsers(uids: readonly number[]): Promise<(string | null)[]>;
};

/** As the kernel tells it; `type` is `enum bpf_map_type` of linux/bpf.h, `flags` are BPF_F_… */
export type PinnedMap = {
  readonly id: number;
  readonly type: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly entries: number;
  readonly flags: number;
};

/** A network interface. */
export type NativeLink = {
  readonly index: number;
  readonly name: string;
  /** ARPHRD_… of linux/if_arp.h. */
  readonly type: number;
  /** `veth`, `vlan`, `bond`, `tun`, …; empty for cards and for lo. */
  readonly kind: string;
  /** Of a card; else, or when it is not known, empty. */
  readonly driver: string;
  readonly mtu: number;
  readonly up: boolean;
  /** In a change: it is no longer there, or no longer in this network namespace. */
  readonly gone: boolean;
};

/** Calls back, until it is closed, with what changed, in its order; null: some of that was lost, and all must be listed anew. Does not keep the process. */
export type NativeLinkWatch = { close(): void };

export type NativeFilter = {
  readonly ifindex: number;
  readonly handle: number;
  readonly priority: number;
  /** Of the program. */
  readonly id: number;
  readonly name: string;
};

/** Where a program is put on an interface; a filter (clsact) has a number and a priority of its own. */
export type NativeHook = {
  readonly kind: 'xdp' | 'xdp_generic' | 'tcx' | 'clsact';
  readonly ifindex: number;
  readonly handle?: number;
  readonly priority?: number;
};

export type KernelFacts = {
  readonly release: string;
  /** As uname says: x86_64, aarch64. */
  readonly machine: string;
  readonly btf: boolean;
  /** Empty, or the errno name that making a ring buffer gave. */
  readonly ringBufferError: string;
  readonly possibleCpus: number;
  readonly functions: Readonly<Record<string, boolean>>;
  readonly helpers: Readonly<Record<string, boolean>>;
  /** Arguments of each tracepoint; -1 when the kernel does not have it. */
  readonly traceArguments: Readonly<Record<string, number>>;
  /** Place of each controller of cgroups in the kernel's own list; -1 when the kernel does not have it. */
  readonly controllers: Readonly<Record<string, number>>;
};

type PlainLayout = { readonly kind: number; readonly size: number; readonly fields: readonly FieldLayout[] };

export type NativeSessionOptions = {
  /** A power of two, at least a page. */
  readonly ringBytes: number;
  /** 2 MiB to 64 MiB. */
  readonly frameBytes: number;
  /** 1 to 64; 0: no ring either, for objects that write no records. */
  readonly frames: number;
  readonly flushMs: number;
  readonly maxRows: number;
  /** A ring in memory that `inject` fills, instead of a BPF ring buffer. */
  readonly memory?: boolean;
  /** Keep the records of each frame as they were in the ring, for `rawOf`. Costs a copy. */
  readonly keepRaw?: boolean;
  readonly layouts: { readonly actor: readonly FieldLayout[]; readonly events: readonly PlainLayout[] };
};

export type ObjectSpec = {
  readonly path: string;
  /** File with those of the kernel's types that the object needs, of exactly this kernel: to search them takes a tenth of the time. Else the kernel's own. */
  readonly types?: string;
  /** Programs to load; all others stay unloaded. */
  readonly programs: readonly string[];
  /** `const volatile` globals by name. */
  readonly options: Readonly<Record<string, number>>;
  /** Number of entries of maps by name. */
  readonly mapEntries: Readonly<Record<string, number>>;
  /** Maps of another object of the session that this one uses as its own. */
  readonly share?: { readonly from: number; readonly maps: readonly string[] };
};

/** Keys and values one behind the other. A value of a per-CPU map is one for each possible CPU, each rounded up to 8 bytes. */
export type MapEntries = {
  readonly count: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly keys: Buffer;
  readonly values: Buffer;
};

/** Keys one behind the other, and what all CPUs together have under each: words of 64 bits as doubles, exact to 2^53. */
export type Sums = {
  readonly count: number;
  readonly keyBytes: number;
  readonly keys: Buffer;
  /** Words of one value. */
  readonly words: number;
  readonly sums: Float64Array;
  /** Entries that may have been there and were not read, because the map changed too much meanwhile or holds more than a million. */
  readonly missed: number;
};

/** An entry whose value has these bytes at this offset. */
export type EntryMatch = { readonly offset: number; readonly bytes: Uint8Array };

/** Thrown by the calls below: `code` is an errno name, `log` the end of what libbpf and the verifier said. */
export type NativeError = Error & { readonly code: string; readonly errno: number; readonly log: string };

export type NativeStats = {
  readonly ringBytes: number;
  readonly ringUsedBytes: number;
  readonly framesFree: number;
  /** Records taken from the ring. */
  readonly read: number;
  /** Of these, records that fit no layout. */
  readonly malformed: number;
  /** Frames handed over. */
  readonly frames: number;
  /** Times that reading stopped because no frame was free. */
  readonly stalls: number;
  /** CPU time of the thread, ns; brought up to date before it sleeps. */
  readonly cpuNs: number;
};

export type NativeSession = {
  /** The memory of the frames; detached by `close`. */
  arenas(): readonly ArrayBuffer[];
  start(): void;
  load(spec: ObjectSpec): number;
  /** Where the program says; with `cgroup`, the folder of one, to that. */
  attach(object: number, program: string, cgroup?: string): void;
  runIterator(object: number, program: string): void;
  /** The same off the main thread, over a map of the object, or in the network namespace of a path. Throws when it cannot begin. */
  walk(object: number, program: string, over?: { readonly map?: string; readonly netns?: string }): Promise<void>;
  /** The same for an iterator that writes: what it wrote, at most `mostBytes` of it. */
  walkBytes(object: number, program: string, over: { readonly map?: string; readonly netns?: string }, mostBytes: number): Promise<Buffer>;
  /** One program or all, off the main thread: the kernel may take seconds when it is busy. One that is not attached is no error. */
  detach(object: number, program?: string): Promise<void>;
  unload(object: number): void;
  /**
   * Puts a program on a network interface, off the main thread, beside what is there: never in its place. Resolves to the number of the hook; undefined when
   * the session was closed meanwhile. Rejects with a NativeError.
   */
  attachHook(object: number, program: string, hook: NativeHook): Promise<number | undefined>;
  /** Takes it away; one that is not there is no error. */
  detachHook(hook: number): Promise<void>;
  /** Writes one entry of a map of the object; key and value must have the sizes of the map, which is no per-CPU one. */
  putEntry(object: number, map: string, key: Uint8Array, value: Uint8Array): void;
  /** Takes one entry out; false when there is none. */
  dropEntry(object: number, map: string, key: Uint8Array): boolean;
  /** All entries of a map, or those that match one of these. */
  readEntries(object: number, map: string, match?: readonly EntryMatch[]): MapEntries;
  /**
   * All entries of a map whose values are words of 64 bits, off the main thread. What is added meanwhile may be missing; what stays is there once. The
   * object may be unloaded and the session closed meanwhile.
   */
  readSums(object: number, map: string): Promise<Sums>;
  /** The same of these keys, which lie one behind the other; they are taken out. Those that are not there are left out. */
  takeSums(object: number, map: string, keys: Uint8Array): Promise<Sums>;
  /** Reads one entry and takes it out; undefined when there is none. */
  takeEntry(object: number, map: string, key: Uint8Array): Buffer | undefined;
  /** Writes many entries, keys and values one behind the other, off the main thread. Rejects with the first that failed; those before it are there. */
  putEntries(object: number, map: string, keys: Uint8Array, values: Uint8Array): Promise<void>;
  /** Takes many entries out; one that is not there is no error. */
  dropEntries(object: number, map: string, keys: Uint8Array): Promise<void>;
  /**
   * The entry 0 of an array of maps becomes an array with this one value; undefined: nothing. Resolves when no program uses any more what was there
   * before: that takes a grace period of the kernel.
   */
  swapInner(object: number, map: string, value?: Uint8Array): Promise<void>;
  /**
   * The entry 0 of an array of maps becomes the map that is pinned at `path`; undefined: nothing. Resolves as `swapInner` does; the kernel refuses a map of
   * another kind than the array is for (EINVAL).
   */
  usePinned(object: number, map: string, path?: string): Promise<void>;
  recursionMisses(object: number): Readonly<Record<string, number>>;
  /** Gives a frame back; false when it was not out. */
  release(frame: number): boolean;
  /** Kinds × six numbers in the order of `counterNames`. */
  counters(): Float64Array;
  stats(): NativeStats;
  pause(paused: boolean): void;
  /** Cuts frames now instead of at the end of the flush interval. */
  kick(): void;
  /** Memory ring only: appends records; returns how many fitted. */
  inject(records: Uint8Array): number;
  /** A copy of the records of a frame that is out, one behind the other; undefined without `keepRaw`. */
  rawOf(frame: number): Buffer | undefined;
  /**
   * Memory ring that was not started only: makes a frame of exactly these records and returns its index. Throws a NativeError: EILSEQ when
   * they are not whole records of known layouts that fit one frame, EBUSY when no frame is free.
   */
  fill(records: Uint8Array, sequence: number, wallOffsetNs: bigint): number;
  close(): void;
  /** After `close`: programs, maps and links that the kernel has not freed yet. */
  kernelObjects(): number;
};

const root = new URL('../../', import.meta.url);

/** Where the build puts what is not TypeScript; the same from src/ and from dist/. */
export const buildPath = (name: string): string => fileURLToPath(new URL(`build/${name}`, root));

let loaded: Addon | undefined;

/** Loads the addon once a process. `RINGTAIL_ADDON` names another build of it, with sanitizers for instance. Throws KernelError. */
export const loadAddon = (path = process.env['RINGTAIL_ADDON'] ?? buildPath('native/ringtail.node')): Addon => {
  if (loaded !== undefined) return loaded;
  if (!existsSync(path)) {
    throw new KernelError(`the native addon is not built: ${path} does not exist`, {
      advice: 'run `npm run build` in the folder of Ringtail',
    });
  }
  try {
    loaded = createRequire(import.meta.url)(path) as Addon;
  } catch (error) {
    throw new KernelError('the native addon cannot be loaded', { cause: error, advice: 'run `npm run build` again on this machine' });
  }
  return loaded;
};
