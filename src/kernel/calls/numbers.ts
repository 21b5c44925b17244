/** Which number stands for which call: by processor, and for the calls of 32-bit programs. Source: the kernel's syscall tables. */
import type { callId } from '../layouts.gen.ts';

type Id = Exclude<keyof typeof callId, 'none' | 'ids'>;
type Table = Readonly<Partial<Record<Id, number | readonly number[]>>>;

export type CallNumbers = { readonly native: Table; readonly compat: Table };

const x86_64: Table = {
  read: 0, write: 1, open: 2, close: 3, pread64: 17, pwrite64: 18, readv: 19, writev: 20, connect: 42, accept: 43, sendto: 44, recvfrom: 45,
  sendmsg: 46, recvmsg: 47, clone: 56, fork: 57, vfork: 58, execve: 59, rmdir: 84, creat: 85, unlink: 87, openat: 257, unlinkat: 263,
  accept4: 288, preadv: 295, pwritev: 296, recvmmsg: 299, sendmmsg: 307, execveat: 322, preadv2: 327, pwritev2: 328, clone3: 435, openat2: 437,
}; // prettier-ignore

const ia32: Table = {
  fork: 2, read: 3, write: 4, open: 5, close: 6, creat: 8, unlink: 10, execve: 11, rmdir: 40, socketcall: 102, clone: 120, readv: 145,
  writev: 146, pread64: 180, pwrite64: 181, vfork: 190, openat: 295, unlinkat: 301, preadv: 333, pwritev: 334, recvmmsg: [337, 417],
  sendmmsg: 345, execveat: 358, connect: 362, accept4: 364, sendto: 369, sendmsg: 370, recvfrom: 371, recvmsg: 372, preadv2: 378,
  pwritev2: 379, clone3: 435, openat2: 437,
}; // prettier-ignore

const arm64: Table = {
  unlinkat: 35, openat: 56, close: 57, read: 63, write: 64, readv: 65, writev: 66, pread64: 67, pwrite64: 68, preadv: 69, pwritev: 70,
  accept: 202, connect: 203, sendto: 206, recvfrom: 207, sendmsg: 211, recvmsg: 212, clone: 220, execve: 221, accept4: 242, recvmmsg: 243,
  sendmmsg: 269, execveat: 281, preadv2: 286, pwritev2: 287, clone3: 435, openat2: 437,
}; // prettier-ignore

const arm32: Table = {
  fork: 2, read: 3, write: 4, open: 5, close: 6, creat: 8, unlink: 10, execve: 11, rmdir: 40, clone: 120, readv: 145, writev: 146,
  pread64: 180, pwrite64: 181, vfork: 190, connect: 283, accept: 285, send: 289, sendto: 290, recv: 291, recvfrom: 292, sendmsg: 296,
  recvmsg: 297, openat: 322, unlinkat: 328, preadv: 361, pwritev: 362, recvmmsg: [365, 417], accept4: 366, sendmmsg: 374, execveat: 387,
  preadv2: 392, pwritev2: 393, clone3: 435, openat2: 437,
}; // prettier-ignore

/** `machine` as uname says. Undefined: its numbers are not known. */
export const callNumbersOf = (machine: string): CallNumbers | undefined => {
  if (machine === 'x86_64') return { native: x86_64, compat: ia32 };
  if (machine === 'aarch64') return { native: arm64, compat: arm32 };
  return undefined;
};
