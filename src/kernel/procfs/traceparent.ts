/** TRACEPARENT as procfs shows it, and nothing else of an environment. */
import { readdir } from 'node:fs/promises';
import { mapBounded } from '../../core/bounded.ts';
import { readEnvironment } from './environ.ts';
import { readExecutable } from './executable.ts';
import type { ProgramQuestion } from './program.ts';
import { readStat } from './stat.ts';

/** More than 6 MiB execve(2) takes from nobody, arguments included. */
const MAX_ENVIRONMENT_BYTES = 6 << 20;
const CONCURRENT_READS = 4;
/** As many as the process table holds. */
const MAX_PROCESSES = 65_536;

const NAME = 'TRACEPARENT=';
const NUL = 0;
const NO_VALUE = new Uint8Array(0);

/** Value of the first variable of this name, as getenv(3) has it; empty: there is none. */
export const traceparentIn = (environment: Uint8Array): Uint8Array => {
  const bytes = Buffer.from(environment.buffer, environment.byteOffset, environment.byteLength);
  for (let at = bytes.indexOf(NAME); at >= 0; at = bytes.indexOf(NAME, at + 1)) {
    if (at > 0 && bytes[at - 1] !== NUL) continue;
    const start = at + NAME.length;
    const end = bytes.indexOf(NUL, start);
    return Uint8Array.from(bytes.subarray(start, end < 0 ? bytes.length : end));
  }
  return NO_VALUE;
};

/** Undefined: it could not be read, or not to its end. */
export const readTraceparent = async (root: string, question: ProgramQuestion): Promise<Uint8Array | undefined> => {
  const result = await readEnvironment(root, question, MAX_ENVIRONMENT_BYTES);
  if (!result.ok) return undefined;
  const value = traceparentIn(result.value.bytes);
  return value.length === 0 && result.value.truncated ? undefined : value;
};

/** What is told of who runs; paths are raw. */
export type RunningProgram = { readonly pid: number; readonly comm: Uint8Array; readonly path: Uint8Array };
/** `startNs`: boot time, ns, in whole ticks of 1/100 s. */
export type RunningTraceparent = { readonly pid: number; readonly startNs: bigint; readonly value: Uint8Array | undefined };

/** Of those that run now and are meant; nothing when /proc cannot be listed. */
export const readRunningTraceparents = async (
  root: string,
  isMeant: (program: RunningProgram) => boolean,
): Promise<readonly RunningTraceparent[]> => {
  const names = await readdir(`${root}/proc`).catch((): string[] => []);
  const pids = names.filter((name) => /^[1-9]\d{0,9}$/.test(name)).map(Number);
  const look = async (pid: number): Promise<RunningTraceparent | undefined> => {
    const stat = await readStat(root, pid);
    if (!stat.ok || stat.value.kernelThread) return undefined;
    const { comm, startNs } = stat.value;
    const executable = await readExecutable(root, pid);
    const path = executable.ok ? executable.value.path : NO_VALUE;
    return isMeant({ pid, comm, path }) ? { pid, startNs, value: await readTraceparent(root, { pid, startNs, comm }) } : undefined;
  };
  const found = await mapBounded(pids.slice(0, MAX_PROCESSES), CONCURRENT_READS, look);
  return found.filter((one) => one !== undefined);
};
