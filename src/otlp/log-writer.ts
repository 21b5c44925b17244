/**
 * Batches straight to the bytes of `ExportLogsServiceRequest`, without an object in between. Rows of several batches, receivers
 * and resources share a request until it is full or flushed; each resource stands in it once. The attributes of a process are written once a request and then copied within it.
 * Source of the field numbers: opentelemetry-proto 1.7, logs.proto and logs_service.proto.
 */
import { NO_ACTOR, type Batch, type EventSchema } from '../core/batch.ts';
import { createActorBlocks } from './actor-blocks.ts';
import type { Strings } from './attribute-templates.ts';
import { putTemplate, TEMPLATE_SLACK, templateOf, type Template } from './copy.ts';
import { distinctOf } from './distinct.ts';
import { bindPlan, fieldsBound, planOf, putFields, unbindPlan, type FieldPlan } from './field-plan.ts';
import { createGroupOrder } from './group-order.ts';
import { createLogEnvelope, type LogGroup } from './log-envelope.ts';
import { createOutput } from './output.ts';
import { createRequestMemory, type RequestMemory } from './request-memory.ts';
import { putRowAttributes, rowAttributesBound } from './row-attributes.ts';
import { CONTEXT_BOUND, putContext } from './trace-context.ts';
import { delimited, putPaddedVarint4 } from './wire.ts';

/** `bytes` owns its memory until somebody gives that back to `memory`; `records` is the number of log records in it. */
export type LogRequest = { readonly bytes: Buffer; readonly records: number };

/** Below the 4 MiB at which gRPC servers refuse a message, with room for what a proxy may add. */
export const DEFAULT_MAX_REQUEST_BYTES = 4_000_000;

export type LogWriterOptions = {
  readonly resource: readonly (readonly [string, string])[];
  /** Scope version. */
  readonly version: string;
  /** A record that is larger alone goes alone. */
  readonly maxRequestBytes?: number;
  /** Most records of a request. */
  readonly maxRecords?: number;
  readonly onRequest: (request: LogRequest) => void;
  /** Where requests of the usual size are written; may be shared with other writers that have the same `maxRequestBytes`. */
  readonly memory?: RequestMemory;
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
  /** From now on requests are at most this large, if that is less than before. */
  limitRequests(bytes: number): void;
};

/** Tag and length of one record, the fixed part, the time; with slack. */
const RECORD_BOUND = 32;
const SEVERITY_INFO = 9;
/** More than fit a request of any size, and still a small integer to the compiler. */
export const MANY_RECORDS = 2 ** 30 - 1;

const utf8 = new TextEncoder();

/** What all records of a kind begin with. The observed time stands first so that it can be set by its offset. */
const recordStart = ({ eventName }: EventSchema): Template =>
  templateOf(
    Uint8Array.of(0x59, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, SEVERITY_INFO),
    delimited(0x1a, utf8.encode('INFO')),
    delimited(0x62, utf8.encode(eventName)),
  );

/** What is the same for all rows of a batch. */
type Bound = { readonly strings: Strings; readonly offsetLo: number; readonly offsetHi: number; readonly observed: bigint };

type Prepared = { readonly plan: FieldPlan; readonly start: Template };

