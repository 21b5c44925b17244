/** Flags of system calls by name, as the kernel's own headers give them. */
import type { FlagName } from '../../core/batch.ts';

/** As uname says. arm64 has numbers of its own for four flags of `open`. */
export type Machine = 'x86_64' | 'aarch64';

/** The two lowest bits are one number, and reading alone is 0. */
const ACCESS_MODE = 3;

/** include/uapi/asm-generic/fcntl.h and arch/arm64/include/uapi/asm/fcntl.h. What contains another flag stands instead of it. */
export const openFlagNames = (machine: Machine): readonly FlagName[] => {
  const isArm = machine === 'aarch64';
  const directory = isArm ? 0x4000 : 0x1_0000;
  const tmpFile = 0x40_0000 | directory;
  const sync = 0x10_1000;
  return [
    [0, 'O_RDONLY', ACCESS_MODE],
    [1, 'O_WRONLY', ACCESS_MODE],
    [2, 'O_RDWR', ACCESS_MODE],
    [0x40, 'O_CREAT'],
    [0x80, 'O_EXCL'],
    [0x100, 'O_NOCTTY'],
    [0x200, 'O_TRUNC'],
    [0x400, 'O_APPEND'],
    [0x800, 'O_NONBLOCK'],
    [sync, 'O_SYNC'],
    [0x1000, 'O_DSYNC', sync],
    [0x2000, 'O_ASYNC'],
    [isArm ? 0x1_0000 : 0x4000, 'O_DIRECT'],
    [isArm ? 0x2_0000 : 0x8000, 'O_LARGEFILE'],
    [tmpFile, 'O_TMPFILE'],
    [directory, 'O_DIRECTORY', tmpFile],
    [isArm ? 0x8000 : 0x2_0000, 'O_NOFOLLOW'],
    [0x4_0000, 'O_NOATIME'],
    [0x8_0000, 'O_CLOEXEC'],
    [0x20_0000, 'O_PATH'],
  ];
};

/** include/uapi/linux/fcntl.h */
export const unlinkFlagNames: readonly FlagName[] = [[0x200, 'AT_REMOVEDIR']];
