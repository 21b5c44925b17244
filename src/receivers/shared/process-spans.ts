/** Spans of programs as batches. */
import { constants } from 'node:os';
import type { AttributeField, Batch, EventSchema, SpanEvent, StringTable } from '../../core/batch.ts';
import { createFrameBuilder } from '../../core/frame-builder.ts';
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

/** One batch of all these spans, at least one; it may be kept for as long as it is wanted. */
export const processSpanBatch = (spans: readonly ProcessSpan[], { receiver, wallOffsetNs, args }: ProcessSpanOptions): Batch => {
  const builder = createFrameBuilder({ wallOffsetNs });
  const columns = spanColumns(spans.length, NO_STRINGS);
  const events: (readonly SpanEvent[])[] = [];
  for (const [row, span] of spans.entries()) {
    const { tree, actor, exec, end, endNs } = span;
    const message = messageOf(span);
    const ended = end.how === 'exit' ? { exitCode: end.code, exitSignal: end.signal } : {};
    const has = (exec === undefined ? 0 : HAS_EXEC) | (end.how === 'exit' ? HAS_END : end.how === 'running' ? IS_MARKER : IS_REPLACED);
    builder.addRow(1, {
      bootNs: span.startNs,
      actor: builder.addActor(actor),
      columns: {
        has,
        ...ended,
        ...(exec && {
          args: exec.args,
          argc: exec.argc,
          execFlags: exec.execFlags,
          cwd: exec.cwd,
          cwdFlags: exec.cwdFlags,
          sessionLeaderPid: exec.sessionLeaderPid,
          syscallNr: exec.syscallNr,
        }),
      },
    });
    columns.traceIds.set(tree.traceId, row * TRACE_ID_BYTES);
    columns.spanIds.set(span.spanId, row * SPAN_ID_BYTES);
    columns.parentIds.set(span.parentId, row * SPAN_ID_BYTES);
    columns.names[row] = builder.addString(nameOf(span));
    columns.endNsLo[row] = Number(BigInt.asUintN(32, endNs));
    columns.endNsHi[row] = Number(endNs >> 32n);
    columns.statuses[row] = message === undefined ? spanStatus.unset : spanStatus.error;
    columns.statusMessages[row] = message === undefined ? 0 : builder.addString(message);
    columns.traceStates[row] = builder.addString(tree.remote?.traceState ?? '');
    const isBelowRemote = tree.remote !== undefined && Buffer.compare(span.parentId, tree.remote.spanId) === 0;
    columns.flags[row] = 1 | SPAN_HAS_IS_REMOTE | (isBelowRemote ? SPAN_IS_REMOTE : 0);
    columns.droppedEvents[row] = span.droppedEvents;
    events.push(span.events);
  }
  const frame = builder.build();
  const [built] = frame.batches;
  return {
    ...built!,
    kind: schemas[`${args}`],
    receiver,
    frame,
    selection: undefined,
    actorAttributes: [],
    rowAttributes: [],
    resource: undefined,
    omitted: undefined,
    spans: { ...columns, strings: frame.strings, events },
  };
};
