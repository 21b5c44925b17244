/** What the kernel has counted of system calls, summed over CPUs: by cgroup, network namespace, executable, call and error. */
import type { MapEntries } from '../addon.ts';
import { mapLayout } from '../layouts.gen.ts';
import type { Reading } from '../sums.ts';

export type CountMaps = {
  /** Names of executables; undefined while the programs are not loaded. Throws a NativeError. */
  read(map: 'call_names'): MapEntries | undefined;
  /** Undefined while the programs are not loaded. Rejects with a NativeError. */
  readSums(map: 'call_counts' | 'call_overflow'): Promise<Reading | undefined>;
  /** The same of these keys, which are taken out. */
  takeSums(map: 'call_counts', keys: Uint8Array): Promise<Reading | undefined>;
};

export type CallCounts = {
  /** Keys are `struct call_count_key`; see `callWord`. Only ever grow for as long as the programs are loaded. */
  readonly counts: Reading;
  /** What found no room in the map. Keys are `enum call_id`. */
  readonly overflow: Reading;
};

const { callCount } = mapLayout;

/** Which word of an entry is what. */
export const callWord = { calls: callCount.calls / 8, bytes: callCount.bytes / 8 } as const;

/** Undefined while nothing is counted, or when the programs were loaded anew meanwhile. Rejects with a NativeError. */
export const readCallCounts = async (maps: Pick<CountMaps, 'readSums'>): Promise<CallCounts | undefined> => {
  const [counts, overflow] = await Promise.all([maps.readSums('call_counts'), maps.readSums('call_overflow')]);
  if (counts === undefined || overflow === undefined || counts.generation !== overflow.generation) return undefined;
  return { counts, overflow };
};
