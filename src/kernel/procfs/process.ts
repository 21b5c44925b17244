/** The rest of what procfs tells about one process, and all of it together. */
import { readExecutable, type ExecutableLink } from './executable.ts';
import { holdProcess, type HeldProcess } from './held.ts';
import { readBounded, readLatin1, readLink, type ReadResult } from './read.ts';
import { readStatus, type ProcessStat, type ProcessStatus } from './stat.ts';

/** As much as the kernel side keeps of the arguments. */
export const DEFAULT_CMDLINE_BYTES = 32_768;
/** A path in each of a dozen hierarchies. */
const MAX_CGROUP_BYTES = 65_536;
const UNSET_LOGIN_UID = 0xffff_ffff;

/** `args` without their final NUL; the last one is short by what was cut when `truncated`. */
export type CommandLine = { readonly args: readonly Uint8Array[]; readonly truncated: boolean };

export const parseCommandLine = (bytes: Uint8Array, truncated: boolean): CommandLine => {
  const args: Uint8Array[] = [];
  let start = 0;
  for (let end = bytes.indexOf(0); end >= 0; end = bytes.indexOf(0, start)) {
    args.push(bytes.slice(start, end));
    start = end + 1;
  }
  // Without a final NUL it was cut, or the process wrote a title over it.
  if (start < bytes.length) args.push(bytes.slice(start));
  return { args, truncated };
};

export const readCommandLine = async (root: string, pid: number, maxBytes = DEFAULT_CMDLINE_BYTES): Promise<ReadResult<CommandLine>> => {
  const result = await readBounded(`${root}/proc/${pid}/cmdline`, maxBytes);
  return result.ok ? { ok: true, value: parseCommandLine(result.value.bytes, result.value.truncated) } : result;
};

/** Path in the v2 hierarchy and in each v1 hierarchy by its controllers (`cpu,cpuacct`, `name=systemd`). */
export type CgroupPaths = { readonly unified?: string; readonly v1: ReadonlyMap<string, string> };

export const parseCgroups = (text: string): CgroupPaths => {
  const v1 = new Map<string, string>();
  let unified: string | undefined;
  for (const line of text.split('\n')) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (match === null) continue;
    if (match[1] === '0' && match[2] === '') unified = match[3]!;
    else v1.set(match[2]!, match[3]!);
  }
  return unified === undefined ? { v1 } : { unified, v1 };
};

/** Paths as UTF-8 text, as far as they are that. */
export const readCgroups = async (root: string, pid: number): Promise<ReadResult<CgroupPaths>> => {
  const result = await readBounded(`${root}/proc/${pid}/cgroup`, MAX_CGROUP_BYTES);
  return result.ok ? { ok: true, value: parseCgroups(Buffer.from(result.value.bytes).toString('utf8')) } : result;
};

/** 0xffffffff = not set, or a kernel without audit. */
export const readLoginUid = async (root: string, pid: number): Promise<ReadResult<number>> => {
  const text = await readLatin1(`${root}/proc/${pid}/loginuid`, 64);
  if (!text.ok) return text.reason === 'gone' ? { ok: true, value: UNSET_LOGIN_UID } : text;
  const uid = Number(text.value.trim());
  return Number.isInteger(uid) && uid >= 0 ? { ok: true, value: uid >>> 0 } : { ok: false, reason: 'failed' };
};

export const readWorkingDirectory = (root: string, pid: number): Promise<ReadResult<Uint8Array>> => readLink(`${root}/proc/${pid}/cwd`);

/** What could not be had is undefined. */
export type ProcessFacts = {
  readonly stat: ProcessStat;
  readonly status: ProcessStatus | undefined;
  readonly executable: ExecutableLink | undefined;
  readonly commandLine: CommandLine | undefined;
  readonly workingDirectory: Uint8Array | undefined;
  readonly cgroups: CgroupPaths | undefined;
  readonly loginUid: number | undefined;
};

const valueOf = <T>(result: ReadResult<T>): T | undefined => (result.ok ? result.value : undefined);

/** All of one process at one time: the stat file is read before and after, and both must be of the same process and program. */
export const readProcess = (root: string, pid: number, maxCmdlineBytes = DEFAULT_CMDLINE_BYTES): Promise<ReadResult<ProcessFacts>> =>
  holdProcess(root, pid, (held) => readHeld(root, held, maxCmdlineBytes));

const readHeld = async (root: string, { pid, stat }: HeldProcess, maxCmdlineBytes: number): Promise<ReadResult<ProcessFacts>> => {
  const before = await stat();
  if (!before.ok) return before;
  const status = await readStatus(root, pid);
  const executable = await readExecutable(root, pid);
  const commandLine = await readCommandLine(root, pid, maxCmdlineBytes);
  const workingDirectory = await readWorkingDirectory(root, pid);
  const cgroups = await readCgroups(root, pid);
  const loginUid = await readLoginUid(root, pid);
  const after = await stat();
  if (!after.ok) return after;
  if (!isSameProgram(before.value, after.value)) return { ok: false, reason: 'gone' };
  return {
    ok: true,
    value: {
      stat: after.value,
      status: valueOf(status),
      executable: valueOf(executable),
      commandLine: valueOf(commandLine),
      workingDirectory: valueOf(workingDirectory),
      cgroups: valueOf(cgroups),
      loginUid: valueOf(loginUid),
    },
  };
};

/** The same process, and nothing that says that it started another program between the two. */
export const isSameProgram = (a: ProcessStat, b: ProcessStat): boolean =>
  a.startNs === b.startNs && a.layout === b.layout && Buffer.compare(a.comm, b.comm) === 0;
