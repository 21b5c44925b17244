/** The common attributes that the kernel gives with every record, straight from the columns of a frame's actors. */
import { LENGTH_MASK, type Actors, type AttributeSource } from '../core/batch.ts';
import { intTemplate, keyTemplate, putInt, putText, SCALAR_BOUND, TEXT_BOUND, textBound, type Strings } from './attribute-templates.ts';
import { putTemplate, templateOf } from './copy.ts';
import { ISO_TIME_LENGTH, putIsoTime, usOfNs } from './iso-time.ts';
import { attributeName } from './names.ts';
import { ATTRIBUTE_TAG, encodeAttributes, keyBytes, putPaddedVarint4 } from './wire.ts';

/** `enum head_flags` of bpf/events.h, which this layer cannot import. */
export const HEAD_KERNEL_THREAD = 1;
export const HEAD_NESTED_PID_NS = 2;
/** An audit login uid that was never set. */
export const LOGIN_UID_UNSET = 0xffff_ffff;

/** What a source may take over (`AttributeSource.provides`). The ids of process, parent, thread and user are always ours. */
const replaceable = [
  attributeName.processVpid,
  attributeName.processCreationTime,
  attributeName.processRealUserId,
  attributeName.loginUserId,
  attributeName.threadComm,
  attributeName.kernelThread,
  attributeName.cgroupId,
] as const;
const VPID = 1;
const CREATION_TIME = 2;
const REAL_USER_ID = 4;
const LOGIN_USER_ID = 8;
const THREAD_COMM = 16;
const KERNEL_THREAD = 32;
const CGROUP_ID = 64;

/** A bit for each of `replaceable` that the source supplies itself. */
export const providedHead = (source: AttributeSource): number =>
  replaceable.reduce((bits, name, index) => (source.provides?.has(name) === true ? bits | (1 << index) : bits), 0);

/** A varint that leaves its value to be filled in: five bytes of zero. */
const PADDED_ZERO = Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0);
const putPaddedVarint5 = (out: Uint8Array, at: number, value: number): void => {
  putPaddedVarint4(out, at, value);
  out[at + 3] = ((value >>> 21) & 0x7f) | 0x80;
  out[at + 4] = value >>> 28;
};

/** The four ids that every actor has, in one piece: their varints are padded, so that everything has a fixed place. */
const idNames = [attributeName.processPid, attributeName.processParentPid, attributeName.processUserId, attributeName.threadId] as const;
const idParts = idNames.map((name) => {
  const key = keyBytes(name);
  return Uint8Array.of(ATTRIBUTE_TAG, key.length + 8, ...key, 0x12, 6, 0x18, ...PADDED_ZERO);
});
const ids = templateOf(...idParts);
const endOf = (count: number): number => idParts.slice(0, count).reduce((sum, { length }) => sum + length, 0);
const PID_AT = endOf(1) - PADDED_ZERO.length;
const PARENT_PID_AT = endOf(2) - PADDED_ZERO.length;
const USER_ID_AT = endOf(3) - PADDED_ZERO.length;
const THREAD_ID_AT = endOf(4) - PADDED_ZERO.length;

const vpid = intTemplate(attributeName.processVpid);
const creationTime = templateOf(encodeAttributes([[attributeName.processCreationTime, ' '.repeat(ISO_TIME_LENGTH)]]));
const realUserId = intTemplate(attributeName.processRealUserId);
const loginUserId = intTemplate(attributeName.loginUserId);
const threadComm = keyTemplate(attributeName.threadComm);
const kernelThread = templateOf(encodeAttributes([[attributeName.kernelThread, true]]));
const cgroupId = intTemplate(attributeName.cgroupId);

/** The four ids and `replaceable` but the comm. */
const HEAD_SCALARS = 10;

/** Most bytes that `putActorHead` writes. */
export const actorHeadBound = (actors: Actors, strings: Strings, actor: number): number =>
  HEAD_SCALARS * SCALAR_BOUND + TEXT_BOUND + textBound(strings, actors.comm[actor]!);

/**
 * Writes the attributes of one actor except those in `skip` (bits as from `providedHead`). The offset of the frame's wall clock comes in
 * two unsigned halves. Returns the position behind them.
 */
export const putActorHead = (
  out: Uint8Array,
  view: DataView,
  at: number,
  actors: Actors,
  actor: number,
  strings: Strings,
  offsetLo: number,
  offsetHi: number,
  skip: number,
): number => {
  const flags = actors.flags[actor]!;
  const uid = actors.uid[actor]!;
  const euid = actors.euid[actor]!;
  const login = actors.loginUid[actor]!;
  const end = putTemplate(view, at, ids);
  putPaddedVarint5(out, at + PID_AT, actors.pid[actor]!);
  putPaddedVarint5(out, at + PARENT_PID_AT, actors.ppid[actor]!);
  putPaddedVarint5(out, at + USER_ID_AT, euid);
  putPaddedVarint5(out, at + THREAD_ID_AT, actors.tid[actor]!);
  at = end;
  if ((skip & CREATION_TIME) === 0) {
    const lo = actors.startNsLo[actor]! + offsetLo;
    const hi = actors.startNsHi[actor]! + offsetHi + (lo > 0xffff_ffff ? 1 : 0);
    at = putTemplate(view, at, creationTime);
    putIsoTime(out, at - ISO_TIME_LENGTH, usOfNs(lo >>> 0, hi >>> 0));
  }
  const comm = actors.comm[actor]!;
  if ((skip & THREAD_COMM) === 0 && (strings.lengths[comm]! & LENGTH_MASK) !== 0) at = putText(out, view, at, threadComm, strings, comm);
  if ((skip & CGROUP_ID) === 0) at = putInt(out, view, at, cgroupId, actors.cgroupIdLo[actor]!, actors.cgroupIdHi[actor]!);
  if ((skip & VPID) === 0 && (flags & HEAD_NESTED_PID_NS) !== 0) at = putInt(out, view, at, vpid, actors.vpid[actor]!, 0);
  if ((skip & REAL_USER_ID) === 0 && uid !== euid) at = putInt(out, view, at, realUserId, uid, 0);
  if ((skip & LOGIN_USER_ID) === 0 && login !== LOGIN_UID_UNSET && login !== euid) at = putInt(out, view, at, loginUserId, login, 0);
  if ((skip & KERNEL_THREAD) === 0 && (flags & HEAD_KERNEL_THREAD) !== 0) at = putTemplate(view, at, kernelThread);
  return at;
};
