/** Spans of programs as batches. */
import { constants } from 'node:os';
import type { AttributeField, Batch, EventSchema, SpanColumns, StringTable } from '../../core/batch.ts';
import { createFrameBuilder, type FrameBuilder } from '../../core/frame-builder.ts';
import { spanColumns, SPAN_HAS_IS_REMOTE, SPAN_ID_BYTES, SPAN_IS_REMOTE, spanStatus, TRACE_ID_BYTES } from '../../core/spans.ts';
import type { ProcessSpan } from '../../kernel/traces/types.ts';
import { attributeName } from '../../otlp/names.ts';
import { execSchema, exitSchema } from './process-schemas.ts';

/** Flags that say which of the fields count; a column of the batch. */
const HAS_EXEC = 1;
const HAS_END = 2;
/** It only marks that the program runs. */
const IS_MARKER = 4;
/** It gave way to another program of its process. */
const IS_REPLACED = 8;

const only = (field: AttributeField, mask: number): AttributeField => {
  const { when } = field;
  const conditions = when === undefined ? [] : 'column' in when ? [when] : when;
  return { ...field, when: [{ column: 'has', mask, is: 'set' }, ...conditions] };
};

const durations: ReadonlySet<string> = new Set([attributeName.durationNs]);

/** Attributes of the spans of processes. */
export const processSpanSchema = (withArgs: boolean): EventSchema => ({
  eventName: 'process',
  fields: [
    ...execSchema(withArgs)
      .fields.filter(({ name }) => name !== attributeName.syscallReturn)
      .map((field) => only(field, HAS_EXEC)),
    // a span has its times
    ...exitSchema.fields.filter(({ name }) => !durations.has(name)).map((field) => only(field, HAS_END)),
    { name: attributeName.spanPartial, type: 'bool', column: 'has', mask: IS_MARKER },
    { name: attributeName.processReplaced, type: 'bool', column: 'has', mask: IS_REPLACED },
  ],
});
const schemas = { true: processSpanSchema(true), false: processSpanSchema(false) } as const;

const NO_STRINGS: StringTable = { bytes: new Uint8Array(0), offsets: new Uint32Array(1), lengths: new Uint32Array(1), count: 1 };
const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number as number, name]));
const SLASH = 0x2f;

/** Raw bytes: the name of the executable, or the name of the thread where that is not known, as of a file that is a mount by itself. */
const nameOf = ({ path, actor }: ProcessSpan): Uint8Array | string => {
  const name = path.subarray(path.lastIndexOf(SLASH) + 1);
  return name.length === 0 ? (actor.comm ?? path) : name;
};

const messageOf = ({ end }: ProcessSpan): string | undefined => {
  if (end.how !== 'exit') return undefined;
  if (end.signal !== 0) return `killed by ${signalNames.get(end.signal) ?? `signal ${end.signal}`}${end.coreDumped ? ', core dumped' : ''}`;
  return end.code === 0 ? undefined : `exit code ${end.code}`;
};

export type ProcessSpanOptions = {
  /** Id of the receiver, as it stands on the batch. */
  readonly receiver: string;
  readonly wallOffsetNs: bigint;
  /** Whether arguments are told. */
  readonly args: boolean;
};

/** Numbers of the kind; texts are ids. Its schema says when which counts. */
const columnNames = [
  'has', 'exitCode', 'exitSignal', 'args', 'argsKept', 'argc', 'execFlags', 'cwd', 'cwdFlags', 'sessionLeaderPid', 'syscallNr',
] as const; // prettier-ignore
type Columns = Readonly<Record<(typeof columnNames)[number], Uint32Array>>;

const low = (value: bigint): number => Number(BigInt.asUintN(32, value));
const high = (value: bigint): number => Number(value >> 32n);

const putKind = (columns: Columns, row: number, { exec, end }: ProcessSpan, builder: FrameBuilder): void => {
  columns.has[row] = (exec === undefined ? 0 : HAS_EXEC) | (end.how === 'exit' ? HAS_END : end.how === 'running' ? IS_MARKER : IS_REPLACED);
  if (end.how === 'exit') {
    columns.exitCode[row] = end.code;
    columns.exitSignal[row] = end.signal;
  }
  if (exec === undefined) return;
  columns.args[row] = builder.addStrings(exec.args);
  columns.argsKept[row] = exec.args.lengths.length;
  columns.argc[row] = exec.argc;
  columns.execFlags[row] = exec.execFlags;
  columns.cwd[row] = builder.addString(exec.cwd);
  columns.cwdFlags[row] = exec.cwdFlags;
  columns.sessionLeaderPid[row] = exec.sessionLeaderPid;
  columns.syscallNr[row] = exec.syscallNr;
};

const putSpan = (columns: SpanColumns, row: number, span: ProcessSpan, builder: FrameBuilder): void => {
  const { tree, endNs, parentId } = span;
  const message = messageOf(span);
  columns.traceIds.set(tree.traceId, row * TRACE_ID_BYTES);
  columns.spanIds.set(span.spanId, row * SPAN_ID_BYTES);
  columns.parentIds.set(parentId, row * SPAN_ID_BYTES);
  columns.names[row] = builder.addString(nameOf(span));
  columns.endNsLo[row] = low(endNs);
  columns.endNsHi[row] = high(endNs);
  columns.flags[row] = 1 | SPAN_HAS_IS_REMOTE;
  columns.droppedEvents[row] = span.droppedEvents;
  if (message !== undefined) {
    columns.statuses[row] = spanStatus.error;
    columns.statusMessages[row] = builder.addString(message);
  }
  if (tree.remote === undefined) return;
  columns.traceStates[row] = builder.addString(tree.remote.traceState);
  if (Buffer.compare(parentId, tree.remote.spanId) === 0) columns.flags[row]! |= SPAN_IS_REMOTE;
};

/** One batch of all these spans, at least one; it may be kept for as long as it is wanted. */
export const processSpanBatch = (spans: readonly ProcessSpan[], { receiver, wallOffsetNs, args }: ProcessSpanOptions): Batch => {
  const builder = createFrameBuilder({ wallOffsetNs });
  const rows = spans.length;
  const ofSpans = spanColumns(rows, NO_STRINGS);
  const columns: Columns = Object.fromEntries(columnNames.map((name) => [name, new Uint32Array(rows)])) as Columns;
  const [bootNsLo, bootNsHi, actor] = [new Uint32Array(rows), new Uint32Array(rows), new Uint32Array(rows)];
  for (let row = 0; row < rows; row++) {
    const span = spans[row]!;
    bootNsLo[row] = low(span.startNs);
    bootNsHi[row] = high(span.startNs);
    actor[row] = builder.addActor(span.actor);
    putKind(columns, row, span, builder);
    putSpan(ofSpans, row, span, builder);
  }
  const frame = builder.build();
  return {
    rows,
    bootNsLo,
    bootNsHi,
    actor,
    columns,
    kind: schemas[`${args}`],
    receiver,
    frame,
    selection: undefined,
    actorAttributes: [],
    rowAttributes: [],
    resource: undefined,
    omitted: undefined,
    spans: { ...ofSpans, strings: frame.strings, events: spans.map(({ events }) => events) },
  };
};
