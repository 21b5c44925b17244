/** What is asked of sockets, and whether one answers it. */
import type { EntryMatch } from '../addon.ts';
import { mapLayout, netTransport } from '../layouts.gen.ts';
import type { SessionProtocol } from './needs.ts';
import type { OpenSocket } from './open-socket.ts';

/** An address, a port, or both. */
export type SocketEnd = {
  /** 4 or 16 bytes. IPv4 is also found through sockets of IPv6. */
  readonly address?: Uint8Array | undefined;
  readonly port?: number | undefined;
};

/** All that is said must hold. */
export type SocketQuestion = {
  readonly protocol?: SessionProtocol | undefined;
  readonly local?: SocketEnd | undefined;
  readonly peer?: SocketEnd | undefined;
  /** One end or the other; two of them: both, in any order. */
  readonly either?: readonly [SocketEnd] | readonly [SocketEnd, SocketEnd] | undefined;
  readonly pid?: number | undefined;
};

/** What is compared of a socket. */
export type AskedSocket = Pick<OpenSocket, 'protocol' | 'local' | 'localPort' | 'peer' | 'peerPort' | 'holders'>;

const MAPPED_PREFIX_BYTES = 12;

const isMapped = (address: Uint8Array): boolean => {
  if (address.length !== 16 || address[10] !== 0xff || address[11] !== 0xff) return false;
  for (let at = 0; at < 10; at++) if (address[at] !== 0) return false;
  return true;
};

/** The last four bytes of a v4-mapped address, else the address. */
export const plainAddress = (address: Uint8Array): Uint8Array => (isMapped(address) ? address.subarray(MAPPED_PREFIX_BYTES) : address);

export const sameAddress = (a: Uint8Array, b: Uint8Array): boolean => {
  const [left, right] = [plainAddress(a), plainAddress(b)];
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return false;
  return true;
};

/** Zero, or nothing at all: whatever comes to this host. */
export const isWildcard = (address: Uint8Array): boolean => {
  for (const byte of address) if (byte !== 0) return false;
  return true;
};

/**
 * `ownAddresses`: of this host, in text that `textOf` gives; a socket that is bound to all addresses is at each of them.
 */
export type MatchOptions = { readonly isOwn?: (address: Uint8Array) => boolean };

const endMatches = (end: SocketEnd, address: Uint8Array, port: number): boolean =>
  (end.port === undefined || end.port === port) && (end.address === undefined || (address.length > 0 && sameAddress(end.address, address)));

const localMatches = (end: SocketEnd, { local, localPort }: AskedSocket, { isOwn }: MatchOptions): boolean =>
  endMatches(end, local, localPort) ||
  (end.address !== undefined &&
    isOwn !== undefined &&
    (end.port === undefined || end.port === localPort) &&
    localPort !== 0 &&
    isWildcard(local) &&
    // IPv4 reaches a wildcard of IPv6 too
    (end.address.length === local.length || local.length === 16) &&
    isOwn(end.address));

const peerMatches = (end: SocketEnd, { peer, peerPort }: AskedSocket): boolean =>
  (peer.length > 0 || peerPort > 0) && endMatches(end, peer, peerPort);

const eitherMatches = (ends: NonNullable<SocketQuestion['either']>, socket: AskedSocket, options: MatchOptions): boolean => {
  const [one, other] = ends;
  if (other === undefined) return localMatches(one, socket, options) || peerMatches(one, socket);
  return (
    (localMatches(one, socket, options) && peerMatches(other, socket)) || (localMatches(other, socket, options) && peerMatches(one, socket))
  );
};

export const answers = (question: SocketQuestion, socket: AskedSocket, options: MatchOptions = {}): boolean => {
  const { protocol, local, peer, either, pid } = question;
  return (
    (protocol === undefined || socket.protocol === protocol) &&
    (local === undefined || localMatches(local, socket, options)) &&
    (peer === undefined || peerMatches(peer, socket)) &&
    (either === undefined || eitherMatches(either, socket, options)) &&
    (pid === undefined || socket.holders.some((holder) => holder.pid === pid))
  );
};

/** A port that one of the two ends of every answer has; 0: none. */
export const portOf = ({ local, peer, either }: SocketQuestion): number =>
  local?.port ?? peer?.port ?? either?.find(({ port }) => port !== undefined)?.port ?? 0;

export const transportOf = ({ protocol }: SocketQuestion): number => (protocol === undefined ? 0 : netTransport[protocol]);

const u16 = (value: number): Uint8Array => Uint8Array.of(value & 0xff, value >> 8);

/** What entries of the maps must have to be an answer, as far as bytes tell: any of these; empty: all entries are to be looked at. */
export const entryMatches = (question: SocketQuestion): readonly EntryMatch[] => {
  const { session } = mapLayout;
  const port = portOf(question);
  if (port !== 0) return [session.localPort, session.peerPort].map((offset) => ({ offset, bytes: u16(port) }));
  return [];
};
