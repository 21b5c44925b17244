import { constants } from 'node:os';

/** Names of negative errno values as the kernel returns them, `-2 → ENOENT`. Where two names share a number the usual one is kept. */
export const errnoNames: ReadonlyMap<number, string> = new Map([
  ...Object.entries(constants.errno)
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'ENOTSUP')
    .map(([name, value]) => [-value, name] as const),
  // not in libuv's table; include/uapi/asm-generic/errno.h
  ...([
    [-15, 'ENOTBLK'], [-44, 'ECHRNG'], [-45, 'EL2NSYNC'], [-46, 'EL3HLT'], [-47, 'EL3RST'], [-48, 'ELNRNG'], [-49, 'EUNATCH'],
    [-50, 'ENOCSI'], [-51, 'EL2HLT'], [-52, 'EBADE'], [-53, 'EBADR'], [-54, 'EXFULL'], [-55, 'ENOANO'], [-56, 'EBADRQC'],
    [-57, 'EBADSLT'], [-59, 'EBFONT'], [-64, 'ENONET'], [-65, 'ENOPKG'], [-66, 'EREMOTE'], [-68, 'EADV'], [-69, 'ESRMNT'], [-70, 'ECOMM'],
    [-73, 'EDOTDOT'], [-76, 'ENOTUNIQ'], [-77, 'EBADFD'], [-78, 'EREMCHG'], [-79, 'ELIBACC'], [-80, 'ELIBBAD'], [-81, 'ELIBSCN'],
    [-82, 'ELIBMAX'], [-83, 'ELIBEXEC'], [-85, 'ERESTART'], [-86, 'ESTRPIPE'], [-87, 'EUSERS'], [-94, 'ESOCKTNOSUPPORT'],
    [-96, 'EPFNOSUPPORT'], [-108, 'ESHUTDOWN'], [-109, 'ETOOMANYREFS'], [-112, 'EHOSTDOWN'], [-117, 'EUCLEAN'], [-118, 'ENOTNAM'],
    [-119, 'ENAVAIL'], [-120, 'EISNAM'], [-121, 'EREMOTEIO'], [-123, 'ENOMEDIUM'], [-124, 'EMEDIUMTYPE'], [-126, 'ENOKEY'],
    [-127, 'EKEYEXPIRED'], [-128, 'EKEYREVOKED'], [-129, 'EKEYREJECTED'], [-130, 'EOWNERDEAD'], [-131, 'ENOTRECOVERABLE'],
    [-132, 'ERFKILL'], [-133, 'EHWPOISON'],
    // include/linux/errno.h: not meant for programs, and yet some calls return it
    [-524, 'ENOTSUPP'],
  ] as const), // prettier-ignore
]);
