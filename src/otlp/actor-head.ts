/** The common attributes that the kernel gives with every record, straight from the columns of a frame's actors. */
import { LENGTH_MASK, type Actors } from '../core/batch.ts';
import { intTemplate, keyTemplate, putInt, putText, SCALAR_BOUND, TEXT_BOUND, textBound, type Strings } from './attribute-templates.ts';
import { putTemplate, TEMPLATE_SLACK, templateOf } from './copy.ts';
import { ISO_TIME_LENGTH, MICROS_AT, putIsoTime, putMicros } from './iso-time.ts';
import { attributeName } from './names.ts';
import { ATTRIBUTE_TAG, encodeAttributes, keyBytes, putPaddedVarint4 } from './wire.ts';

/** `enum head_flags` of bpf/events.h, which this layer cannot import. */
export const HEAD_KERNEL_THREAD = 1;
export const HEAD_NESTED_PID_NS = 2;
/** An audit login uid that was never set. */
export const LOGIN_UID_UNSET = 0xffff_ffff;

/** A varint that leaves its value to be filled in: five bytes of zero. */
const PADDED_ZERO = Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0);
const putPaddedVarint5 = (out: Uint8Array, at: number, value: number): void => {
  putPaddedVarint4(out, at, value);
  out[at + 3] = ((value >>> 21) & 0x7f) | 0x80;
  out[at + 4] = value >>> 28;
};

/** The four ids and the creation time, which every actor has, in one piece: the varints are padded, so that everything has a fixed place. */
const idNames = [attributeName.processPid, attributeName.processParentPid, attributeName.processUserId, attributeName.threadId] as const;
const idParts = idNames.map((name) => {
  const key = keyBytes(name);
  return Uint8Array.of(ATTRIBUTE_TAG, key.length + 8, ...key, 0x12, 6, 0x18, ...PADDED_ZERO);
});
const endOf = (count: number): number => idParts.slice(0, count).reduce((sum, { length }) => sum + length, 0);
const PID_AT = endOf(1) - PADDED_ZERO.length;
const PARENT_PID_AT = endOf(2) - PADDED_ZERO.length;
const USER_ID_AT = endOf(3) - PADDED_ZERO.length;
const THREAD_ID_AT = endOf(4) - PADDED_ZERO.length;
const identity = templateOf(...idParts, encodeAttributes([[attributeName.processCreationTime, ' '.repeat(ISO_TIME_LENGTH)]]));
const TIME_AT = identity.length - ISO_TIME_LENGTH;
/** The second whose time stands in the template: processes begin many a second. x86-64 and arm64 are little-endian, as `putTemplate` is. */
const identityBytes = new Uint8Array(identity.words.buffer);
let secondInTemplate = -1;

/** Bytes that `putIdentity` writes and spoils. */
export const IDENTITY_BOUND = identity.length + TEMPLATE_SLACK;

/** Writes the ids of an actor and its creation time, Unix time in µs; returns the position behind them. */
export const putIdentity = (out: Uint8Array, view: DataView, at: number, actors: Actors, actor: number, createdUs: number): number => {
  const second = Math.floor(createdUs / 1e6);
  if (second !== secondInTemplate) {
    putIsoTime(identityBytes, TIME_AT, createdUs);
    secondInTemplate = second;
  }
  const end = putTemplate(view, at, identity);
  putPaddedVarint5(out, at + PID_AT, actors.pid[actor]!);
  putPaddedVarint5(out, at + PARENT_PID_AT, actors.ppid[actor]!);
  putPaddedVarint5(out, at + USER_ID_AT, actors.euid[actor]!);
  putPaddedVarint5(out, at + THREAD_ID_AT, actors.tid[actor]!);
  putMicros(out, at + TIME_AT + MICROS_AT, (createdUs - second * 1e6) | 0);
  return end;
};

const vpid = intTemplate(attributeName.processVpid);
const realUserId = intTemplate(attributeName.processRealUserId);
const loginUserId = intTemplate(attributeName.loginUserId);
const threadComm = keyTemplate(attributeName.threadComm);
const kernelThread = templateOf(encodeAttributes([[attributeName.kernelThread, true]]));
const cgroupId = intTemplate(attributeName.cgroupId);
/** All of them but the comm. */
const TRAIT_SCALARS = 5;

/** Most bytes that `putTraits` writes. */
export const traitsBound = (actors: Actors, strings: Strings, actor: number): number =>
  TRAIT_SCALARS * SCALAR_BOUND + TEXT_BOUND + textBound(strings, actors.comm[actor]!);

/** Words that decide what `putTraits` writes; see `traitKey`. */
export const TRAIT_WORDS = 8;

/** Fills `key[0, TRAIT_WORDS)`: within a frame, equal keys give equal bytes. */
export const traitKey = (key: Uint32Array, actors: Actors, actor: number): void => {
  const flags = actors.flags[actor]! & (HEAD_KERNEL_THREAD | HEAD_NESTED_PID_NS);
  key[0] = actors.comm[actor]!;
  key[1] = actors.cgroupIdLo[actor]!;
  key[2] = actors.cgroupIdHi[actor]!;
  key[3] = flags;
  key[4] = (flags & HEAD_NESTED_PID_NS) !== 0 ? actors.vpid[actor]! : 0;
  key[5] = actors.uid[actor]!;
  key[6] = actors.euid[actor]!;
  key[7] = actors.loginUid[actor]!;
};

/** Writes the rest of what the kernel gives, which many actors have in common; returns the position behind it. */
export const putTraits = (out: Uint8Array, view: DataView, at: number, actors: Actors, actor: number, strings: Strings): number => {
  const flags = actors.flags[actor]!;
  const uid = actors.uid[actor]!;
  const euid = actors.euid[actor]!;
  const login = actors.loginUid[actor]!;
  const comm = actors.comm[actor]!;
  if ((strings.lengths[comm]! & LENGTH_MASK) !== 0) at = putText(out, view, at, threadComm, strings, comm);
  at = putInt(out, view, at, cgroupId, actors.cgroupIdLo[actor]!, actors.cgroupIdHi[actor]!);
  if ((flags & HEAD_NESTED_PID_NS) !== 0) at = putInt(out, view, at, vpid, actors.vpid[actor]!, 0);
  if (uid !== euid) at = putInt(out, view, at, realUserId, uid, 0);
  if (login !== LOGIN_UID_UNSET && login !== euid) at = putInt(out, view, at, loginUserId, login, 0);
  if ((flags & HEAD_KERNEL_THREAD) !== 0) at = putTemplate(view, at, kernelThread);
  return at;
};
