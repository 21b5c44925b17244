/** Rows of /proc/net/unix and /proc/net/packet. Source: net/unix/af_unix.c, net/packet/af_packet.c. */

/** `__SO_ACCEPTCON` of include/linux/net.h: it listens. */
const ACCEPTS = 0x10000;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
/** `SS_CONNECTED` of include/uapi/linux/net.h. */
const CONNECTED = 3;
const AT_SIGN = 64;

export type UnixRow = {
  readonly inode: number;
  readonly listens: boolean;
  readonly isConnected: boolean;
  /** A stream or a sequence of packets, else datagrams. */
  readonly isStream: boolean;
  /** Bytes; an abstract name begins with NUL. Empty: it has none. */
  readonly path: Uint8Array;
};

const head = /^[0-9a-f]+: [0-9A-F]{8} [0-9A-F]{8} ([0-9A-F]{8}) ([0-9A-F]{4}) ([0-9A-F]{2}) +(\d+)(?: |$)/;
/** Longer than what `head` matches. */
const HEAD_BYTES = 96;

/**
 * undefined when it is no row. A path may hold anything, newlines too, and so make lines that look like rows: whoever reads a table must not believe
 * two rows about one inode.
 */
export const parseUnixRow = (bytes: Uint8Array, start: number, end: number): UnixRow | undefined => {
  const match = head.exec(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, Math.min(end, start + HEAD_BYTES)),
  );
  if (match === null) return undefined;
  const type = parseInt(match[2]!, 16);
  const path = bytes.slice(Math.min(end, start + match[0].length), end);
  if (path[0] === AT_SIGN) path[0] = 0;
  return {
    inode: Number(match[4]),
    listens: (parseInt(match[1]!, 16) & ACCEPTS) !== 0,
    isConnected: parseInt(match[3]!, 16) === CONNECTED,
    isStream: type === SOCK_STREAM || type === SOCK_SEQPACKET,
    path,
  };
};

export type PacketRow = { readonly inode: number; readonly uid: number; readonly rxQueue: number };

/** sk, RefCnt, Type, Proto, Iface, R, Rmem, User, Inode. */
const packet = /^\S+ +\d+ +\d+ +[0-9a-f]{4} +\d+ +\d +(\d+) +(\d+) +(\d+)/;

export const parsePacketRow = (bytes: Uint8Array, start: number, end: number): PacketRow | undefined => {
  const match = packet.exec(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, end));
  return match === null ? undefined : { rxQueue: Number(match[1]), uid: Number(match[2]), inode: Number(match[3]) };
};
