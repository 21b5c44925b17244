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

/**
 * The first mount namespace of a kernel: MNT_NS_INIT_INO of include/linux/proc_ns.h since 6.15; before that the first number that is given out
 * dynamically, 0xf0000000, and on some versions the one after it. No later namespace gets them, as the first one never goes.
 */
const INITIAL_MOUNT_NAMESPACES: ReadonlySet<number> = new Set([0xeffffff8, 0xf0000000, 0xf0000001]);

const numberOf = (link: string): number => {
  try {
    return statSync(link).ino;
  } catch {
    return 0;
  }
};

/**
 * Number of the mount namespace of the host's first process, or of Ringtail's own when the first process may not be looked at and ours is known to be
 * the kernel's first. 0: not known.
 */
export const hostMountNamespace = (procPath: string, ownNumber: () => number = () => numberOf('/proc/self/ns/mnt')): number => {
  const first = namesInitialPidNamespace(`${procPath}/1/ns/pid`) === true ? numberOf(`${procPath}/1/ns/mnt`) : 0;
  if (first !== 0) return first;
  const own = ownNumber();
  return INITIAL_MOUNT_NAMESPACES.has(own) ? own : 0;
};
