/** Reads what the programs of sockets keep: entries of their maps, and what the iterator of open sockets wrote. */
import type { MapEntries } from '../addon.ts';
import { actorLayout, mapLayout, netTransport, sessionFlag, sessionRole } from '../layouts.gen.ts';
import type { SessionProtocol } from './needs.ts';
import type { OpenSocket, SocketHolder } from './open-socket.ts';

/** Who owns a socket, as the kernel has seen it. */
export type SocketOwner = {
  readonly pid: number;
  readonly startNs: bigint;
  /** Effective. */
  readonly uid: number;
  /** Name of the thread, raw bytes. */
  readonly comm: Uint8Array;
};

/** `enum session_known_by` by number. */
export type SocketKnownBy = number;

/** A socket, or one of the peers of a datagram socket, with what only the kernel's programs know. Times are boot time. */
export type SessionEntry = OpenSocket & {
  /** Address of the struct sock: the same one in all sources; another socket may get it later. */
  readonly sk: bigint;
  /** 0: not known. */
  readonly cookie: bigint;
  /** 0: no program has followed it. */
  readonly id: bigint;
  readonly owner: SocketOwner | undefined;
  readonly knownBy: SocketKnownBy;
  readonly role: 'client' | 'server' | undefined;
  /** undefined: it was open before anybody looked. */
  readonly beganNs: bigint | undefined;
  /** Payload; undefined: not counted. */
  readonly sentBytes: bigint | undefined;
  readonly receivedBytes: bigint | undefined;
  readonly cgroupId: bigint;
  readonly netnsCookie: bigint;
  /** `enum session_flags`. */
  readonly flags: number;
};

const { session, socketHolder } = mapLayout;
const AF_UNIX = 1;
const AF_INET = 2;
const NO_BYTES = new Uint8Array(0);

const protocols: ReadonlyMap<number, SessionProtocol> = new Map([
  [netTransport.tcp, 'tcp'],
  [netTransport.udp, 'udp'],
  [netTransport.icmp, 'icmp'],
  [netTransport.raw, 'raw'],
  [netTransport.unix, 'unix'],
]);

const actorOffset = (name: string): number => actorLayout.fields.find((field) => field.name === name)!.offset;
const actorAt = {
  pid: actorOffset('pid'),
  startNs: actorOffset('startNs'),
  euid: actorOffset('euid'),
  comm: actorOffset('comm'),
} as const;
const COMM_BYTES = actorLayout.size - actorAt.comm;

/** Up to the NUL. */
const textAt = (bytes: Buffer, at: number, room: number): Uint8Array => {
  let length = 0;
  while (length < room && bytes[at + length] !== 0) length++;
  return length === 0 ? NO_BYTES : bytes.subarray(at, at + length);
};

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

const ownerAt = (bytes: Buffer, at: number): SocketOwner | undefined => {
  const pid = bytes.readUInt32LE(at + actorAt.pid);
  return pid === 0
    ? undefined
    : {
        pid,
        startNs: bytes.readBigUInt64LE(at + actorAt.startNs),
        uid: bytes.readUInt32LE(at + actorAt.euid),
        comm: textAt(bytes, at + actorAt.comm, COMM_BYTES),
      };
};

/** One `struct session`; undefined when it is of a protocol that nobody lists. The bytes are shared. */
export const decodeSession = (
  bytes: Buffer,
  at: number,
  descriptor?: { readonly fd: number; readonly inode: number },
): SessionEntry | undefined => {
  const protocol = protocols.get(bytes[at + session.transport]!);
  if (protocol === undefined) return undefined;
  const family = bytes.readUInt16LE(at + session.family);
  const flags = bytes.readUInt32LE(at + session.flags);
  const addressBytes = family === AF_INET ? 4 : family === AF_UNIX ? 0 : 16;
  const peerPort = bytes.readUInt16LE(at + session.peerPort);
  const peer = bytes.subarray(at + session.peer, at + session.peer + addressBytes);
  const zone = textAt(bytes, at + session.zone, 16);
  const owner = ownerAt(bytes, at + session.owner);
  const hasBytes = (flags & sessionFlag.hasBytes) !== 0;
  const role = bytes[at + session.role]!;
  const holders: readonly SocketHolder[] =
    owner === undefined ? [] : [{ pid: owner.pid, startNs: owner.startNs, fd: descriptor?.fd ?? -1 }];
  return {
    protocol,
    family: family === AF_INET ? 'ipv4' : family === AF_UNIX ? 'unix' : 'ipv6',
    local: bytes.subarray(at + session.local, at + session.local + addressBytes),
    localPort: bytes.readUInt16LE(at + session.localPort),
    peer: peerPort === 0 && isZero(peer) ? NO_BYTES : peer,
    peerPort,
    isDual: (flags & sessionFlag.localDual) !== 0,
    state: bytes[at + session.state]!,
    inode: descriptor?.inode ?? 0,
    uid: bytes.readUInt32LE(at + session.uid),
    netns: bytes.readUInt32LE(at + session.netns),
    zone: zone.length === 0 ? undefined : zone,
    holders,
    txQueue: 0,
    rxQueue: 0,
    sk: bytes.readBigUInt64LE(at + session.sk),
    cookie: bytes.readBigUInt64LE(at + session.cookie),
    id: bytes.readBigUInt64LE(at + session.id),
    owner,
    knownBy: bytes[at + session.knownBy]!,
    role: role === sessionRole.client ? 'client' : role === sessionRole.server ? 'server' : undefined,
    beganNs: (flags & sessionFlag.hasStart) === 0 ? undefined : bytes.readBigUInt64LE(at + session.startNs),
    sentBytes: hasBytes ? bytes.readBigUInt64LE(at + session.sent) : undefined,
    receivedBytes: hasBytes ? bytes.readBigUInt64LE(at + session.received) : undefined,
    cgroupId: bytes.readBigUInt64LE(at + session.cgroupId),
    netnsCookie: bytes.readBigUInt64LE(at + session.netnsCookie),
    flags,
  };
};

/** Entries of `sessions` or `flows`. Datagram sockets stand for themselves only as long as they have no flows; that is for the caller to see. */
export const decodeSessions = ({ count, valueBytes, values }: MapEntries): readonly SessionEntry[] => {
  const found: SessionEntry[] = [];
  for (let entry = 0; entry < count; entry++) {
    const decoded = decodeSession(values, entry * valueBytes);
    if (decoded !== undefined) found.push(decoded);
  }
  return found;
};

/** What the iterator of open sockets wrote: a socket as often as descriptors refer to it. */
export const decodeHolders = (bytes: Buffer): readonly SessionEntry[] => {
  const found: SessionEntry[] = [];
  for (let at = 0; at + socketHolder.size <= bytes.length; at += socketHolder.size) {
    const inode = Number(bytes.readBigUInt64LE(at + socketHolder.inode));
    const decoded = decodeSession(bytes, at + socketHolder.session, { fd: bytes.readUInt32LE(at + socketHolder.fd), inode });
    if (decoded !== undefined) found.push(decoded);
  }
  return found;
};
