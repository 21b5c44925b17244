import { readlinkSync, statSync } from 'node:fs';

/** Inode of the initial pid namespace: PROC_PID_INIT_INO of include/linux/proc_ns.h, the same on every kernel since 3.8. */
const INITIAL_PID_NAMESPACE = 'pid:[4026531836]';

/**
 * Ringtail's own number as the kernel programs see it; 0 when it runs in a pid namespace of its own, where its number is another one there, and
 * leaving that one out would hide a stranger.
 */
export const ownKernelPid = (readNamespace: () => string = () => readlinkSync('/proc/self/ns/pid'), pid: number = process.pid): number => {
  try {
    return readNamespace() === INITIAL_PID_NAMESPACE ? pid : 0;
  } catch {
    return 0;
  }
};

/** Whether a link of /proc/<pid>/ns/pid names the initial pid namespace; undefined when it may not be read. */
export const namesInitialPidNamespace = (link: string): boolean | undefined => {
  try {
    return readlinkSync(link) === INITIAL_PID_NAMESPACE;
  } catch {
    return undefined;
  }
};

/** Number of the namespace behind a link of /proc/<pid>/ns; 0 when it may not be looked at. */
export const namespaceNumber = (link: string): number => {
  try {
    return statSync(link).ino;
  } catch {
    return 0;
  }
};
