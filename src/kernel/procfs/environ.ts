import { holdProcess } from './held.ts';
import { isSameProgram } from './process.ts';
import type { ProgramQuestion } from './program.ts';
import { readBounded, type BoundedBytes, type ReadResult } from './read.ts';
import { TICK_NS } from './stat.ts';

/** The environment that a program was given, each variable ended by NUL, if the process still runs the program that is asked for; it may have written over it since. */
export const readEnvironment = (
  root: string,
  { pid, startNs, comm }: ProgramQuestion,
  maxBytes: number,
): Promise<ReadResult<BoundedBytes>> =>
  holdProcess(root, pid, async ({ stat }): Promise<ReadResult<BoundedBytes>> => {
    const before = await stat();
    if (!before.ok) return before;
    const ageNs = startNs - before.value.startNs;
    const isIt = ageNs >= 0n && ageNs < TICK_NS && (comm === undefined || Buffer.compare(comm, before.value.comm) === 0);
    if (!isIt) return { ok: false, reason: 'failed' };
    const environment = await readBounded(`${root}/proc/${pid}/environ`, maxBytes);
    const after = await stat();
    if (!after.ok) return after;
    return isSameProgram(before.value, after.value) ? environment : { ok: false, reason: 'failed' };
  });
