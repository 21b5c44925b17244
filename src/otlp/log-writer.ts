/**
 * Batches straight to the bytes of `ExportLogsServiceRequest`, without an object in between. Rows of several batches and receivers
 * share a request until it is full or flushed. The attributes of a process are written once a request and then copied within it.
 * Source of the field numbers: opentelemetry-proto 1.7, logs.proto and logs_service.proto.
 */
import { NO_ACTOR, type AttributeColumn, type AttributeSource, type Batch, type EventSchema, type Frame } from '../core/batch.ts';
import { actorHeadBound, providedHead, putActorHead } from './actor-head.ts';
import { stringsOf, type Strings } from './attribute-templates.ts';
import { putTemplate, TEMPLATE_SLACK, templateOf, type Template } from './copy.ts';
import { bindPlan, fieldsBound, planOf, putFields, unbindPlan, type FieldPlan } from './field-plan.ts';
import { createOutput } from './output.ts';
import { encodeAttributes, putPaddedVarint4, putVarint } from './wire.ts';

/** `bytes` owns its memory, which is never used again; `records` is the number of log records in it. */
export type LogRequest = { readonly bytes: Buffer; readonly records: number };

/** Below the 4 MiB at which gRPC servers refuse a message, with room for what a proxy may add. */
export const DEFAULT_MAX_REQUEST_BYTES = 4_000_000;

export type LogWriterOptions = {
  readonly resource: readonly (readonly [string, string])[];
  /** Scope version. */
  readonly version: string;
  /** A record that is larger alone goes alone. */
  readonly maxRequestBytes?: number;
  readonly onRequest: (request: LogRequest) => void;
  /** Unix time, for observed_time_unix_nano. */
  readonly nowMs?: () => number;
};

export type LogWriter = {
  /** Encodes the selected rows within the call and keeps no reference to the batch. Calls `onRequest` for each request that got full. */
  append(batch: Batch): void;
  /** Hands over the open request if it holds a record. */
  flush(): void;
  /** Records in the open request. */
  openRecords(): number;
};

/** Tag and length of one record, the fixed part, the time; with slack. */
const RECORD_BOUND = 32;
/** A tag and a padded length. */
const LENGTH_BYTES = 5;
const SEVERITY_INFO = 9;
/** Room to remember this many actors at first; it grows to the most actors that a frame has had, which is at most its rows. */
const FIRST_MEMOS = 1024;

const utf8 = new TextEncoder();

/** One length-delimited field. */
const delimited = (tag: number, ...parts: readonly Uint8Array[]): Uint8Array => {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const out = new Uint8Array(6 + length);
  out[0] = tag;
  let at = putVarint(out, 1, length);
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out.subarray(0, at);
};

/** What all records of a kind begin with. The observed time stands first so that it can be set by its offset. */
const recordStart = ({ eventName }: EventSchema): Template =>
  templateOf(
    Uint8Array.of(0x59, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, SEVERITY_INFO),
    delimited(0x1a, utf8.encode('INFO')),
    delimited(0x62, utf8.encode(eventName)),
  );

type Prepared = { readonly plan: FieldPlan; readonly start: Template };

