import { constants } from 'node:os';

/** Names of negative errno values as the kernel returns them, `-2 → ENOENT`. Where two names share a number the usual one is kept. */
export const errnoNames: ReadonlyMap<number, string> = new Map([
  ...Object.entries(constants.errno)
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'ENOTSUP')
    .map(([name, value]) => [-value, name] as const),
  // not in libuv's table; include/uapi/asm-generic/errno.h
  ...([
    [-15, 'ENOTBLK'], [-49, 'EUNATCH'], [-52, 'EBADE'], [-53, 'EBADR'], [-79, 'ELIBACC'], [-80, 'ELIBBAD'], [-81, 'ELIBSCN'],
    [-82, 'ELIBMAX'], [-83, 'ELIBEXEC'], [-85, 'ERESTART'], [-87, 'EUSERS'], [-94, 'ESOCKTNOSUPPORT'], [-96, 'EPFNOSUPPORT'],
    [-108, 'ESHUTDOWN'], [-112, 'EHOSTDOWN'], [-117, 'EUCLEAN'], [-121, 'EREMOTEIO'], [-123, 'ENOMEDIUM'], [-126, 'ENOKEY'],
    [-127, 'EKEYEXPIRED'], [-128, 'EKEYREVOKED'], [-129, 'EKEYREJECTED'], [-132, 'ERFKILL'], [-133, 'EHWPOISON'],
  ] as const), // prettier-ignore
]);
