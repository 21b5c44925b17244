/**
 * Batches of spans to the bytes of `ExportTraceServiceRequest`. What a span has in common with a log record is written by the same parts: resources and
 * scopes, the attributes of processes, users and rows, the fields of the kind. These write attributes as fields of `LogRecord`; their tags are set to those of
 * `Span` when a span is whole.
 * Source of the field numbers: opentelemetry-proto 1.7, trace.proto and trace_service.proto.
 */
import {
  LENGTH_MASK,
  NO_ACTOR,
  type Batch,
  type EventSchema,
  type SpanColumns,
  type SpanEvent,
  type SpanLink,
  type StringTable,
} from '../core/batch.ts';
import { isZero } from '../core/bytes.ts';
import { SPAN_ID_BYTES, spansOf, TRACE_ID_BYTES } from '../core/spans.ts';
import { createActorBlocks } from './actor-blocks.ts';
import type { Strings } from './attribute-templates.ts';
import { TEMPLATE_SLACK } from './copy.ts';
import { distinctOf } from './distinct.ts';
import { bindPlan, fieldsBound, planOf, putFields, unbindPlan, type FieldPlan } from './field-plan.ts';
import { createGroupOrder } from './group-order.ts';
import { createLogEnvelope, type LogGroup } from './log-envelope.ts';
import { DEFAULT_MAX_REQUEST_BYTES, MANY_RECORDS, type LogWriter, type LogWriterOptions } from './log-writer.ts';
import { createOutput } from './output.ts';
import { createRequestMemory } from './request-memory.ts';
import { putRowAttributes, rowAttributesBound } from './row-attributes.ts';
import { putReplacingInvalid, REPLACED_EXPANSION } from './utf8.ts';
import { ATTRIBUTE_TAG, delimited, encodeAttributes, LENGTH_BYTES, putBytes, putPaddedVarint4, putVarint } from './wire.ts';

export type SpanWriter = LogWriter;
export type SpanWriterOptions = Omit<LogWriterOptions, 'nowMs'>;

const SPAN_TAG = 0x12;
const SPAN_ATTRIBUTE_TAG = 0x4a;
/** Everything of a span but its attributes, texts, events and links; with slack. */
const SPAN_BOUND = 128;

const utf8 = new TextEncoder();
const fixed64 = (tag: number, value: bigint): Uint8Array => {
  const out = new Uint8Array(9);
  out[0] = tag;
  new DataView(out.buffer).setBigUint64(1, value, true);
  return out;
};

const encodeEvent = ({ unixNs, name, attributes }: SpanEvent): Uint8Array =>
  delimited(0x5a, fixed64(0x09, unixNs), delimited(0x12, utf8.encode(name.toWellFormed())), encodeAttributes(attributes, 0x1a));
const encodeLink = ({ traceId, spanId, attributes }: SpanLink): Uint8Array =>
  delimited(0x6a, delimited(0x0a, traceId), delimited(0x12, spanId), encodeAttributes(attributes, 0x22));

const textBound = ({ lengths }: StringTable, id: number): number =>
  id === 0 ? 0 : LENGTH_BYTES + (lengths[id]! & LENGTH_MASK) * REPLACED_EXPANSION;

/** A text by its id with its tag; nothing when it is empty. */
const putText = (out: Uint8Array, at: number, tag: number, { bytes, offsets, lengths }: StringTable, id: number): number => {
  const length = lengths[id]! & LENGTH_MASK;
  if (length === 0) return at;
  out[at] = tag;
  const end = putReplacingInvalid(out, at + LENGTH_BYTES, bytes, offsets[id]!, offsets[id]! + length);
  putPaddedVarint4(out, at + 1, end - at - LENGTH_BYTES);
  return end;
};

const putId = (out: Uint8Array, at: number, tag: number, ids: Uint8Array, length: number, row: number): number => {
  out[at++] = tag;
  out[at++] = length;
  return putBytes(out, at, ids, row * length, (row + 1) * length);
};

