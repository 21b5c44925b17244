/** `struct session` as the kernel's programs keep it, made up. */
import type { EntryMatch, MapEntries } from '../../../src/kernel/addon.ts';
import {
  actorLayout,
  mapLayout,
  netTransport,
  sessionFlag,
  sessionKnownBy,
  sessionRole,
  sessionState,
} from '../../../src/kernel/layouts.gen.ts';

export type MadeSession = {
  readonly sk?: bigint;
  readonly cookie?: bigint;
  readonly id?: bigint;
  readonly transport?: number;
  readonly local?: readonly number[];
  readonly localPort?: number;
  readonly peer?: readonly number[];
  readonly peerPort?: number;
  readonly state?: number;
  readonly flags?: number;
  readonly role?: number;
  readonly knownBy?: number;
  readonly startNs?: bigint;
  readonly sent?: bigint;
  readonly received?: bigint;
  readonly uid?: number;
  readonly zone?: string;
  readonly owner?: { readonly pid: number; readonly startNs: bigint; readonly comm?: string; readonly euid?: number };
};

const { session, socketHolder, flowKey } = mapLayout;
const AF_INET = 2;
const AF_INET6 = 10;
const actorAt = (name: string): number => session.owner + actorLayout.fields.find((field) => field.name === name)!.offset;

export const sessionBytes = (made: MadeSession): Buffer => {
  const { local = [127, 0, 0, 1], peer = [], owner, startNs } = made;
  const bytes = Buffer.alloc(session.size);
  bytes.writeBigUInt64LE(made.sk ?? 0xffff_8880_0000_0001n, session.sk);
  bytes.writeBigUInt64LE(made.cookie ?? 7n, session.cookie);
  bytes.writeBigUInt64LE(made.id ?? 0n, session.id);
  bytes.writeUInt8(made.transport ?? netTransport.tcp, session.transport);
  bytes.writeUInt16LE(local.length === 4 ? AF_INET : AF_INET6, session.family);
  bytes.set(local, session.local);
  bytes.writeUInt16LE(made.localPort ?? 0, session.localPort);
  bytes.set(peer, session.peer);
  bytes.writeUInt16LE(made.peerPort ?? 0, session.peerPort);
  bytes.writeUInt8(made.state ?? sessionState.tcpEstablished, session.state);
  bytes.writeUInt8(made.role ?? sessionRole.unknown, session.role);
  bytes.writeUInt8(made.knownBy ?? (owner === undefined ? sessionKnownBy.not : sessionKnownBy.byEvent), session.knownBy);
  bytes.writeUInt32LE((made.flags ?? 0) | (startNs === undefined ? 0 : sessionFlag.hasStart), session.flags);
  bytes.writeBigUInt64LE(startNs ?? 0n, session.startNs);
  bytes.writeBigUInt64LE(made.sent ?? 0n, session.sent);
  bytes.writeBigUInt64LE(made.received ?? 0n, session.received);
  bytes.writeUInt32LE(made.uid ?? 0, session.uid);
  bytes.write(made.zone ?? '', session.zone, 'latin1');
  if (owner !== undefined) {
    bytes.writeUInt32LE(owner.pid, actorAt('pid'));
    bytes.writeBigUInt64LE(owner.startNs, actorAt('startNs'));
    bytes.writeUInt32LE(owner.euid ?? 0, actorAt('euid'));
    bytes.write(owner.comm ?? '', actorAt('comm'), 'latin1');
  }
  return bytes;
};

/** As a map that holds them gives them. */
export const entriesOf = (map: 'sessions' | 'flows', made: readonly MadeSession[], match: readonly EntryMatch[] = []): MapEntries => {
  const keyBytes = map === 'flows' ? flowKey.size : 8;
  const kept = made
    .map(sessionBytes)
    .filter(
      (value) => match.length === 0 || match.some(({ offset, bytes }) => value.subarray(offset, offset + bytes.length).equals(bytes)),
    );
  return {
    count: kept.length,
    keyBytes,
    valueBytes: session.size,
    keys: Buffer.alloc(keyBytes * kept.length),
    values: Buffer.concat(kept),
  };
};

/** As the iterator of open sockets writes them. */
export const holdersBytes = (made: readonly (MadeSession & { readonly inode: number; readonly fd: number })[]): Buffer =>
  Buffer.concat(
    made.map((one) => {
      const bytes = Buffer.alloc(socketHolder.size);
      bytes.set(sessionBytes(one), socketHolder.session);
      bytes.writeBigUInt64LE(BigInt(one.inode), socketHolder.inode);
      bytes.writeUInt32LE(one.fd, socketHolder.fd);
      return bytes;
    }),
  );
