/**
 * Answers by connection, each with the time during which it is known to have been true: the same socket was seen at both ends of it. A connection whose
 * addresses and ports another process has taken over has two answers, and neither is given for a moment of the other.
 */
import { LRUCache } from 'lru-cache';
import type { OpenSocket } from './open-socket.ts';

/** Both ends of one connection. */
export type LookupTuple = {
  readonly protocol: OpenSocket['protocol'];
  /** 4 or 16 bytes. */
  readonly local: Uint8Array;
  readonly localPort: number;
  readonly peer: Uint8Array;
  readonly peerPort: number;
};

/** Tells a socket from any other one, also from one that has its addresses and ports later. */
export type SocketIdentity = string;

export type Held<T> = {
  readonly identity: SocketIdentity;
  readonly answer: T;
  /** Boot time, ns. */
  readonly sinceNs: bigint;
  readonly untilNs: bigint;
};

/** Connections that are asked for within minutes on a busy host. */
export const LOOKUP_CAPACITY = 16_384;
/** Owners of one connection that are told apart. */
const OWNERS = 2;
/** A guess: key, two addresses, owner. */
export const BYTES_PER_ENTRY = 600;

export const tupleKey = ({ protocol, local, localPort, peer, peerPort }: LookupTuple): string =>
  `${protocol} ${Buffer.from(local).toString('hex')} ${localPort} ${Buffer.from(peer).toString('hex')} ${peerPort}`;

export type LookupCache<T> = {
  /** What was true at that moment; without one: the last that was. */
  at(key: string, atNs: bigint | undefined): Held<T> | undefined;
  /** The same socket as the last one makes its time longer. */
  put(key: string, held: Held<T>): void;
  /** What was known to be true until then is true no more. */
  drop(key: string): void;
  readonly size: number;
};

export const createLookupCache = <T>({
  capacity = LOOKUP_CAPACITY,
  onEvict,
}: {
  readonly capacity?: number;
  readonly onEvict?: () => void;
}): LookupCache<T> => {
  const entries = new LRUCache<string, readonly Held<T>[]>({
    max: capacity,
    dispose: (_, __, reason) => {
      if (reason === 'evict') onEvict?.();
    },
  });
  return {
    at(key, atNs) {
      const known = entries.get(key);
      return atNs === undefined ? known?.at(-1) : known?.find(({ sinceNs, untilNs }) => sinceNs <= atNs && atNs <= untilNs);
    },
    put(key, held) {
      const known = entries.get(key) ?? [];
      const last = known.at(-1);
      if (last?.identity !== held.identity) {
        entries.set(key, [...known, held].slice(-OWNERS));
        return;
      }
      const sinceNs = last.sinceNs < held.sinceNs ? last.sinceNs : held.sinceNs;
      const untilNs = last.untilNs > held.untilNs ? last.untilNs : held.untilNs;
      entries.set(key, [...known.slice(0, -1), { ...held, sinceNs, untilNs }]);
    },
    drop: (key) => void entries.delete(key),
    get size() {
      return entries.size;
    },
  };
};