/** One writer for one exporter. It owns one buffer that grows to the size of a request. */
export const createLogWriter = (options: LogWriterOptions): LogWriter => {
  const { version, onRequest, maxRecords = MANY_RECORDS, nowMs = Date.now } = options;
  let maxRequestBytes = options.maxRequestBytes ?? DEFAULT_MAX_REQUEST_BYTES;
  const output = createOutput(options.memory ?? createRequestMemory(maxRequestBytes));
  const envelope = createLogEnvelope({ output, resource: { attributes: options.resource }, version });
  const prepared = new WeakMap<EventSchema, Prepared>();

  let records = 0;

  const blocks = createActorBlocks(output);
  const order = createGroupOrder<LogGroup>();

  const preparedOf = (schema: EventSchema): Prepared => {
    let entry = prepared.get(schema);
    if (entry === undefined) {
      entry = { plan: planOf(schema), start: recordStart(schema) };
      prepared.set(schema, entry);
    }
    return entry;
  };

  const seal = (): void => {
    const request = { bytes: envelope.seal(), records };
    records = 0;
    blocks.forget();
    onRequest(request);
  };

  /** Rows of one group: `rows[from, to)`, without `rows` those of these numbers. */
  const appendRows = (
    batch: Batch,
    { plan, start }: Prepared,
    { strings, offsetLo, offsetHi, observed }: Bound,
    group: LogGroup,
    rows: Uint32Array | undefined,
    from: number,
    to: number,
  ): void => {
    const { rowAttributes, bootNsLo, bootNsHi, contexts } = batch;
    let open = envelope.current();
    const recordBound = RECORD_BOUND + (contexts === undefined ? 0 : CONTEXT_BOUND);
    const mostRecords = maxRecords;
    const mostBytes = maxRequestBytes;
    for (let i = from; i < to; i++) {
      const row = rows === undefined ? i : rows[i]!;
      const actor = batch.actor[row]!;
      const acting = actor !== NO_ACTOR;
      const rest = recordBound + start.length + fieldsBound(plan, strings, row) + rowAttributesBound(rowAttributes, row);
      let bound = rest + (acting ? blocks.bound(actor) : 0);
      if (records > 0 && (records >= mostRecords || output.at + bound + (open === group ? 0 : envelope.cost(group)) > mostBytes)) {
        seal();
        open = undefined;
        // what was remembered lay in the request that was sealed
        if (acting) bound = rest + blocks.bound(actor);
      }
      if (open !== group) {
        envelope.open(group);
        open = group;
      }
      output.reserve(bound + TEMPLATE_SLACK);
      const { bytes, view } = output;
      const recordAt = output.at;
      bytes[recordAt] = 0x12;
      bytes[recordAt + 5] = 0x09;
      const lo = bootNsLo[row]! + offsetLo;
      view.setUint32(recordAt + 6, lo, true);
      view.setUint32(recordAt + 10, bootNsHi[row]! + offsetHi + (lo > 0xffff_ffff ? 1 : 0), true);
      let at = putTemplate(view, recordAt + 14, start);
      view.setBigUint64(recordAt + 15, observed, true);
      if (acting) at = blocks.put(actor, at);
      at = putRowAttributes(rowAttributes, row, bytes, at);
      at = putFields(plan, bytes, view, at, strings, row);
      if (contexts !== undefined) at = putContext(contexts, row, bytes, at);
      putPaddedVarint4(bytes, recordAt + 1, at - recordAt - 5);
      output.at = at;
      records++;
    }
  };

  const appendBatch = (batch: Batch, entry: Prepared): void => {
    const { frame, selection, receiver, resource, rowResources } = batch;
    const offset = BigInt.asUintN(64, frame.wallOffsetNs);
    const offsetLo = Number(offset & 0xffff_ffffn);
    const offsetHi = Number(offset >> 32n);
    const strings = blocks.bind(batch, offsetLo, offsetHi);
    const bound = { strings, offsetLo, offsetHi, observed: BigInt(Math.floor(nowMs() * 1000)) * 1000n };
    if (rowResources === undefined) {
      const group = envelope.groupOf(receiver, resource);
      appendRows(batch, entry, bound, group, selection, 0, selection?.length ?? batch.rows);
      return;
    }
    const { ids, list } = rowResources;
    order.sort(ids, batch.rows, selection, (id) => envelope.groupOf(receiver, list[id] ?? resource));
    const rows = order.rows ?? selection;
    for (let i = 0; i < order.count; i++) appendRows(batch, entry, bound, order.groups[i]!, rows, order.starts[i]!, order.starts[i + 1]!);
  };

  return {
    append(input) {
      const batch = distinctOf(input);
      const entry = preparedOf(batch.kind);
      bindPlan(entry.plan, batch);
      try {
        appendBatch(batch, entry);
      } catch (error) {
        blocks.forget(); // what was written behind the last whole record is lost
        throw error;
      } finally {
        unbindPlan(entry.plan);
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