/** Boot time in two halves as Unix time. */
const putTime = (view: DataView, at: number, tag: number, lo: number, hi: number, offsetLo: number, offsetHi: number): number => {
  const low = lo + offsetLo;
  view.setUint8(at, tag);
  view.setUint32(at + 1, low, true);
  view.setUint32(at + 5, hi + offsetHi + (low > 0xffff_ffff ? 1 : 0), true);
  return at + 9;
};

/** Attributes of a log record in `[start, end)` become those of a span. */
const retag = (bytes: Uint8Array, start: number, end: number): void => {
  let at = start;
  while (at < end) {
    if (bytes[at] === ATTRIBUTE_TAG) bytes[at] = SPAN_ATTRIBUTE_TAG;
    else if (bytes[at] !== SPAN_ATTRIBUTE_TAG) throw new TypeError('what was added to a span is no attribute');
    let length = 0;
    let shift = 0;
    do length |= (bytes[++at]! & 0x7f) << (7 * shift++);
    while (bytes[at]! > 0x7f);
    at += 1 + length;
  }
};

type Parts = { readonly events: readonly Uint8Array[]; readonly links: readonly Uint8Array[]; readonly bytes: number };
const NO_PARTS: Parts = { events: [], links: [], bytes: 0 };

const partsOf = ({ events, links }: SpanColumns, row: number): Parts => {
  const [ofEvents, ofLinks] = [events?.[row] ?? [], links?.[row] ?? []];
  if (ofEvents.length === 0 && ofLinks.length === 0) return NO_PARTS;
  const encoded = { events: ofEvents.map(encodeEvent), links: ofLinks.map(encodeLink) };
  return { ...encoded, bytes: [...encoded.events, ...encoded.links].reduce((sum, { length }) => sum + length, 0) };
};

/** What stands before the attributes: who it is, and when. */
const putHead = (out: Uint8Array, view: DataView, start: number, batch: Batch, spans: SpanColumns, row: number, offset: readonly [number, number]): number => {
  const { strings } = spans;
  let at = putId(out, start, 0x0a, spans.traceIds, TRACE_ID_BYTES, row);
  at = putId(out, at, 0x12, spans.spanIds, SPAN_ID_BYTES, row);
  at = putText(out, at, 0x1a, strings, spans.traceStates[row]!);
  if (!isZero(spans.parentIds, row * SPAN_ID_BYTES, SPAN_ID_BYTES)) at = putId(out, at, 0x22, spans.parentIds, SPAN_ID_BYTES, row);
  at = putText(out, at, 0x2a, strings, spans.names[row]!);
  out[at++] = 0x30;
  out[at++] = spans.kinds[row]!;
  at = putTime(view, at, 0x39, batch.bootNsLo[row]!, batch.bootNsHi[row]!, ...offset);
  return putTime(view, at, 0x41, spans.endNsLo[row]!, spans.endNsHi[row]!, ...offset);
}; // prettier-ignore

/** What stands behind them. */
const putTail = (out: Uint8Array, view: DataView, start: number, spans: SpanColumns, row: number, { events, links }: Parts): number => {
  let at = start;
  for (const event of events) at = putBytes(out, at, event);
  if (spans.droppedEvents[row] !== 0) {
    out[at++] = 0x60;
    at = putVarint(out, at, spans.droppedEvents[row]!);
  }
  for (const link of links) at = putBytes(out, at, link);
  if (spans.statuses[row] !== 0) {
    const statusAt = at;
    out[at] = 0x7a;
    at = putText(out, at + LENGTH_BYTES, 0x12, spans.strings, spans.statusMessages[row]!);
    out[at++] = 0x18;
    out[at++] = spans.statuses[row]!;
    putPaddedVarint4(out, statusAt + 1, at - statusAt - LENGTH_BYTES);
  }
  if (spans.flags[row] === 0) return at;
  out[at++] = 0x85;
  out[at++] = 0x01;
  view.setUint32(at, spans.flags[row]!, true);
  return at + 4;
}; // prettier-ignore

