/** The plain reading of a row: its attributes as values, for the debug exporter and as the model that the byte writer is tested against. */
import {
  conditionsOf,
  LENGTH_MASK,
  NO_ACTOR,
  type Attribute,
  type AttributeColumn,
  type AttributeField,
  type AttributeValue,
  type Batch,
  type FieldCondition,
  type Frame,
} from '../core/batch.ts';
import { textRunAt, type TextRun } from '../core/text-table.ts';
import { HEAD_KERNEL_THREAD, HEAD_NESTED_PID_NS, LOGIN_UID_UNSET } from './actor-head.ts';
import { addressText, fileNameOf, octalText } from './field-text.ts';
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
export const bytesOfString = ({ strings }: Pick<Frame, 'strings'>, id: number): Uint8Array => {
  const start = strings.offsets[id]!;
  return strings.bytes.subarray(start, start + (strings.lengths[id]! & LENGTH_MASK));
};

/** A string as text; empty when there is none. */
export const textOf = (of: Pick<Frame, 'strings'>, id: number, decode: Decode = replacing): string => decode(bytesOfString(of, id));

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

type Wanted = (name: string) => boolean;

/** An attribute that the kernel gave of an actor. */
type HeadAttribute = {
  readonly name: string;
  /** Always, when not said. */
  readonly isThere?: (frame: Frame, actor: number) => boolean;
  readonly value: (batch: Batch, actor: number, decode: Decode) => AttributeValue;
};

const hasFlag = ({ actors }: Frame, actor: number, flag: number): boolean => (actors.flags[actor]! & flag) !== 0;

/** In the order in which `ActorBlocks` writes them. */
const headAttributes: readonly HeadAttribute[] = [
  { name: attributeName.processPid, value: ({ frame }, actor) => frame.actors.pid[actor]! },
  { name: attributeName.processParentPid, value: ({ frame }, actor) => frame.actors.ppid[actor]! },
  { name: attributeName.processUserId, value: ({ frame }, actor) => frame.actors.euid[actor]! },
  { name: attributeName.threadId, value: ({ frame }, actor) => frame.actors.tid[actor]! },
  { name: attributeName.processCreationTime, value: (batch, actor) => isoTimeOfUs(createdUsOf(batch, actor)) },
  {
    name: attributeName.threadComm,
    isThere: ({ actors, strings }, actor) => (strings.lengths[actors.comm[actor]!]! & LENGTH_MASK) !== 0,
    value: ({ frame }, actor, decode) => decode(bytesOfString(frame, frame.actors.comm[actor]!)),
  },
  {
    name: attributeName.cgroupId,
    value: ({ frame: { actors } }, actor) => integer(wide(actors.cgroupIdLo[actor]!, actors.cgroupIdHi[actor]!)),
  },
  {
    name: attributeName.processVpid,
    isThere: (frame, actor) => hasFlag(frame, actor, HEAD_NESTED_PID_NS),
    value: ({ frame }, actor) => frame.actors.vpid[actor]!,
  },
  {
    name: attributeName.processRealUserId,
    isThere: ({ actors }, actor) => actors.uid[actor] !== actors.euid[actor],
    value: ({ frame }, actor) => frame.actors.uid[actor]!,
  },
  {
    name: attributeName.loginUserId,
    isThere: ({ actors }, actor) => actors.loginUid[actor] !== LOGIN_UID_UNSET && actors.loginUid[actor] !== actors.euid[actor],
    value: ({ frame }, actor) => frame.actors.loginUid[actor]!,
  },
  { name: attributeName.kernelThread, isThere: (frame, actor) => hasFlag(frame, actor, HEAD_KERNEL_THREAD), value: () => true },
];

/** Whether a condition of a field holds for what stands in its column; undefined: the batch has none. */
export const conditionHolds = (condition: FieldCondition, value: number | undefined): boolean => {
  if (value === undefined) return false;
  return condition.is === 'not' ? value !== condition.value >>> 0 : ((value & condition.mask) !== 0) === (condition.is === 'set');
};

