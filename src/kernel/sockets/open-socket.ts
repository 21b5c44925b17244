/** A socket that is open, as procfs or the maps of the kernel's programs tell it. */
import type { SessionProtocol } from './needs.ts';

/** One descriptor of one process. */
export type SocketHolder = {
  readonly pid: number;
  /** Start of the process, boot time; procfs rounds it down to 10 ms. undefined: it went while it was looked at. */
  readonly startNs: bigint | undefined;
  /** -1: not known. */
  readonly fd: number;
};

export type OpenSocket = {
  /** `packet`: it sees frames of an interface; for those who list sockets, it is no session. */
  readonly protocol: SessionProtocol | 'packet';
  /** As the socket is: IPv4 through a socket of IPv6 is IPv6. */
  readonly family: 'ipv4' | 'ipv6' | 'unix' | 'packet';
  /** 4 or 16 bytes of an address, all zero for a wildcard; unix: the name, an abstract one begins with NUL; packet: nothing. */
  readonly local: Uint8Array;
  readonly localPort: number;
  /** The same; nothing when it has no peer. */
  readonly peer: Uint8Array;
  readonly peerPort: number;
  /** The local address is `::` and takes IPv4 too: `*`. */
  readonly isDual: boolean;
  /** `enum session_state`; of what is not TCP 0, but for unix sockets, which listen or are established. */
  readonly state: number;
  /** 0: no process ever had it, or none has it any more. */
  readonly inode: number;
  /** undefined: the kernel does not tell, as in TIME_WAIT. */
  readonly uid: number | undefined;
  /** Inode of the network namespace; 0: not known. */
  readonly netns: number;
  /** Interface of a link-local address, raw bytes. */
  readonly zone: Uint8Array | undefined;
  /** Whoever has a descriptor of it, the one that began first in front; empty: nobody, or not for us to know. */
  readonly holders: readonly SocketHolder[];
  /** Bytes that wait; of a listener 0 and the connections that wait for accept. */
  readonly txQueue: number;
  readonly rxQueue: number;
};
