/** The cgroups that are known, by number; the dead for a while. */
import type { AttributeSource } from '../../core/batch.ts';
import { attributeName } from '../../otlp/names.ts';
import type { CgroupInfo } from '../cgroup-types.ts';
import { createTextPool } from '../named-source.ts';
import { hierarchyOf } from './number.ts';

export type CgroupEntry = {
  readonly info: CgroupInfo;
  /** Its path in `source`. */
  readonly text: number;
  /** The walk that was begun last when it was entered, and when it died. */
  readonly sinceWalk: number;
  readonly goneInWalk: number;
};

export type CgroupStore = {
  get(number: number): CgroupEntry | undefined;
  /** Enters one that is there; the path of one that is known is corrected. undefined: there is no room. */
  put(number: number, path: string): CgroupEntry | undefined;
  /** It is gone now; undefined when it is not known, or gone already. */
  bury(number: number): CgroupInfo | undefined;
  /** Forgets those that have been dead for long enough. */
  forget(): void;
  /** A walk begins; its number. */
  beginWalk(): number;
  living(): readonly CgroupEntry[];
  readonly source: AttributeSource;
  /** Changes when a path that was told is not right any more, or there is one more. */
  readonly version: number;
  readonly size: number;
  readonly refused: number;
};

export type CgroupStoreOptions = { readonly capacity: number; readonly keepMs: number; readonly nowMs: () => number };

export const createCgroupStore = ({ capacity, keepMs, nowMs }: CgroupStoreOptions): CgroupStore => {
  const pool = createTextPool([attributeName.processLinuxCgroup]);
  const entries = new Map<number, CgroupEntry>();
  /** In the order of their death. */
  const dead = new Map<number, number>();
  let version = 0;
  let refused = 0;
  let walk = 0;

  const drop = (number: number): void => {
    pool.release(entries.get(number)!.text);
    entries.delete(number);
    dead.delete(number);
    version++;
  };

  /** Whoever died first makes room. */
  const makeRoom = (): boolean => {
    if (entries.size < capacity) return true;
    refused++;
    for (const number of dead.keys()) {
      drop(number);
      return true;
    }
    return false;
  };

  return {
    get: (number) => entries.get(number),
    put(number, path) {
      const known = entries.get(number);
      if (known !== undefined && known.info.path === path && known.info.goneAtMs === undefined) return known;
      if (known !== undefined) drop(number);
      else if (!makeRoom()) return undefined;
      const info: CgroupInfo = { id: BigInt(number), path, hierarchy: hierarchyOf(number), goneAtMs: undefined };
      const entry = { info, text: pool.add(path), sinceWalk: walk, goneInWalk: 0 };
      entries.set(number, entry);
      version++;
      return entry;
    },
    bury(number) {
      const entry = entries.get(number);
      if (entry === undefined || entry.info.goneAtMs !== undefined) return undefined;
      const goneAtMs = nowMs();
      const info = { ...entry.info, goneAtMs };
      entries.set(number, { ...entry, info, goneInWalk: walk });
      dead.set(number, goneAtMs);
      return info;
    },
    forget() {
      const now = nowMs();
      for (const [number, goneAtMs] of dead) {
        if (now - goneAtMs < keepMs) return;
        drop(number);
      }
    },
    beginWalk: () => ++walk,
    living: () => Array.from(entries.values()).filter(({ info }) => info.goneAtMs === undefined),
    source: pool.sources[attributeName.processLinuxCgroup],
    get version() {
      return version;
    },
    get size() {
      return entries.size;
    },
    get refused() {
      return refused;
    },
  };
};
