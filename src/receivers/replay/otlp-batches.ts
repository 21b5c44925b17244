/**
 * Log records of OTLP as batches: what a record says stands in a row attribute as the bytes that it came in, its body and trace beside the attributes, but for arguments, which stand in
 * columns as they do in a live run, so that what redacts them there does here.
 */
import { isUtf8 } from 'node:buffer';
import { LRUCache } from 'lru-cache';
import {
  actorsOf,
  NO_ACTOR,
  NOT_UTF8,
  type AttributeSource,
  type Batch,
  type BatchResource,
  type EventSchema,
  type Frame,
} from '../../core/batch.ts';
import { createCursor, ProtoError, type ProtoCursor } from '../../otlp/proto-cursor.ts';
import { putVarint } from '../../otlp/wire.ts';
import { argumentFields, argumentsIn, isTruncated, TRUNCATED } from './otlp-arguments.ts';
import { readAttributes } from '../../otlp/read-attributes.ts';

/** Resources and kinds of events that are kept: more than a host has containers, or a program events. */
const MAX_RESOURCES = 4_096;
const MAX_KINDS = 4_096;
/** Bytes that either may hold, by the length of their keys. */
const MAX_KEY_BYTES = 8 << 20;
const sizeCalculation = (_: object, key: string): number => key.length + 1;
/** What the writer gives every record; see src/otlp/log-writer.ts. */
const SEVERITY_INFO = 9;
/** What a record may have beside its attributes and is not looked at. */
const otherFields: Readonly<Record<number, { readonly wireType: number; readonly bytes?: number }>> = {
  5: { wireType: 2 },
  7: { wireType: 0 },
  8: { wireType: 5 },
  9: { wireType: 2, bytes: 16 },
  10: { wireType: 2, bytes: 8 },
};
const INFO = Buffer.from('INFO');
const SCOPE_PREFIX = 'ringtail/';

const NONE = new Uint32Array(0);
const noActors = actorsOf(0, () => NONE);

/** Rows of one message, in order. `ends[i]` is where the attributes of row i end in `attributes`. */
type Rows = { readonly kind: EventSchema; readonly receiver: string; readonly resource: BatchResource; first: number; count: number };

export type OtlpBatches = {
  /** The batches of one message. Throws a ProtoError when it is no request. */
  of(message: Buffer): {
    readonly batches: readonly Batch[];
    /** Unix time of the first record, ms. */ readonly timeMs: number | undefined;
  };
};

const wanted = (cursor: ProtoCursor, wireType: number): void => {
  if (cursor.wireType !== wireType) throw new ProtoError(`the field ${cursor.field} has wire type ${cursor.wireType}`);
};

/** The attributes of each row begin where those of the row before end; ids count from 1. */
const sourceOf = (bytes: Uint8Array, starts: Uint32Array): AttributeSource => ({
  size: (id) => starts[id]! - starts[id - 1]!,
  write(id, out, at) {
    const part = bytes.subarray(starts[id - 1]!, starts[id]!);
    out.set(part, at);
    return at + part.length;
  },
  entries: (id) => (id === 0 ? [] : readAttributes(bytes, starts[id - 1]!, starts[id]!, 6)),
});

/** The writer says INFO; of what stands once the last counts. */
const putSeverity = (out: Buffer, start: number, number: number, text: Buffer = Buffer.alloc(0)): number => {
  const shown = isUtf8(text) ? text : Buffer.alloc(0);
  if (number === SEVERITY_INFO && shown.equals(INFO)) return start;
  out[start] = 0x10;
  let at = putVarint(out, start + 1, number);
  out[at++] = 0x1a;
  at = putVarint(out, at, shown.length);
  return at + shown.copy(out, at);
};

