import { readExecutable, type ExecutableLink } from './executable.ts';
import { isSameProgram } from './process.ts';
import { readStat, TICK_NS, type ProcessStat } from './stat.ts';

/** Who is asked for: the process that started at `startNs`; with `comm`, only if its main thread still has that name. */
export type ProgramQuestion = { readonly pid: number; readonly startNs: bigint; readonly comm?: Uint8Array };

/** `other`: the pid or the program is another one by now. */
export type ProgramAnswer =
  | { readonly ok: true; readonly executable: ExecutableLink; readonly stat: ProcessStat }
  | { readonly ok: false; readonly reason: 'gone' | 'denied' | 'failed' | 'other' };

const NO_EXECUTABLE: ExecutableLink = { path: new Uint8Array(0), pathFlags: 0 };

/**
 * What a process runs, if it still is the one that is asked for. Start time and name are compared before and after: the pid may be
 * used anew meanwhile, and a program that was started gives the thread its own name.
 */
export const readProgram = async (root: string, { pid, startNs, comm }: ProgramQuestion): Promise<ProgramAnswer> => {
  const before = await readStat(root, pid);
  if (!before.ok) return before;
  const ageNs = startNs - before.value.startNs;
  if (ageNs < 0n || ageNs >= TICK_NS) return { ok: false, reason: 'other' };
  if (comm !== undefined && Buffer.compare(comm, before.value.comm) !== 0) return { ok: false, reason: 'other' };
  const executable = before.value.kernelThread ? { ok: true as const, value: NO_EXECUTABLE } : await readExecutable(root, pid);
  if (!executable.ok) return executable;
  const after = await readStat(root, pid);
  if (!after.ok) return after;
  if (!isSameProgram(before.value, after.value)) return { ok: false, reason: 'other' };
  return { ok: true, executable: executable.value, stat: after.value };
};
