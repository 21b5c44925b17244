import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export type FakeProcess = {
  readonly pid: number;
  readonly comm?: string;
  readonly ppid?: number;
  /** Ticks of 10 ms since boot. */
  readonly startTicks?: number;
  readonly state?: string;
  /** Stands for code, stack and argument addresses; 0 = not for us. */
  readonly layout?: number;
  readonly kernelThread?: boolean;
  readonly threads?: number;
  readonly uids?: readonly [number, number];
  readonly namespacePids?: readonly number[];
  readonly exe?: string;
  readonly args?: readonly string[];
  readonly cgroup?: string;
  readonly loginUid?: number;
  readonly mountNamespace?: string;
  readonly processRoot?: string;
};

export type FakeProc = {
  readonly root: string;
  set(process: FakeProcess): void;
  remove(pid: number): void;
  write(path: string, text: string): void;
  mkdir(path: string): string;
  dispose(): void;
};

const statLine = ({
  pid,
  comm = 'x',
  ppid = 1,
  startTicks = 100,
  state = 'S',
  layout = 7,
  kernelThread = false,
  threads = 1,
}: FakeProcess): string => {
  // Fields 3 to 52 of proc(5).
  const fields: (string | number)[] = Array.from({ length: 50 }, () => 0);
  const put = (field: number, value: string | number): void => void (fields[field - 3] = value);
  put(3, state);
  put(4, ppid);
  put(6, pid);
  put(9, kernelThread ? 0x20_8040 : 0x40_0000);
  put(20, threads);
  put(22, startTicks);
  for (const field of [26, 28, 48]) put(field, layout === 0 ? (field === 26 ? 1 : 0) : layout * 1000 + field);
  return `${pid} (${comm}) ${fields.join(' ')}\n`;
};

/** A tree that looks like a host's root, as far as the readers of procfs look. */
export const createFakeProc = (): FakeProc => {
  const root = mkdtempSync(join(tmpdir(), 'ringtail-proc-'));
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, 'latin1');
  };
  write('proc/uptime', '1000.50 2000.00\n');
  write('proc/mounts', 'proc /proc proc rw 0 0\n');
  return {
    root,
    write,
    set(process) {
      const { pid, uids = [0, 0], namespacePids, exe, args = [], cgroup, loginUid = 0xffff_ffff, mountNamespace, processRoot } = process;
      const at = `proc/${pid}`;
      rmSync(join(root, at), { recursive: true, force: true });
      write(`${at}/stat`, statLine(process));
      const pids = namespacePids === undefined ? '' : `NStgid:\t${namespacePids.join('\t')}\n`;
      write(`${at}/status`, `Name:\tx\nTgid:\t${pid}\nUid:\t${uids[0]}\t${uids[1]}\t0\t0\n${pids}`);
      write(`${at}/cmdline`, args.map((arg) => `${arg}\0`).join(''));
      write(`${at}/loginuid`, String(loginUid));
      if (cgroup !== undefined) write(`${at}/cgroup`, `1:name=systemd:/x\n0::${cgroup}\n`);
      if (exe !== undefined) symlinkSync(exe, join(root, at, 'exe'));
      symlinkSync('/work', join(root, at, 'cwd'));
      if (mountNamespace !== undefined) {
        mkdirSync(join(root, at, 'ns'));
        symlinkSync(`mnt:[${mountNamespace}]`, join(root, at, 'ns/mnt'));
      }
      if (processRoot !== undefined) symlinkSync(processRoot, join(root, at, 'root'));
    },
    remove: (pid) => rmSync(join(root, `proc/${pid}`), { recursive: true, force: true }),
    mkdir(path) {
      mkdirSync(join(root, path), { recursive: true });
      return join(root, path);
    },
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
};
