/** `struct session_shown` of what procfs tells, so that who looks at sessions reads one layout whatever told them. */
import type { ActorInput } from '../../core/frame-builder.ts';
import { mapLayout, netTransport, sessionKnownBy } from '../layouts.gen.ts';
import { flagsOfSession } from './procfs-records.ts';
import type { ProcfsSession } from './procfs-sessions.ts';

/** A look at what is open. */
export type ShownSessions = {
  readonly rung: 'ebpf' | 'procfs';
  /** `struct session_shown` one behind the other, in one or more pieces. What changes meanwhile may stand there twice. */
  readonly parts: readonly Uint8Array[];
};

const at = mapLayout.sessionShown;
const COMM_BYTES = at.size - at.comm;
const ZONE_BYTES = at.comm - at.zone;

/** AF_* of include/linux/socket.h. */
const families = { ipv4: 2, ipv6: 10, unix: 1, packet: 17 } as const;

export type OwnedSession = { readonly session: ProcfsSession; readonly owner: ActorInput | undefined };

const utf8 = new TextEncoder();
const bytesOf = (text: ActorInput['comm']): Uint8Array =>
  text === undefined ? new Uint8Array(0) : typeof text === 'string' ? utf8.encode(text) : text;

const encodeOne = (bytes: Uint8Array, view: DataView, start: number, { session, owner }: OwnedSession): void => {
  const { socket, id, role } = session;
  const { protocol } = socket;
  view.setBigUint64(start + at.id, id, true);
  view.setUint32(start + at.netns, socket.netns, true);
  view.setUint32(start + at.uid, owner?.euid ?? socket.uid ?? 0, true);
  view.setUint32(start + at.flags, flagsOfSession(session), true);
  view.setUint16(start + at.family, families[socket.family], true);
  view.setUint16(start + at.localPort, socket.localPort, true);
  view.setUint16(start + at.peerPort, socket.peerPort, true);
  bytes[start + at.transport] = protocol === 'packet' ? netTransport.other : netTransport[protocol];
  bytes[start + at.role] = role;
  bytes[start + at.state] = socket.state;
  if (socket.family !== 'unix') {
    bytes.set(socket.local, start + at.local);
    bytes.set(socket.peer, start + at.peer);
  }
  if (socket.zone !== undefined) bytes.set(socket.zone.subarray(0, ZONE_BYTES - 1), start + at.zone);
  if (owner === undefined) return;
  view.setUint32(start + at.pid, owner.pid, true);
  view.setBigUint64(start + at.ownerStartNs, owner.startNs ?? 0n, true);
  view.setBigUint64(start + at.cgroupId, owner.cgroupId ?? 0n, true);
  view.setUint32(start + at.ownerFlags, owner.flags ?? 0, true);
  bytes[start + at.knownBy] = sessionKnownBy.byProcfs;
  bytes.set(bytesOf(owner.comm).subarray(0, COMM_BYTES), start + at.comm);
};

export const encodeShown = (sessions: readonly OwnedSession[]): Uint8Array => {
  const bytes = new Uint8Array(sessions.length * at.size);
  const view = new DataView(bytes.buffer);
  for (const [index, one] of sessions.entries()) encodeOne(bytes, view, index * at.size, one);
  return bytes;
};
