/** Where in a trace a log record was made. Source: opentelemetry-proto 1.7, logs.proto, `trace_id` and `span_id`. */
import type { Batch } from '../core/batch.ts';
import { SPAN_ID_BYTES, TRACE_ID_BYTES } from '../core/spans.ts';

type TraceContexts = NonNullable<Batch['contexts']>;

const TRACE_ID_TAG = 0x4a;
const SPAN_ID_TAG = 0x52;

/** Most bytes that `putContext` writes. */
export const CONTEXT_BOUND = 2 + TRACE_ID_BYTES + 2 + SPAN_ID_BYTES;

/** No id has no byte but zeros. */
const isId = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return true;
  return false;
};

/** Writes the fields of a row to `out` at `at`; returns the position behind them. The flags of the trace are not known, so they are left out. */
export const putContext = ({ strings, ids }: TraceContexts, row: number, out: Uint8Array, at: number): number => {
  const id = ids[row]!;
  if (id === 0) return at;
  const from = strings.offsets[id]!;
  out[at++] = TRACE_ID_TAG;
  out[at++] = TRACE_ID_BYTES;
  for (let i = 0; i < TRACE_ID_BYTES; i++) out[at++] = strings.bytes[from + i]!;
  const span = from + TRACE_ID_BYTES;
  if (!isId(strings.bytes, span, span + SPAN_ID_BYTES)) return at;
  out[at++] = SPAN_ID_TAG;
  out[at++] = SPAN_ID_BYTES;
  for (let i = 0; i < SPAN_ID_BYTES; i++) out[at++] = strings.bytes[span + i]!;
  return at;
};

/** The ids of a row in hexadecimal; `spanId` is empty when only the trace is known. Undefined: none. */
export const contextOf = (
  { contexts }: Pick<Batch, 'contexts'>,
  row: number,
): { readonly traceId: string; readonly spanId: string } | undefined => {
  const id = contexts?.ids[row] ?? 0;
  if (contexts === undefined || id === 0) return undefined;
  const { strings } = contexts;
  const from = strings.offsets[id]!;
  const [span, end] = [from + TRACE_ID_BYTES, from + TRACE_ID_BYTES + SPAN_ID_BYTES];
  const hex = (start: number, to: number) => Buffer.from(strings.bytes.subarray(start, to)).toString('hex');
  return { traceId: hex(from, span), spanId: isId(strings.bytes, span, end) ? hex(span, end) : '' };
};
