/** What is known of the cgroups of this host, of all hierarchies that records may be about. */
import type { AttributeSource, Frame } from '../core/batch.ts';
import type { KernelFrame } from './frames.ts';

/** A cgroup whose path is not known, and a process that was in it. */
export type CgroupQuestion = { readonly id: bigint; readonly pid: number };
/** Ids of paths by actor, 0 = not known. */
export type CgroupIds = { readonly paths: Uint32Array; readonly missing: readonly CgroupQuestion[] };

export type CgroupInfo = {
  /** As records have it, see CGROUP_HIERARCHY_SHIFT. */
  readonly id: bigint;
  /** From the root of its hierarchy, as in /proc/<pid>/cgroup. */
  readonly path: string;
  /** 0: v2. */
  readonly hierarchy: number;
  /** Unix time in ms at which it was removed; undefined: it is there. */
  readonly goneAtMs: number | undefined;
};

export type CgroupChange = { readonly kind: 'made' | 'gone' | 'attached'; readonly cgroup: CgroupInfo; readonly pid: number };

export type Cgroups = {
  /** Finds the mounts and reads the trees. False when there is none. */
  start(): Promise<boolean>;
  /** Takes in what the kernel told of cgroups; before anybody looks at the frame. */
  absorb(frame: KernelFrame): void;
  /** Valid until the cache changes (`version`). */
  resolve(frame: Frame): CgroupIds;
  /** Learns paths, by the processes that were asked with and else by a walk; never rejects. */
  fetch(questions: readonly CgroupQuestion[]): Promise<void>;
  /** undefined when not known. The dead are known for a while. */
  info(id: bigint): CgroupInfo | undefined;
  path(id: bigint): string | undefined;
  /** Those that are there. */
  living(): readonly CgroupInfo[];
  /** Tells of changes as they are absorbed. Returns a function that ends it. */
  onChange(listener: (change: CgroupChange) => void): () => void;
  /** `process.linux.cgroup` by the ids of `resolve`. */
  readonly source: AttributeSource;
  readonly version: number;
  readonly size: number;
  /** Cgroups that were not kept because there are too many. */
  readonly refused: number;
};