/** Undefined = left out. */
const valueOf = ({ frame, columns }: Batch, field: AttributeField, row: number, decode: Decode): AttributeValue | undefined => {
  const cell = (column: string): number | undefined => columns[column]?.[row];
  if (!conditionsOf(field).every((condition) => conditionHolds(condition, cell(condition.column)))) return undefined;
  if (field.type === 'constant') return field.value;
  if (field.type === 'u64' || field.type === 'decimal') {
    const lo = cell(`${field.column}Lo`);
    const hi = cell(`${field.column}Hi`);
    if (lo === undefined || hi === undefined) return undefined;
    return field.type === 'u64' ? integer(wide(lo, hi)) : String(wide(lo, hi));
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
    case 'octal':
      return octalText(value);
    case 'fileName':
      return decode(fileNameOf(bytesOfString(frame, value))) || undefined;
    case 'address':
      return addressText(bytesOfString(frame, value), decode);
    case 'socketName': {
      const name = bytesOfString(frame, value);
      return name[0] === 0 ? `@${decode(name.subarray(1))}` : decode(name) || undefined;
    }
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
      const names = field.names.filter(([bit, , mask = bit]) => (bits & BigInt(mask)) === BigInt(bit)).map(([, name]) => name);
      return names.length === 0 ? undefined : names;
    }
  }
};

/** Adds those of a column that are wanted. A source that has none of them is not asked. */
const addEntries = (to: Attribute[], { source, ids }: AttributeColumn, index: number, wanted: Wanted): void => {
  const id = ids[index]!;
  if (id !== 0) for (const attribute of source.entries(id)) if (wanted(attribute[0])) to.push(attribute);
};

const mayHave = ({ source: { names } }: AttributeColumn, wanted: Wanted): boolean => {
  if (names === undefined) return true;
  for (const name of names) if (wanted(name)) return true;
  return false;
};

const everything: Wanted = () => true;

/**
 * Reads rows of a batch: their attributes in the order of the wire, that is the actor's own, those of `actorAttributes`, those of
 * `rowAttributes`, the fields of the kind. Only those whose name is wanted. `decode` applies to what comes out of the frame. Valid as long as
 * the batch is.
 */
export const rowReaderOf = (batch: Batch, wanted: Wanted = everything, decode: Decode = replacing): ((row: number) => Attribute[]) => {
  const ofActor = batch.actorAttributes.filter((column) => mayHave(column, wanted));
  const ofRow = batch.rowAttributes.filter((column) => mayHave(column, wanted));
  const ofHead = headAttributes.filter(({ name }) => wanted(name) && batch.omitted?.has(name) !== true);
  const fields = batch.kind.fields.filter(({ name }) => wanted(name));
  return (row) => {
    const attributes: Attribute[] = [];
    const actor = batch.actor[row]!;
    if (actor !== NO_ACTOR) {
      for (const { name, isThere, value } of ofHead)
        if (isThere === undefined || isThere(batch.frame, actor)) attributes.push([name, value(batch, actor, decode)]);
      for (const column of ofActor) addEntries(attributes, column, actor, wanted);
    }
    for (const column of ofRow) addEntries(attributes, column, row, wanted);
    for (const field of fields) {
      const value = valueOf(batch, field, row, decode);
      if (value !== undefined) attributes.push([field.name, value]);
    }
    return attributes;
  };
};

/** Reads a list among the fields of the kind, raw and in memory of its own; undefined: the kind has no such list. */
export const runReaderOf = ({ kind, columns, frame }: Batch, name: string): ((row: number) => TextRun | undefined) | undefined => {
  const field = kind.fields.find((one) => one.name === name && one.type === 'strings');
  if (field?.type !== 'strings') return undefined;
  const conditions = conditionsOf(field);
  return (row) => {
    if (!conditions.every((condition) => conditionHolds(condition, columns[condition.column]?.[row]))) return undefined;
    const count = columns[field.count]?.[row] ?? 0;
    return count === 0 ? undefined : textRunAt(frame.strings, columns[field.column]![row]!, count);
  };
};

/** All attributes of a row, in the order of the wire. Allocates; not for volume. */
export const attributesOf = (batch: Batch, row: number, decode: Decode = replacing): Attribute[] =>
  rowReaderOf(batch, everything, decode)(row);
