/**
 * What makes the rows of a batch spans. A batch of spans is a `Batch` with these columns, so that whatever names, filters or redacts records does the
 * same with spans; `bootNs` of a row is the start of its span, its kind gives the attributes.
 */
import type { Batch, SpanColumns, StringTable } from './batch.ts';

export const TRACE_ID_BYTES = 16;
export const SPAN_ID_BYTES = 8;

/** Source: opentelemetry-proto 1.7, trace.proto, `Span.SpanKind` and `Status.StatusCode`. */
export const spanKind = { internal: 1, server: 2, client: 3 } as const;
export const spanStatus = { unset: 0, ok: 1, error: 2 } as const;

/** trace.proto, `SpanFlags`: it is known whether the parent is of another process, and it is. */
export const SPAN_HAS_IS_REMOTE = 0x100;
export const SPAN_IS_REMOTE = 0x200;

/** Empty columns for so many rows, whose texts are in `strings`. */
export const spanColumns = (rows: number, strings: StringTable): SpanColumns => ({
  strings,
  traceIds: new Uint8Array(rows * TRACE_ID_BYTES),
  spanIds: new Uint8Array(rows * SPAN_ID_BYTES),
  parentIds: new Uint8Array(rows * SPAN_ID_BYTES),
  kinds: new Uint8Array(rows).fill(spanKind.internal),
  names: new Uint32Array(rows),
  endNsLo: new Uint32Array(rows),
  endNsHi: new Uint32Array(rows),
  statuses: new Uint8Array(rows),
  statusMessages: new Uint32Array(rows),
  traceStates: new Uint32Array(rows),
  flags: new Uint32Array(rows),
  droppedEvents: new Uint32Array(rows),
});

/** The columns of a batch that came through a pipeline of traces. */
export const spansOf = ({ spans, kind }: Batch): SpanColumns => {
  if (spans === undefined) throw new TypeError(`records of ${kind.eventName} are no spans`);
  return spans;
};
