/** Numbers of the kernel by their names, as the kernel's own headers give them. */

/** The calls that make a process or start a program, by number: x86-64, ia32 and arm64 share none for different calls. */
export const callNames: ReadonlyMap<number, string> = new Map([
  [56, 'clone'],
  [57, 'fork'],
  [58, 'vfork'],
  [59, 'execve'],
  [322, 'execveat'],
  [435, 'clone3'],
  // ia32
  [2, 'fork'],
  [11, 'execve'],
  [120, 'clone'],
  [190, 'vfork'],
  [358, 'execveat'],
  // arm64
  [220, 'clone'],
  [221, 'execve'],
  [281, 'execveat'],
]);

/** include/uapi/linux/sched.h, by mask; the low byte is the signal that the parent gets. */
export const cloneFlagNames: readonly (readonly [mask: number, name: string])[] = [
  [0x100, 'CLONE_VM'],
  [0x200, 'CLONE_FS'],
  [0x400, 'CLONE_FILES'],
  [0x800, 'CLONE_SIGHAND'],
  [0x1000, 'CLONE_PIDFD'],
  [0x2000, 'CLONE_PTRACE'],
  [0x4000, 'CLONE_VFORK'],
  [0x8000, 'CLONE_PARENT'],
  [0x10000, 'CLONE_THREAD'],
  [0x20000, 'CLONE_NEWNS'],
  [0x40000, 'CLONE_SYSVSEM'],
  [0x80000, 'CLONE_SETTLS'],
  [0x100000, 'CLONE_PARENT_SETTID'],
  [0x200000, 'CLONE_CHILD_CLEARTID'],
  [0x400000, 'CLONE_DETACHED'],
  [0x800000, 'CLONE_UNTRACED'],
  [0x1000000, 'CLONE_CHILD_SETTID'],
  [0x2000000, 'CLONE_NEWCGROUP'],
  [0x4000000, 'CLONE_NEWUTS'],
  [0x8000000, 'CLONE_NEWIPC'],
  [0x10000000, 'CLONE_NEWUSER'],
  [0x20000000, 'CLONE_NEWPID'],
  [0x40000000, 'CLONE_NEWNET'],
  [0x80000000, 'CLONE_IO'],
  [0x100000000, 'CLONE_CLEAR_SIGHAND'],
  [0x200000000, 'CLONE_INTO_CGROUP'],
];
