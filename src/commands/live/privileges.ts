/** What commands need that look at the kernel themselves. */
import { readFileSync } from 'node:fs';
import { KernelError } from '../../core/errors.ts';

/** linux/capability.h. */
const CAP_SYS_ADMIN = 21;
const CAP_PERFMON = 38;
const CAP_BPF = 39;

const ownStatus = (): string => {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
};

/** Throws a KernelError, exit code 3, for who may not load programs; `what` begins its sentence: `events`. `status` is as /proc/self/status. */
export const requirePrivileges = (what: string, command: string, status: string = ownStatus()): void => {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const has = (bit: number): boolean => ((effective >> BigInt(bit)) & 1n) === 1n;
  if (has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON))) return;
  throw new KernelError(`no Ringtail is running that could be asked, and to look at ${what} alone takes root, or CAP_BPF and CAP_PERFMON`, {
    advice: `run "sudo ringtail ${command}", or start a Ringtail with the extension control and its option group`,
  });
};
