/** Processes that are counted for metrics: execs and exits as the programs add them up, and who is alive at this moment. */
import type { NativeSession } from './addon.ts';
import { mapLayout } from './layouts.gen.ts';
import { ALIVE_ITERATOR } from './process-programs.ts';
import { nextGeneration, type Reading } from './sums.ts';

const { processCountKey, processCount, aliveCount } = mapLayout;

/** Readings of maps whose keys are `struct process_count_key`, and of what found no room in them. Each promise rejects with a NativeError. */
export type ProcessCounts = {
  /** Words `execs` and `exits`: `process_counts`, then `process_rest`. Undefined: they cannot be counted here. */
  counts(): Promise<readonly Reading[] | undefined>;
  /** Entries of `process_counts`, which are then no longer there. */
  take(keys: Uint8Array): Promise<Reading | undefined>;
  /** Looks who is alive: by cgroup and network namespace, then what found no room. Undefined: nobody can be looked at. */
  alive(): Promise<readonly Reading[] | undefined>;
};

/** Which word of a reading is which. */
export const processWord = { execs: processCount.execs / 8, exits: processCount.exits / 8, alive: aliveCount.processes / 8 } as const;

/** Of the programs that were loaded as this object. */
export const createProcessCounts = (session: NativeSession, object: number): ProcessCounts => {
  const generation = nextGeneration();
  const read = async (map: string): Promise<Reading> => ({ ...(await session.readSums(object, map)), generation });
  let last: Promise<unknown> = Promise.resolve();

  /** One walk runs at a time, and what it found is read before the next one. */
  const look = async (): Promise<readonly Reading[]> => {
    const { count, keys } = await session.readSums(object, 'alive_counts');
    if (count > 0) await session.dropEntries(object, 'alive_counts', keys);
    session.putEntry(object, 'alive_rest', new Uint8Array(4), new Uint8Array(aliveCount.size));
    await session.walk(object, ALIVE_ITERATOR);
    return [await read('alive_counts'), await read('alive_rest')];
  };

  return {
    counts: async () => [await read('process_counts'), await read('process_rest')],
    take: async (keys) => ({ ...(await session.takeSums(object, 'process_counts', keys)), generation }),
    alive() {
      const looking = last.then(look);
      last = looking.catch(() => {});
      return looking;
    },
  };
};

const REST: Omit<Reading, 'generation'> = {
  count: 0,
  keyBytes: 4,
  keys: Buffer.alloc(0),
  words: 1,
  sums: new Float64Array(0),
  missed: 0,
};

/** Processes by the number of their cgroup, as the maps of the kernel would have them; their network namespaces are not known. */
export const readingsOfAlive = (byCgroup: ReadonlyMap<number, number>, generation: number): readonly Reading[] => {
  const keys = Buffer.alloc(byCgroup.size * processCountKey.size);
  [...byCgroup.keys()].forEach((cgroup, entry) =>
    keys.writeBigUInt64LE(BigInt(cgroup), entry * processCountKey.size + processCountKey.cgroupId),
  );
  return [
    { ...REST, count: byCgroup.size, keyBytes: processCountKey.size, keys, sums: Float64Array.from(byCgroup.values()), generation },
    { ...REST, generation },
  ];
};
