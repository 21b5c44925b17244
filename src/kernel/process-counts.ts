/** Processes that are counted for metrics: execs and exits as the programs add them up, and who is alive at this moment. */
import type { NativeSession } from './addon.ts';
import { mapLayout } from './layouts.gen.ts';
import { ALIVE_ITERATOR } from './process-programs.ts';
import { nextGeneration, type Reading } from './sums.ts';

const { processCountKey, processCount, aliveCount } = mapLayout;

/** Readings of maps whose keys are `struct process_count_key`, and of what found no room in them. Promises reject with a NativeError. */
export type ProcessCounts = {
  /**
   * `process_counts`, then `process_rest`; who is alive now by cgroup and network namespace, then what found no room there. Where nothing can be
   * counted the first two are empty. Undefined: nobody asks.
   */
  read(): Promise<ProcessReadings | undefined>;
  /** Entries of `process_counts`, which are then no longer there. */
  take(keys: Uint8Array): Promise<Reading | undefined>;
};

export type ProcessReadings = readonly [counts: Reading, rest: Reading, alive: Reading, aliveRest: Reading];

/** Which word of an entry is which. */
export const processWord = { execs: processCount.execs / 8, exits: processCount.exits / 8, alive: aliveCount.processes / 8 } as const;

/** Of the programs that were loaded as this object. */
export const createProcessCounts = (session: NativeSession, object: number): ProcessCounts => {
  const generation = nextGeneration();
  const read = async (map: string): Promise<Reading> => ({ ...(await session.readSums(object, map)), generation });
  let last: Promise<unknown> = Promise.resolve();

  /** One walk runs at a time, and what it found is read before the next one. */
  const look = async (): Promise<ProcessReadings> => {
    const { count, keys } = await session.readSums(object, 'alive_counts');
    if (count > 0) await session.dropEntries(object, 'alive_counts', keys);
    session.putEntry(object, 'alive_rest', new Uint8Array(4), new Uint8Array(aliveCount.size));
    await session.walk(object, ALIVE_ITERATOR);
    return [await read('process_counts'), await read('process_rest'), await read('alive_counts'), await read('alive_rest')];
  };

  return {
    take: async (keys) => ({ ...(await session.takeSums(object, 'process_counts', keys)), generation }),
    read() {
      const looking = last.then(look);
      last = looking.catch(() => {});
      return looking;
    },
  };
};

const NOTHING: Omit<Reading, 'generation' | 'words'> = {
  count: 0,
  keyBytes: processCountKey.size,
  keys: Buffer.alloc(0),
  sums: new Float64Array(0),
  missed: 0,
};

/** Processes by the number of their cgroup, as the maps of the kernel would have them; their network namespaces are not known. */
export const readingsOfAlive = (byCgroup: ReadonlyMap<number, number>, generation: number): ProcessReadings => {
  const { size, cgroupId } = processCountKey;
  const keys = Buffer.alloc(byCgroup.size * size);
  [...byCgroup.keys()].forEach((cgroup, entry) => keys.writeBigUInt64LE(BigInt(cgroup), entry * size + cgroupId));
  const counts = { ...NOTHING, words: processCount.size / 8, generation };
  const alive = { ...NOTHING, words: aliveCount.size / 8, generation };
  return [counts, counts, { ...alive, count: byCgroup.size, keys, sums: Float64Array.from(byCgroup.values()) }, alive];
};
