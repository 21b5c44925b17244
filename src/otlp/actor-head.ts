/** The common attributes that the kernel gives with every record, straight from the columns of a frame's actors. */
import { LENGTH_MASK, type Actors } from '../core/batch.ts';
import { intTemplate, keyTemplate, putInt, putText, SCALAR_BOUND, TEXT_BOUND, textBound, type Strings } from './attribute-templates.ts';
import { putTemplate, TEMPLATE_SLACK, templateOf, type Template } from './copy.ts';
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

/** The four ids, which every actor has; the creation time follows. */
const idNames = [attributeName.processPid, attributeName.processParentPid, attributeName.processUserId, attributeName.threadId] as const;
const idPart = (name: string): Uint8Array => {
  const key = keyBytes(name);
  return Uint8Array.of(ATTRIBUTE_TAG, key.length + 8, ...key, 0x12, 6, 0x18, ...PADDED_ZERO);
};

/**
 * The head without the attributes that are left out. Ids and creation time are one template, so that everything has a fixed place: the
 * varints are padded. Places are -1 for what is left out.
 */
export type HeadLayout = {
  readonly identity: Template;
  /** The bytes of `identity`, to set the time in. x86-64 and arm64 are little-endian, as `putTemplate` is. */
  readonly identityBytes: Uint8Array;
  /** Bytes that `putIdentity` writes and spoils. */
  readonly identityBound: number;
  readonly pidAt: number;
  readonly parentPidAt: number;
  readonly userIdAt: number;
  readonly threadIdAt: number;
  readonly timeAt: number;
  readonly hasComm: boolean;
  readonly hasCgroupId: boolean;
  readonly hasVpid: boolean;
  readonly hasRealUserId: boolean;
  readonly hasLoginUserId: boolean;
  readonly hasKernelThread: boolean;
  /** The second whose time stands in the template: processes begin many a second. */
  secondInTemplate: number;
};

const layoutWithout = (omitted: ReadonlySet<string>): HeadLayout => {
  const parts: Uint8Array[] = [];
  let at = 0;
  const add = (name: string, part: Uint8Array): number => {
    if (omitted.has(name)) return -1;
    parts.push(part);
    return (at += part.length);
  };
  const idEnds = idNames.map((name) => add(name, idPart(name)));
  const placeOf = (end: number): number => (end < 0 ? -1 : end - PADDED_ZERO.length);
  const time = attributeName.processCreationTime;
  const timeEnd = add(time, encodeAttributes([[time, ' '.repeat(ISO_TIME_LENGTH)]]));
  const identity = templateOf(...parts);
  return {
    identity,
    identityBytes: new Uint8Array(identity.words.buffer),
    identityBound: identity.length + TEMPLATE_SLACK,
    pidAt: placeOf(idEnds[0]!),
    parentPidAt: placeOf(idEnds[1]!),
    userIdAt: placeOf(idEnds[2]!),
    threadIdAt: placeOf(idEnds[3]!),
    timeAt: timeEnd < 0 ? -1 : timeEnd - ISO_TIME_LENGTH,
    hasComm: !omitted.has(attributeName.threadComm),
    hasCgroupId: !omitted.has(attributeName.cgroupId),
    hasVpid: !omitted.has(attributeName.processVpid),
    hasRealUserId: !omitted.has(attributeName.processRealUserId),
    hasLoginUserId: !omitted.has(attributeName.loginUserId),
    hasKernelThread: !omitted.has(attributeName.kernelThread),
    secondInTemplate: -1,
  };
};

const wholeLayout = layoutWithout(new Set());
const layouts = new WeakMap<ReadonlySet<string>, HeadLayout>();

/** The layout for `Batch.omitted`; made once for each set. */
export const headLayoutOf = (omitted: ReadonlySet<string> | undefined): HeadLayout => {
  if (omitted === undefined) return wholeLayout;
  let layout = layouts.get(omitted);
  if (layout === undefined) layouts.set(omitted, (layout = layoutWithout(omitted)));
  return layout;
};

/** All names that a head may have: what `Batch.omitted` is about. */
export const headNames: ReadonlySet<string> = new Set([
  ...idNames,
  attributeName.processCreationTime,
  attributeName.threadComm,
  attributeName.cgroupId,
  attributeName.processVpid,
  attributeName.processRealUserId,
  attributeName.loginUserId,
  attributeName.kernelThread,
]);

/** Writes the ids of an actor and its creation time, Unix time in µs; returns the position behind them. */
export const putIdentity = (
  out: Uint8Array,
  view: DataView,
  at: number,
  layout: HeadLayout,
  actors: Actors,
  actor: number,
  createdUs: number,
): number => {
  const { pidAt, parentPidAt, userIdAt, threadIdAt, timeAt } = layout;
  const second = Math.floor(createdUs / 1e6);
  if (timeAt >= 0 && second !== layout.secondInTemplate) {
    putIsoTime(layout.identityBytes, timeAt, createdUs);
    layout.secondInTemplate = second;
  }
  const end = putTemplate(view, at, layout.identity);
  if (pidAt >= 0) putPaddedVarint5(out, at + pidAt, actors.pid[actor]!);
  if (parentPidAt >= 0) putPaddedVarint5(out, at + parentPidAt, actors.ppid[actor]!);
  if (userIdAt >= 0) putPaddedVarint5(out, at + userIdAt, actors.euid[actor]!);
  if (threadIdAt >= 0) putPaddedVarint5(out, at + threadIdAt, actors.tid[actor]!);
  if (timeAt >= 0) putMicros(out, at + timeAt + MICROS_AT, (createdUs - second * 1e6) | 0);
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
export const putTraits = (
  out: Uint8Array,
  view: DataView,
  at: number,
  layout: HeadLayout,
  actors: Actors,
  actor: number,
  strings: Strings,
): number => {
  const flags = actors.flags[actor]!;
  const uid = actors.uid[actor]!;
  const euid = actors.euid[actor]!;
  const login = actors.loginUid[actor]!;
  const comm = actors.comm[actor]!;
  if (layout.hasComm && (strings.lengths[comm]! & LENGTH_MASK) !== 0) at = putText(out, view, at, threadComm, strings, comm);
  if (layout.hasCgroupId) at = putInt(out, view, at, cgroupId, actors.cgroupIdLo[actor]!, actors.cgroupIdHi[actor]!);
  if ((flags & HEAD_NESTED_PID_NS) !== 0 && layout.hasVpid) at = putInt(out, view, at, vpid, actors.vpid[actor]!, 0);
  if (uid !== euid && layout.hasRealUserId) at = putInt(out, view, at, realUserId, uid, 0);
  if (login !== LOGIN_UID_UNSET && login !== euid && layout.hasLoginUserId) at = putInt(out, view, at, loginUserId, login, 0);
  if ((flags & HEAD_KERNEL_THREAD) !== 0 && layout.hasKernelThread) at = putTemplate(view, at, kernelThread);
  return at;
};
