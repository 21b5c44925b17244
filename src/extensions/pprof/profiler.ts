/** Profiles of this process by the inspector of V8. */
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pipeline } from 'node:stream/promises';
import { getHeapSnapshot } from 'node:v8';

/** Between two looks at the stack: V8's own default. */
const SAMPLING_INTERVAL_US = 1000;

/** CPU profile over `ms`, or less when `signal` is aborted, as the JSON of a `.cpuprofile` file. */
export const takeCpuProfile = async (ms: number, signal: AbortSignal): Promise<string> => {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLING_INTERVAL_US });
    await session.post('Profiler.start');
    await wait(ms, undefined, { signal }).catch(() => {});
    const { profile } = await session.post('Profiler.stop');
    return JSON.stringify(profile);
  } finally {
    session.disconnect();
  }
};

const PREFIX = 'heap-';
const SUFFIX = '.heapsnapshot';

/** Removes what is more than `keep`, the oldest first; names sort by time. */
const removeOld = async (directory: string, keep: number): Promise<void> => {
  const names = (await readdir(directory)).filter((name) => name.startsWith(PREFIX) && name.endsWith(SUFFIX)).toSorted();
  for (const name of names.slice(0, Math.max(0, names.length - keep))) await rm(join(directory, name), { force: true });
};

export type SnapshotFile = { readonly path: string; readonly bytes: number };

/**
 * Writes what is on the heap to a new file in `directory`, which only its owner may read: the heap holds secrets. Everything stands still while
 * V8 walks the heap.
 */
export const writeHeapSnapshot = async (directory: string, keep: number, nowMs: number): Promise<SnapshotFile> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `${PREFIX}${new Date(nowMs).toISOString().replaceAll(':', '')}-${process.pid}${SUFFIX}`);
  const partial = `${path}.part`;
  try {
    // not one that somebody else has put there
    const file = await open(partial, 'wx', 0o600);
    await pipeline(getHeapSnapshot(), createWriteStream('', { fd: file }));
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await removeOld(directory, keep);
  return { path, bytes: (await stat(path)).size };
};
