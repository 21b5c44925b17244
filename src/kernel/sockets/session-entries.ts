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
const ZONE_BYTES = 16;
const NO_BYTES = new Uint8Array(0);
const NO_HOLDERS: readonly SocketHolder[] = [];

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

/** What is read of: the same bytes, and numbers in them. */
type Memory = { readonly bytes: Uint8Array; readonly view: DataView };

const memoryOf = (bytes: Uint8Array): Memory => ({ bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) });

/** Up to the NUL. */
const textAt = ({ bytes }: Memory, at: number, room: number): Uint8Array => {
  let length = 0;
  while (length < room && bytes[at + length] !== 0) length++;
  return length === 0 ? NO_BYTES : bytesAt(bytes, at, length);
};

/** A plain view: that of a Buffer takes three times as long to make. */
const bytesAt = (bytes: Uint8Array, at: number, length: number): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset + at, length);

const isZeroAt = (bytes: Uint8Array, at: number, length: number): boolean => {
  for (let i = at; i < at + length; i++) if (bytes[i] !== 0) return false;
  return true;
};

const ownerAt = (memory: Memory, at: number): SocketOwner | undefined => {
  const pid = memory.view.getUint32(at + actorAt.pid, true);
  return pid === 0
    ? undefined
    : {
        pid,
        startNs: memory.view.getBigUint64(at + actorAt.startNs, true),
        uid: memory.view.getUint32(at + actorAt.euid, true),
        comm: textAt(memory, at + actorAt.comm, COMM_BYTES),
      };
};

type Descriptor = { readonly fd: number; readonly inode: number };

/** One `struct session`; undefined when it is of a protocol that nobody lists. The bytes are shared. */
const decodeSession = (memory: Memory, at: number, descriptor?: Descriptor): SessionEntry | undefined => {
  const { bytes, view } = memory;
  const protocol = protocols.get(bytes[at + session.transport]!);
  if (protocol === undefined) return undefined;
  const family = view.getUint16(at + session.family, true);
  const flags = view.getUint32(at + session.flags, true);
  const addressBytes = family === AF_INET ? 4 : family === AF_UNIX ? 0 : 16;
  const peerPort = view.getUint16(at + session.peerPort, true);
  const hasPeer = peerPort !== 0 || !isZeroAt(bytes, at + session.peer, addressBytes);
  const owner = ownerAt(memory, at + session.owner);
  const hasBytes = (flags & sessionFlag.hasBytes) !== 0;
  const role = bytes[at + session.role]!;
  return {
    protocol,
    family: family === AF_INET ? 'ipv4' : family === AF_UNIX ? 'unix' : 'ipv6',
    local: bytesAt(bytes, at + session.local, addressBytes),
    localPort: view.getUint16(at + session.localPort, true),
    peer: hasPeer ? bytesAt(bytes, at + session.peer, addressBytes) : NO_BYTES,
    peerPort,
    isDual: (flags & sessionFlag.localDual) !== 0,
    state: bytes[at + session.state]!,
    inode: descriptor?.inode ?? 0,
    uid: view.getUint32(at + session.uid, true),
    netns: view.getUint32(at + session.netns, true),
    zone: bytes[at + session.zone] === 0 ? undefined : textAt(memory, at + session.zone, ZONE_BYTES),
    holders: owner === undefined ? NO_HOLDERS : [{ pid: owner.pid, startNs: owner.startNs, fd: descriptor?.fd ?? -1 }],
    txQueue: 0,
    rxQueue: 0,
    sk: view.getBigUint64(at + session.sk, true),
    cookie: view.getBigUint64(at + session.cookie, true),
    id: view.getBigUint64(at + session.id, true),
    owner,
    knownBy: bytes[at + session.knownBy]!,
    role: role === sessionRole.client ? 'client' : role === sessionRole.server ? 'server' : undefined,
    beganNs: (flags & sessionFlag.hasStart) === 0 ? undefined : view.getBigUint64(at + session.startNs, true),
    sentBytes: hasBytes ? view.getBigUint64(at + session.sent, true) : undefined,
    receivedBytes: hasBytes ? view.getBigUint64(at + session.received, true) : undefined,
    cgroupId: view.getBigUint64(at + session.cgroupId, true),
    netnsCookie: view.getBigUint64(at + session.netnsCookie, true),
    flags,
  };
};

/** Entries of `sessions` or `flows`, also those that wait for their end (`flags`). */
export const decodeSessions = ({ count, valueBytes, values }: MapEntries): readonly SessionEntry[] => {
  const memory = memoryOf(values);
  const found: SessionEntry[] = [];
  for (let entry = 0; entry < count; entry++) {
    const decoded = decodeSession(memory, entry * valueBytes);
    if (decoded !== undefined) found.push(decoded);
  }
  return found;
};

/** What the iterator of open sockets wrote: a socket as often as descriptors refer to it. */
export const decodeHolders = (bytes: Uint8Array): readonly SessionEntry[] => {
  const memory = memoryOf(bytes);
  const { view } = memory;
  const found: SessionEntry[] = [];
  for (let at = 0; at + socketHolder.size <= bytes.length; at += socketHolder.size) {
    const inode = Number(view.getBigUint64(at + socketHolder.inode, true));
    const decoded = decodeSession(memory, at + socketHolder.session, { fd: view.getUint32(at + socketHolder.fd, true), inode });
    if (decoded !== undefined) found.push(decoded);
  }
  return found;
};
