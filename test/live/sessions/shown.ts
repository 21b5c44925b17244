/** Records as the walks of the kernel write them. */
import { mapLayout, netTransport, sessionFlag, sessionKnownBy, sessionRole } from '../../../src/kernel/layouts.gen.ts';

export type ShownRow = {
  readonly id: bigint;
  readonly transport?: 'tcp' | 'udp' | 'icmp' | 'raw' | 'unix';
  readonly family?: number;
  readonly role?: keyof typeof sessionRole;
  readonly state?: number;
  readonly pid?: number;
  readonly ownerStartNs?: bigint;
  readonly ownerFlags?: number;
  readonly uid?: number;
  readonly cgroupId?: bigint;
  readonly netnsCookie?: bigint;
  readonly netns?: number;
  readonly startNs?: bigint;
  readonly sent?: number;
  readonly received?: number;
  readonly local?: readonly number[];
  readonly peer?: readonly number[];
  readonly localPort?: number;
  readonly peerPort?: number;
  readonly zone?: string;
  readonly comm?: Uint8Array;
  readonly flags?: number;
  readonly sk?: bigint;
};

const at = mapLayout.sessionShown;

export const encodeRow = (row: ShownRow): Uint8Array => {
  const bytes = new Uint8Array(at.size);
  const view = new DataView(bytes.buffer);
  const { transport = 'tcp', family = 2, role = 'unknown', state = 1, pid = 0, local = [10, 0, 0, 1], peer = [10, 0, 0, 2] } = row;
  const hasBytes = row.sent !== undefined || row.received !== undefined;
  view.setBigUint64(at.id, row.id, true);
  view.setBigUint64(at.sk, row.sk ?? 0xffff_8880_0000_0000n + row.id, true);
  view.setBigUint64(at.startNs, row.startNs ?? 0n, true);
  view.setBigUint64(at.sent, BigInt(row.sent ?? 0), true);
  view.setBigUint64(at.received, BigInt(row.received ?? 0), true);
  view.setBigUint64(at.ownerStartNs, row.ownerStartNs ?? (pid === 0 ? 0n : 5_000_000_000n), true);
  view.setBigUint64(at.cgroupId, row.cgroupId ?? 1n, true);
  view.setBigUint64(at.netnsCookie, row.netnsCookie ?? 1n, true);
  view.setUint32(at.netns, row.netns ?? 4_026_531_840, true);
  view.setUint32(at.pid, pid, true);
  view.setUint32(at.uid, row.uid ?? 0, true);
  view.setUint32(at.ownerFlags, row.ownerFlags ?? 0, true);
  const flags = (hasBytes ? sessionFlag.hasBytes : 0) | (row.startNs === undefined ? 0 : sessionFlag.hasStart) | (row.flags ?? 0);
  view.setUint32(at.flags, flags, true);
  view.setUint16(at.family, family, true);
  view.setUint16(at.localPort, row.localPort ?? 1000, true);
  view.setUint16(at.peerPort, row.peerPort ?? 80, true);
  bytes[at.transport] = netTransport[transport];
  bytes[at.role] = sessionRole[role];
  bytes[at.state] = state;
  bytes[at.knownBy] = pid === 0 ? sessionKnownBy.not : sessionKnownBy.byEvent;
  bytes.set(local, at.local);
  bytes.set(peer, at.peer);
  bytes.set(Buffer.from(row.zone ?? ''), at.zone);
  bytes.set(row.comm ?? Buffer.from('prog'), at.comm);
  return bytes;
};

export const encodeRows = (...rows: readonly ShownRow[]): Uint8Array => Buffer.concat(rows.map(encodeRow));
