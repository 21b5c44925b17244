/** Rows of session records from what procfs tells of a socket. What it does not tell has no flag and no number. */
import type { ColumnInput } from '../../core/frame-builder.ts';
import { eventKind, netFlag, netTransport, sessionFlag, sessionKnownBy, sessionRole } from '../layouts.gen.ts';
import type { ProcfsSession, SessionChange } from './procfs-sessions.ts';
import { isLinkLocal } from './procfs/zones.ts';
import type { TableSocket } from './procfs/tables.ts';

const DUAL_WILDCARD = Uint8Array.of('*'.charCodeAt(0));

/** AF_* of include/linux/socket.h. */
const families = { unix: 1, ipv4: 2, ipv6: 10, packet: 17 } as const;
const transports = { tcp: netTransport.tcp, udp: netTransport.udp, icmp: netTransport.icmp, raw: netTransport.raw, unix: netTransport.unix, packet: netTransport.other } as const; // prettier-ignore

export const recordKinds = {
  start: eventKind.sessionStart,
  state: eventKind.sessionState,
  end: eventKind.sessionEnd,
  listen: eventKind.sessionListen,
} as const satisfies Record<SessionChange['kind'], number>;

/** ::ffff:0:0/96 */
const isMapped = (address: Uint8Array): boolean => {
  for (let n = 0; n < 10; n++) if (address[n] !== 0) return false;
  return address[10] === 0xff && address[11] === 0xff;
};

/** 127.0.0.0/8, also mapped, and ::1. */
const isLoopbackAddress = (address: Uint8Array): boolean => {
  if (address.length === 4) return address[0] === 127;
  if (address.length !== 16) return false;
  if (isMapped(address)) return address[12] === 127;
  for (let n = 0; n < 15; n++) if (address[n] !== 0) return false;
  return address[15] === 1;
};

/** Both ends are on this host, as far as their addresses tell. */
export const isLoopback = ({ family, local, peer }: TableSocket): boolean => {
  if (family !== 'ipv4' && family !== 'ipv6') return false;
  if (isLoopbackAddress(local) || isLoopbackAddress(peer)) return true;
  return peer.length > 0 && Buffer.compare(local, peer) === 0;
};

const withZone = (address: Uint8Array, zone: Uint8Array | undefined): Uint8Array =>
  zone === undefined || !isLinkLocal(address) ? address : Uint8Array.from([...address, ...zone]);

const roleFlags: ReadonlyMap<number, number> = new Map([
  [sessionRole.client, sessionFlag.isClient],
  [sessionRole.server, sessionFlag.isServer],
]);

/** `enum session_flags`. */
export const flagsOfSession = ({ socket, role, isStarted }: ProcfsSession): number =>
  (roleFlags.get(role) ?? 0) |
  (isStarted ? sessionFlag.isTold : 0) |
  (socket.protocol === 'tcp' ? sessionFlag.hasState : 0) |
  (socket.isDual ? sessionFlag.localDual : 0) |
  (socket.protocol === 'udp' && socket.peer.length === 0 ? sessionFlag.manyPeers : 0) |
  (isLoopback(socket) ? sessionFlag.isLoopback : 0);

/** `isNamed`: the record has an actor. */
export const columnsOf = ({ session, state, oldState }: SessionChange, isNamed: boolean): Record<string, ColumnInput> => {
  const { socket, id, role } = session;
  const { protocol, family, local, peer, localPort, peerPort, zone, isDual } = socket;
  return {
    id,
    flags: flagsOfSession(session),
    family: families[family],
    transport: transports[protocol],
    netFlags: protocol === 'unix' ? netFlag.isUnix : netFlag.isInet,
    state,
    oldState,
    role,
    knownBy: isNamed ? sessionKnownBy.byProcfs : sessionKnownBy.not,
    localPort,
    peerPort,
    local: isDual ? DUAL_WILDCARD : withZone(local, zone),
    peer: withZone(peer, zone),
  };
};
