/** The plain reading of a row: its attributes as values, for the debug exporter and as the model that the byte writer is tested against. */
import { LENGTH_MASK, NO_ACTOR, type Attribute, type AttributeField, type AttributeValue, type Batch, type Frame } from '../core/batch.ts';
import { HEAD_KERNEL_THREAD, HEAD_NESTED_PID_NS, LOGIN_UID_UNSET } from './actor-head.ts';
import { isoTimeOfUs } from './iso-time.ts';
import { attributeName } from './names.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const wide = (lo: number, hi: number): bigint => (BigInt(hi) << 32n) | BigInt(lo);
/** OTLP has signed 64-bit integers only. */
const integer = (value: bigint): number | bigint => {
  const signed = BigInt.asIntN(64, value);
  return signed >= BigInt(Number.MIN_SAFE_INTEGER) && signed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(signed) : signed;
};

/** The bytes of a string, hostile as they came; valid during `next` only. */
export const bytesOfString = ({ strings }: Frame, id: number): Uint8Array => {
  const start = strings.offsets[id]!;
  return strings.bytes.subarray(start, start + (strings.lengths[id]! & LENGTH_MASK));
};

/** How hostile bytes become text. */
export type Decode = (bytes: Uint8Array) => string;
/** Invalid UTF-8 becomes U+FFFD, as on the wire. */
const replacing: Decode = (bytes) => decoder.decode(bytes);

/** When it happened, Unix time in ns. */
export const unixNsOf = ({ frame, bootNsLo, bootNsHi }: Batch, row: number): bigint =>
  wide(bootNsLo[row]!, bootNsHi[row]!) + frame.wallOffsetNs;

/** When the process of an actor began, Unix time in µs. */
const createdUsOf = ({ frame: { actors, wallOffsetNs }, actorAttributes }: Batch, actor: number): number => {
  for (const { source, ids } of actorAttributes)
    if (ids[actor] !== 0 && source.createdUs !== undefined) return source.createdUs(ids[actor]!);
  return Number((wide(actors.startNsLo[actor]!, actors.startNsHi[actor]!) + wallOffsetNs) / 1000n);
};

/** The attributes that the kernel gave of an actor, as `ActorBlocks` writes them. */
const headOf = (batch: Batch, actor: number, decode: Decode): Attribute[] => {
  const { frame, omitted } = batch;
  const { actors, strings } = frame;
  const at = (column: Uint32Array): number => column[actor]!;
  const euid = at(actors.euid);
  const loginUid = at(actors.loginUid);
  const has = (flag: number) => (at(actors.flags) & flag) !== 0;
  const comm = at(actors.comm);
  const list: readonly (Attribute | false)[] = [
    [attributeName.processPid, at(actors.pid)],
    [attributeName.processParentPid, at(actors.ppid)],
    [attributeName.processUserId, euid],
    [attributeName.threadId, at(actors.tid)],
    [attributeName.processCreationTime, isoTimeOfUs(createdUsOf(batch, actor))],
    (strings.lengths[comm]! & LENGTH_MASK) !== 0 && [attributeName.threadComm, decode(bytesOfString(frame, comm))],
    [attributeName.cgroupId, integer(wide(at(actors.cgroupIdLo), at(actors.cgroupIdHi)))],
    has(HEAD_NESTED_PID_NS) && [attributeName.processVpid, at(actors.vpid)],
    at(actors.uid) !== euid && [attributeName.processRealUserId, at(actors.uid)],
    loginUid !== LOGIN_UID_UNSET && loginUid !== euid && [attributeName.loginUserId, loginUid],
    has(HEAD_KERNEL_THREAD) && [attributeName.kernelThread, true],
  ];
  return list.filter((attribute): attribute is Attribute => attribute !== false && omitted?.has(attribute[0]) !== true);
};

/** Undefined = left out. */
const valueOf = ({ frame, columns }: Batch, field: AttributeField, row: number, decode: Decode): AttributeValue | undefined => {
  const cell = (column: string): number | undefined => columns[column]?.[row];
  if (field.when !== undefined) {
    const bits = cell(field.when.column);
    if (bits === undefined || ((bits & field.when.mask) !== 0) !== (field.when.is === 'set')) return undefined;
  }
  if (field.type === 'constant') return field.value;
  if (field.type === 'u64') {
    const lo = cell(`${field.column}Lo`);
    const hi = cell(`${field.column}Hi`);
    return lo === undefined || hi === undefined ? undefined : integer(wide(lo, hi));
  }
  const value = cell(field.column);
  if (value === undefined) return undefined;
  switch (field.type) {
    case 'u32':
      return value;
    case 'i32':
      return value | 0;
    case 'string':
      return decode(bytesOfString(frame, value)) || undefined;
    case 'strings': {
      const count = cell(field.count);
      return count === undefined || count === 0
        ? undefined
        : Array.from({ length: count }, (_, i) => decode(bytesOfString(frame, value + i)));
    }
    case 'bool':
      return (value & field.mask) !== 0 || (field.always === true ? false : undefined);
    case 'enum':
      return field.names.get(value) ?? field.names.get(value | 0);
    case 'flags': {
      const high = field.high === undefined ? 0 : cell(field.high);
      if (high === undefined) return undefined;
      const bits = wide(value, high);
      const names = field.names.filter(([bit]) => (bits & BigInt(bit)) === BigInt(bit)).map(([, name]) => name);
      return names.length === 0 ? undefined : names;
    }
  }
};

/**
 * All attributes of a row, in the order of the wire: the actor's own, those of `actorAttributes`, those of `rowAttributes`, the fields of
 * the kind. `decode` applies to what comes out of the frame. Allocates; not for volume.
 */
export const attributesOf = (batch: Batch, row: number, decode: Decode = replacing): Attribute[] => {
  const { kind } = batch;
  const actor = batch.actor[row]!;
  const attributes: Attribute[] = [];
  if (actor !== NO_ACTOR) {
    attributes.push(...headOf(batch, actor, decode));
    for (const { source, ids } of batch.actorAttributes) if (ids[actor] !== 0) attributes.push(...source.entries(ids[actor]!));
  }
  for (const { source, ids } of batch.rowAttributes) if (ids[row] !== 0) attributes.push(...source.entries(ids[row]!));
  for (const field of kind.fields) {
    const value = valueOf(batch, field, row, decode);
    if (value !== undefined) attributes.push([field.name, value]);
  }
  return attributes;
};