/** One writer for one exporter. It owns one buffer that grows to the size of a request. */
export const createLogWriter = (options: LogWriterOptions): LogWriter => {
  const { version, onRequest, maxRequestBytes = DEFAULT_MAX_REQUEST_BYTES, nowMs = Date.now } = options;
  const resource = delimited(0x0a, encodeAttributes(options.resource, 0x0a));
  const output = createOutput(maxRequestBytes);
  const prepared = new WeakMap<EventSchema, Prepared>();
  const scopes = new Map<string, Uint8Array>();

  let records = 0;
  let scopeAt = 0;
  let scopeReceiver = '';

  // The attributes of an actor stand in the output at memoAt, for as long as memoEpoch is the epoch: the same request, frame and sources.
  let epoch = 0;
  let memoFrame: WeakRef<Frame> | undefined;
  let memoSequence = -1;
  let memoSources: readonly AttributeSource[] = [];
  let memoEpoch = new Uint32Array(FIRST_MEMOS);
  let memoAt = new Uint32Array(FIRST_MEMOS);
  let memoLength = new Uint32Array(FIRST_MEMOS);
  let memoIds: Uint32Array[] = [];
  /** What each of memoSources supplies itself. */
  let memoProvides: number[] = [];

  const preparedOf = (schema: EventSchema): Prepared => {
    let entry = prepared.get(schema);
    if (entry === undefined) {
      entry = { plan: planOf(schema), start: recordStart(schema) };
      prepared.set(schema, entry);
    }
    return entry;
  };

  const scopeOf = (receiver: string): Uint8Array => {
    let scope = scopes.get(receiver);
    if (scope === undefined) {
      const name = `ringtail/${receiver.split('/', 1)[0]}`;
      scope = delimited(0x0a, delimited(0x0a, utf8.encode(name)), delimited(0x12, utf8.encode(version)));
      scopes.set(receiver, scope);
    }
    return scope;
  };

  const endScope = (): void => {
    if (scopeReceiver !== '') putPaddedVarint4(output.bytes, scopeAt + 1, output.at - scopeAt - LENGTH_BYTES);
    scopeReceiver = '';
  };

  const seal = (): void => {
    endScope();
    putPaddedVarint4(output.bytes, 1, output.at - LENGTH_BYTES);
    const request = { bytes: output.take(), records };
    records = 0;
    epoch++;
    onRequest(request);
  };

  const begin = (receiver: string): void => {
    const scope = scopeOf(receiver);
    output.reserve(resource.length + scope.length + 2 * LENGTH_BYTES);
    if (records === 0) {
      output.bytes[0] = 0x0a;
      output.bytes.set(resource, LENGTH_BYTES);
      output.at = LENGTH_BYTES + resource.length;
    }
    scopeReceiver = receiver;
    scopeAt = output.at;
    output.bytes[scopeAt] = 0x12;
    output.bytes.set(scope, scopeAt + LENGTH_BYTES);
    output.at = scopeAt + LENGTH_BYTES + scope.length;
  };

  /** Makes sure that what was remembered fits this batch. */
  const prepareMemos = ({ frame, actorAttributes }: Batch): void => {
    const same =
      memoFrame?.deref() === frame &&
      frame.sequence === memoSequence &&
      actorAttributes.length === memoSources.length &&
      actorAttributes.every(({ source }, column) => source === memoSources[column]);
    if (same) return;
    epoch++;
    memoFrame = new WeakRef(frame);
    memoSequence = frame.sequence;
    memoSources = actorAttributes.map(({ source }) => source);
    memoProvides = memoSources.map(providedHead);
    const { count } = frame.actors;
    if (count > memoEpoch.length) {
      const size = 2 ** Math.ceil(Math.log2(count));
      memoEpoch = new Uint32Array(size);
      memoAt = new Uint32Array(size);
      memoLength = new Uint32Array(size);
    }
    while (memoIds.length < actorAttributes.length) memoIds.push(new Uint32Array(0));
    memoIds = memoIds.map((ids) => (ids.length < memoEpoch.length ? new Uint32Array(memoEpoch.length) : ids));
  };

  const remembered = (actor: number, columns: readonly AttributeColumn[]): boolean => {
    if (memoEpoch[actor] !== epoch) return false;
    for (let i = 0; i < columns.length; i++) if (memoIds[i]![actor] !== columns[i]!.ids[actor]) return false;
    return true;
  };

  const actorBound = ({ frame, actorAttributes }: Batch, strings: Strings, actor: number): number => {
    let bytes = actorHeadBound(frame.actors, strings, actor);
    for (let i = 0; i < actorAttributes.length; i++) {
      const { source, ids } = actorAttributes[i]!;
      bytes += source.size(ids[actor]!);
    }
    return bytes;
  };

  /** Writes the attributes of an actor and remembers where. */
  const putActor = (batch: Batch, strings: Strings, actor: number, start: number, offsetLo: number, offsetHi: number): number => {
    const { frame, actorAttributes } = batch;
    let skip = 0;
    for (let i = 0; i < actorAttributes.length; i++) {
      const id = actorAttributes[i]!.ids[actor]!;
      memoIds[i]![actor] = id;
      if (id !== 0) skip |= memoProvides[i]!;
    }
    let at = putActorHead(output.bytes, output.view, start, frame.actors, actor, strings, offsetLo, offsetHi, skip);
    for (let i = 0; i < actorAttributes.length; i++) {
      const { source, ids } = actorAttributes[i]!;
      at = source.write(ids[actor]!, output.bytes, at);
    }
    memoEpoch[actor] = epoch;
    memoAt[actor] = start;
    memoLength[actor] = at - start;
    return at;
  };

  const putRowAttributes = (columns: readonly AttributeColumn[], row: number, start: number): number => {
    let at = start;
    for (let i = 0; i < columns.length; i++) {
      const { source, ids } = columns[i]!;
      at = source.write(ids[row]!, output.bytes, at);
    }
    return at;
  };

  const rowAttributesBound = (columns: readonly AttributeColumn[], row: number): number => {
    let bytes = 0;
    for (let i = 0; i < columns.length; i++) {
      const { source, ids } = columns[i]!;
      bytes += source.size(ids[row]!);
    }
    return bytes;
  };

  const appendRows = (batch: Batch, { plan, start }: Prepared): void => {
    const { frame, receiver, selection, actorAttributes, rowAttributes, bootNsLo, bootNsHi } = batch;
    const strings = stringsOf(frame.strings);
    const offset = BigInt.asUintN(64, frame.wallOffsetNs);
    const offsetLo = Number(offset & 0xffff_ffffn);
    const offsetHi = Number(offset >> 32n);
    const observed = BigInt(Math.floor(nowMs() * 1000)) * 1000n;
    const count = selection === undefined ? batch.rows : selection.length;
    for (let i = 0; i < count; i++) {
      const row = selection === undefined ? i : selection[i]!;
      const actor = batch.actor[row]!;
      const acting = actor !== NO_ACTOR;
      let known = acting && remembered(actor, actorAttributes);
      const scopeBytes = scopeReceiver === receiver ? 0 : scopeOf(receiver).length + LENGTH_BYTES;
      const rest = RECORD_BOUND + start.length + fieldsBound(plan, strings, row) + rowAttributesBound(rowAttributes, row);
      const bound = rest + (!acting ? 0 : known ? memoLength[actor]! : actorBound(batch, strings, actor));
      if (records > 0 && output.at + scopeBytes + bound > maxRequestBytes) {
        seal();
        known = false;
      }
      if (scopeReceiver !== receiver || records === 0) {
        endScope();
        begin(receiver);
      }
      // What was remembered lies in the request that may just have been sealed, so the bound is reckoned anew.
      output.reserve((known || !acting ? bound : rest + actorBound(batch, strings, actor)) + TEMPLATE_SLACK);
      const { bytes, view } = output;
      const recordAt = output.at;
      bytes[recordAt] = 0x12;
      bytes[recordAt + 5] = 0x09;
      const lo = bootNsLo[row]! + offsetLo;
      view.setUint32(recordAt + 6, lo, true);
      view.setUint32(recordAt + 10, bootNsHi[row]! + offsetHi + (lo > 0xffff_ffff ? 1 : 0), true);
      let at = putTemplate(view, recordAt + 14, start);
      view.setBigUint64(recordAt + 15, observed, true);
      if (known) {
        const from = memoAt[actor]!;
        const length = memoLength[actor]!;
        bytes.copyWithin(at, from, from + length);
        at += length;
      } else if (acting) {
        at = putActor(batch, strings, actor, at, offsetLo, offsetHi);
      }
      at = putRowAttributes(rowAttributes, row, at);
      at = putFields(plan, bytes, view, at, strings, row);
      putPaddedVarint4(bytes, recordAt + 1, at - recordAt - 5);
      output.at = at;
      records++;
    }
  };

  return {
    append(batch) {
      const entry = preparedOf(batch.kind);
      prepareMemos(batch);
      bindPlan(entry.plan, batch);
      try {
        appendRows(batch, entry);
      } catch (error) {
        epoch++; // what was written behind the last whole record is lost
        throw error;
      } finally {
        unbindPlan(entry.plan);
      }
    },
    flush() {
      if (records > 0) seal();
    },
    openRecords: () => records,
  };
};