/** One writer for one exporter, as `createLogWriter`. `append` throws when the rows are no spans. */
export const createSpanWriter = (options: SpanWriterOptions): SpanWriter => {
  const { version, onRequest, maxRecords = MANY_RECORDS } = options;
  let maxRequestBytes = options.maxRequestBytes ?? DEFAULT_MAX_REQUEST_BYTES;
  const output = createOutput(options.memory ?? createRequestMemory(maxRequestBytes));
  const envelope = createLogEnvelope({ output, resource: { attributes: options.resource }, version });
  const blocks = createActorBlocks(output);
  const order = createGroupOrder<LogGroup>();
  const plans = new WeakMap<EventSchema, FieldPlan>();
  let records = 0;

  const seal = (): void => {
    const request = { bytes: envelope.seal(), records };
    records = 0;
    blocks.forget();
    onRequest(request);
  };

  const appendRow = (batch: Batch, spans: SpanColumns, plan: FieldPlan, strings: Strings, offset: readonly [number, number], group: LogGroup, row: number): void => {
    const { rowAttributes } = batch;
    const actor = batch.actor[row]!;
    const acting = actor !== NO_ACTOR;
    const parts = partsOf(spans, row);
    const texts = [spans.names, spans.traceStates, spans.statusMessages].reduce((sum, ids) => sum + textBound(spans.strings, ids[row]!), 0);
    const rest = SPAN_BOUND + texts + parts.bytes + fieldsBound(plan, strings, row) + rowAttributesBound(rowAttributes, row);
    let bound = rest + (acting ? blocks.bound(actor) : 0);
    if (records > 0 && (records >= maxRecords || output.at + bound + envelope.cost(group) > maxRequestBytes)) {
      seal();
      // what was remembered lay in the request that was sealed
      if (acting) bound = rest + blocks.bound(actor);
    }
    if (envelope.current() !== group) envelope.open(group);
    output.reserve(bound + TEMPLATE_SLACK);
    const { bytes, view } = output;
    const spanAt = output.at;
    bytes[spanAt] = SPAN_TAG;
    const attributesAt = putHead(bytes, view, spanAt + LENGTH_BYTES, batch, spans, row, offset);
    let at = acting ? blocks.put(actor, attributesAt) : attributesAt;
    at = putRowAttributes(rowAttributes, row, bytes, at);
    at = putFields(plan, bytes, view, at, strings, row);
    retag(bytes, attributesAt, at);
    at = putTail(bytes, view, at, spans, row, parts);
    putPaddedVarint4(bytes, spanAt + 1, at - spanAt - LENGTH_BYTES);
    output.at = at;
    records++;
  }; // prettier-ignore

  const appendBatch = (batch: Batch, plan: FieldPlan): void => {
    const { frame, selection, receiver, resource, rowResources, rows: count } = batch;
    const spans = spansOf(batch);
    const offset = BigInt.asUintN(64, frame.wallOffsetNs);
    const halves = [Number(offset & 0xffff_ffffn), Number(offset >> 32n)] as const;
    const strings = blocks.bind(batch, ...halves);
    const list = rowResources?.list ?? [undefined];
    const ids = rowResources?.ids ?? new Uint32Array(count);
    order.sort(ids, count, selection, (id) => envelope.groupOf(receiver, list[id] ?? resource));
    const rows = order.rows ?? selection;
    for (let i = 0; i < order.count; i++)
      for (let at = order.starts[i]!; at < order.starts[i + 1]!; at++)
        appendRow(batch, spans, plan, strings, halves, order.groups[i]!, rows?.[at] ?? at);
  };

  return {
    append(input) {
      const batch = distinctOf(input);
      let plan = plans.get(batch.kind);
      if (plan === undefined) plans.set(batch.kind, (plan = planOf(batch.kind)));
      bindPlan(plan, batch);
      try {
        appendBatch(batch, plan);
      } catch (error) {
        blocks.forget(); // what was written behind the last whole span is lost
        throw error;
      } finally {
        unbindPlan(plan);
        blocks.unbind();
      }
    },
    flush() {
      if (records > 0) seal();
    },
    openRecords: () => records,
    limitRequests(bytes) {
      maxRequestBytes = Math.min(maxRequestBytes, bytes);
    },
  };
};