export const createOtlpBatches = (ownId: string): OtlpBatches => {
  const resources = new LRUCache<string, BatchResource>({ max: MAX_RESOURCES, maxSize: MAX_KEY_BYTES, sizeCalculation });
  const kinds = new LRUCache<string, EventSchema>({ max: MAX_KINDS, maxSize: MAX_KEY_BYTES, sizeCalculation });
  let sequence = 0;

  const resourceOf = (message: Buffer, start: number, end: number): BatchResource => {
    const key = message.toString('latin1', start, end);
    let resource = resources.get(key);
    if (resource === undefined) {
      resource = { attributes: readAttributes(message, start, end, 1) };
      resources.set(key, resource);
    }
    return resource;
  };
  const kindOf = (eventName: string): EventSchema => {
    let kind = kinds.get(eventName);
    if (kind === undefined) {
      kind = { eventName, fields: argumentFields };
      kinds.set(eventName, kind);
    }
    return kind;
  };

  /** The records of other programs have the id of the replay as their scope. */
  const receiverOf = (message: Buffer, start: number, end: number): string => {
    let name = '';
    const cursor = createCursor(message, start, end);
    while (cursor.next()) if (cursor.field === 1 && cursor.wireType === 2) name = message.toString('utf8', cursor.at, cursor.to);
    return name.startsWith(SCOPE_PREFIX) && name.length > SCOPE_PREFIX.length ? name.slice(SCOPE_PREFIX.length) : ownId;
  };

  const of = (message: Buffer): ReturnType<OtlpBatches['of']> => {
    // no longer than the message: what stands in it is copied once at the most, and each record is two bytes longer there
    const attributes = Buffer.allocUnsafeSlow(message.length);
    const starts: number[] = [0];
    // the empty string has the number 0
    const textStarts: number[] = [0];
    const textLengths: number[] = [0];
    const args = { first: [] as number[], kept: [] as number[], flags: [] as number[] };
    const timesLo: number[] = [];
    const timesHi: number[] = [];
    const severities: number[] = [];
    const runs: Rows[] = [];
    let end = 0;

    const addRecord = (start: number, to: number, receiver: string, resource: BatchResource): void => {
      let eventName = '';
      let [lo, hi] = [0, 0];
      let severity: number | undefined;
      let severityText: Buffer | undefined;
      let [firstArg, keptArgs, flags] = [0, 0, 0];
      /** False when it is no list of arguments; then it is an attribute as others are. */
      const takeArguments = (at: number, until: number): boolean => {
        const texts = keptArgs > 0 ? undefined : argumentsIn(message, at, until);
        if (texts === undefined) return false;
        firstArg = textStarts.length;
        keptArgs = texts.length;
        for (const [textAt, textTo] of texts) {
          textStarts.push(textAt);
          textLengths.push((textTo - textAt) | (isUtf8(message.subarray(textAt, textTo)) ? 0 : NOT_UTF8));
        }
        return true;
      };
      const cursor = createCursor(message, start, to);
      while (cursor.next()) {
        switch (cursor.field) {
          case 1:
            wanted(cursor, 1);
            lo = message.readUInt32LE(cursor.at);
            hi = message.readUInt32LE(cursor.at + 4);
            break;
          case 2:
            wanted(cursor, 0);
            severity = cursor.lo;
            break;
          case 3:
            wanted(cursor, 2);
            severityText = message.subarray(cursor.at, cursor.to);
            break;
          case 6:
            wanted(cursor, 2);
            if (isTruncated(message, cursor.at, cursor.to)) flags = TRUNCATED;
            else if (!takeArguments(cursor.at, cursor.to)) end += message.copy(attributes, end, cursor.from, cursor.to);
            break;
          case 12:
            wanted(cursor, 2);
            eventName = message.toString('utf8', cursor.at, cursor.to);
            break;
          case 5: // body
          case 7: // attributes that were dropped
          case 8: // flags
          case 9: // trace and span
          case 10: {
            const { wireType, bytes } = otherFields[cursor.field]!;
            wanted(cursor, wireType);
            // receiving sides refuse a whole request for an id of another length
            if (bytes === undefined || cursor.to - cursor.at === bytes) end += message.copy(attributes, end, cursor.from, cursor.to);
            break;
          }
          default: // the observed time, which is ours, or what nobody knows yet
        }
      }
      if (severity !== undefined || severityText !== undefined) end = putSeverity(attributes, end, severity ?? 0, severityText);
      severities.push(severity ?? (severityText === undefined ? SEVERITY_INFO : 0));
      starts.push(end);
      timesLo.push(lo);
      timesHi.push(hi);
      args.first.push(firstArg);
      args.kept.push(keptArgs);
      args.flags.push(flags);
      const kind = kindOf(eventName);
      const run = runs.at(-1);
      if (run !== undefined && run.kind === kind && run.receiver === receiver && run.resource === resource) run.count++;
      else runs.push({ kind, receiver, resource, first: timesLo.length - 1, count: 1 });
    };

    const addScope = (start: number, to: number, resource: BatchResource): void => {
      let receiver = ownId;
      const ahead = createCursor(message, start, to);
      while (ahead.next()) if (ahead.field === 1 && ahead.wireType === 2) receiver = receiverOf(message, ahead.at, ahead.to);
      const cursor = createCursor(message, start, to);
      while (cursor.next()) {
        if (cursor.field !== 2) continue;
        wanted(cursor, 2);
        addRecord(cursor.at, cursor.to, receiver, resource);
      }
    };

    const outer = createCursor(message, 0, message.length);
    while (outer.next()) {
      if (outer.field !== 1) continue;
      wanted(outer, 2);
      let resource = resourceOf(message, outer.at, outer.at);
      const ahead = createCursor(message, outer.at, outer.to);
      while (ahead.next()) if (ahead.field === 1 && ahead.wireType === 2) resource = resourceOf(message, ahead.at, ahead.to);
      const cursor = createCursor(message, outer.at, outer.to);
      while (cursor.next()) {
        if (cursor.field !== 2) continue;
        wanted(cursor, 2);
        addScope(cursor.at, cursor.to, resource);
      }
    }

    // texts stay where they came
    const strings = {
      bytes: message,
      offsets: Uint32Array.from(textStarts),
      lengths: Uint32Array.from(textLengths),
      count: textStarts.length,
    };
    const frame: Frame = { sequence: sequence++, wallOffsetNs: 0n, strings, actors: noActors };
    const part = (column: readonly number[], first: number, count: number) => Uint32Array.from(column.slice(first, first + count));
    const source = sourceOf(attributes, Uint32Array.from(starts));
    const batches = runs.map(({ kind, receiver, resource, first, count }): Batch => ({
      kind,
      receiver,
      frame,
      rows: count,
      bootNsLo: part(timesLo, first, count),
      bootNsHi: part(timesHi, first, count),
      actor: new Uint32Array(count).fill(NO_ACTOR),
      columns: { args: part(args.first, first, count), argsKept: part(args.kept, first, count), argsFlags: part(args.flags, first, count) },
      selection: undefined,
      actorAttributes: [],
      rowAttributes: [{ source, ids: Uint32Array.from({ length: count }, (_, row) => first + row + 1) }],
      resource,
      omitted: undefined,
      severities: part(severities, first, count),
    }));
    const timeMs = timesLo.length === 0 ? undefined : (timesHi[0]! * 0x1_0000_0000 + timesLo[0]!) / 1e6;
    return { batches, timeMs };
  };

  return { of };
};
