import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { readFailure, type ReadFailure, type ReadResult } from './read.ts';
import { readStatIn, type ProcessStat } from './stat.ts';

export type HeldProcess = {
  readonly pid: number;
  /** Of the one that is held, whoever has its number by now; `gone` when it is reaped. */
  stat(): Promise<ReadResult<ProcessStat>>;
};

/**
 * Runs `use` while the process that has this number is held by its folder in procfs, which never becomes another's (fs/proc/base.c: it refers to
 * the struct pid, not to the number). As long as `stat` gives one, the number is its own, and so is all that was read by the number before.
 * The text of the stat file alone does not tell: two children of one process that start in one tick look the same until they start a program.
 */
export const holdProcess = async <T>(root: string, pid: number, use: (held: HeldProcess) => Promise<T>): Promise<T | ReadFailure> => {
  let folder: FileHandle;
  try {
    folder = await open(`${root}/proc/${pid}`, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    return readFailure(error);
  }
  try {
    return await use({ pid, stat: () => readStatIn(`/proc/self/fd/${folder.fd}`) });
  } finally {
    await folder.close();
  }
};
