import { readExecutable, type ExecutableLink } from './executable.ts';
import { holdProcess, type HeldProcess } from './held.ts';
import { isSameProgram } from './process.ts';
import { TICK_NS, type ProcessStat } from './stat.ts';

/** Who is asked for: the process that started at `startNs`; with `comm`, only if its main thread still has that name. */
export type ProgramQuestion = { readonly pid: number; readonly startNs: bigint; readonly comm?: Uint8Array };

/** `other`: the pid or the program is another one by now. */
export type ProgramAnswer =
  | { readonly ok: true; readonly executable: ExecutableLink; readonly stat: ProcessStat }
  | { readonly ok: false; readonly reason: 'gone' | 'denied' | 'failed' | 'other' };

const NO_EXECUTABLE: ExecutableLink = { path: new Uint8Array(0), pathFlags: 0 };

/**
 * What a process runs, if it still is the one that is asked for. It is held, since the pid may be used anew meanwhile. Start time and name
 * are compared before and after: a program that was started gives the thread its own name.
 */
export const readProgram = (root: string, question: ProgramQuestion): Promise<ProgramAnswer> =>
  holdProcess(root, question.pid, (held) => readHeld(root, held, question));

const readHeld = async (root: string, { pid, stat }: HeldProcess, { startNs, comm }: ProgramQuestion): Promise<ProgramAnswer> => {
  const before = await stat();
  if (!before.ok) return before;
  const ageNs = startNs - before.value.startNs;
  if (ageNs < 0n || ageNs >= TICK_NS) return { ok: false, reason: 'other' };
  if (comm !== undefined && Buffer.compare(comm, before.value.comm) !== 0) return { ok: false, reason: 'other' };
  const executable = before.value.kernelThread ? { ok: true as const, value: NO_EXECUTABLE } : await readExecutable(root, pid);
  if (!executable.ok) return executable;
  const after = await stat();
  if (!after.ok) return after;
  if (!isSameProgram(before.value, after.value)) return { ok: false, reason: 'other' };
  return { ok: true, executable: executable.value, stat: after.value };
};
