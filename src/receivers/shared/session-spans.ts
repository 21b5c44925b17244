/** Sessions of programs that belong to a trace, as spans below those of their programs. */
import { createFrameBuilder } from '../../core/frame-builder.ts';
import { actorOf } from '../../kernel/traces/records.ts';
import type { Tree } from '../../kernel/traces/types.ts';
import { headNames } from '../../otlp/actor-head.ts';
import { rowReaderOf } from '../../otlp/log-text.ts';
import { createRowSource } from '../../otlp/row-source.ts';
import { NO_ACTOR, type AttributeField, type Batch, type EventSchema, type StringTable } from '../../core/batch.ts';
import { errnoNames } from '../../core/errno.ts';
import { SPAN_HAS_IS_REMOTE, SPAN_ID_BYTES, spanColumns, spanKind, spanStatus, TRACE_ID_BYTES } from '../../core/spans.ts';
import type { KernelBatch, KernelFrame } from '../../kernel/frames.ts';
import type { Hub } from '../../kernel/hub.ts';
import { eventKind, sessionFlag, sessionRole } from '../../kernel/layouts.gen.ts';
import type { Traces } from '../../kernel/traces/service.ts';
import { attributeName } from '../../otlp/names.ts';
import { viewOf } from './kernel-batch.ts';
import { protocolNames, transportNames } from './network-names.ts';
import { omittedOfSessions, sessionTest, withoutNobody, type SessionChoice } from './session-events.ts';
import { sessionSchemas } from './session-schemas.ts';

/** A span has its times. */
const isTold = ({ name }: AttributeField): boolean => name !== attributeName.durationNs;
const endSchema = sessionSchemas.get(eventKind.sessionEnd)!;
/** Attributes of the spans of sessions. */
export const sessionSpanSchema: EventSchema = { eventName: 'session', fields: endSchema.fields.filter(isTold) };

export type SessionSpansOptions = SessionChoice & {
  /** Id of the receiver, as it stands on the batches. */
  readonly receiver: string;
  readonly traces: Pick<Traces, 'find' | 'sessionSpanId' | 'tellWith' | 'verdict'>;
  readonly next: (batch: Batch) => void;
};

const utf8 = new TextEncoder();

/** Texts that come again and again, as a table. */
const createTexts = () => {
  const ids = new Map<string, number>([['', 0]]);
  return {
    idOf(text: string): number {
      const known = ids.get(text);
      if (known !== undefined) return known;
      ids.set(text, ids.size);
      return ids.size - 1;
    },
    table(): StringTable {
      const parts = Array.from(ids.keys(), (text) => utf8.encode(text));
      const offsets = new Uint32Array(parts.length);
      let at = 0;
      for (const [id, part] of parts.entries()) {
        offsets[id] = at;
        at += part.length;
      }
      return { bytes: Buffer.concat(parts), offsets, lengths: Uint32Array.from(parts, ({ length }) => length), count: parts.length };
    },
  };
};

const whole = (lo: number, hi: number): bigint => (BigInt(hi) << 32n) | BigInt(lo);
const wide = ({ columns }: KernelBatch, name: string, row: number): bigint =>
  whole(columns[`${name}Lo`]![row]!, columns[`${name}Hi`]![row]!);
const kinds: ReadonlyMap<number, number> = new Map([
  [sessionRole.client, spanKind.client],
  [sessionRole.server, spanKind.server],
]);

/** `tcp 443`: what it speaks, and the port of the server. */
const nameOf = ({ columns }: KernelBatch, row: number): string => {
  const transport = columns['transport']![row]!;
  const name = transportNames.get(transport) ?? protocolNames.get(transport) ?? 'session';
  const port = columns[columns['role']![row] === sessionRole.server ? 'localPort' : 'peerPort']![row]!;
  return transportNames.has(transport) && port !== 0 ? `${name} ${port}` : name;
};

const placeOf = (traces: SessionSpansOptions['traces'], { actors }: KernelFrame, actor: number) =>
  traces.find({
    pid: actors.pid[actor]!,
    startNs: whole(actors.startNsLo[actor]!, actors.startNsHi[actor]!),
    execId: actors.execId[actor]!,
  });

/** Its attributes stand in the row. */
const heldSchema: EventSchema = { ...sessionSpanSchema, fields: [] };

/** A row of a batch of spans in memory of its own, as a batch. */
const copyRow = (batch: Batch, row: number): Batch => {
  const { frame, spans } = batch;
  const builder = createFrameBuilder({ wallOffsetNs: frame.wallOffsetNs });
  const actor = builder.addActor(actorOf(frame, batch.actor[row]!));
  builder.addRow(1, { bootNs: whole(batch.bootNsLo[row]!, batch.bootNsHi[row]!), actor });
  const own = builder.build();
  const attributes = createRowSource();
  const ids = Uint32Array.of(attributes.add(rowReaderOf(batch, (name) => !headNames.has(name) || name === attributeName.cgroupId)(row)));
  const rowOf = <T extends Uint8Array | Uint32Array>(column: T, size = 1): T => column.slice(row * size, (row + 1) * size) as T;
  const {
    traceIds,
    spanIds,
    parentIds,
    kinds: ofKind,
    names,
    endNsLo,
    endNsHi,
    statuses,
    statusMessages,
    traceStates,
    flags,
    droppedEvents,
  } = spans!;
  return {
    ...batch,
    ...own.batches[0]!,
    kind: heldSchema,
    frame: own,
    selection: undefined,
    rowAttributes: [{ source: attributes, ids }],
    spans: {
      strings: spans!.strings,
      traceIds: rowOf(traceIds, TRACE_ID_BYTES),
      spanIds: rowOf(spanIds, SPAN_ID_BYTES),
      parentIds: rowOf(parentIds, SPAN_ID_BYTES),
      kinds: rowOf(ofKind),
      names: rowOf(names),
      endNsLo: rowOf(endNsLo),
      endNsHi: rowOf(endNsHi),
      statuses: rowOf(statuses),
      statusMessages: rowOf(statusMessages),
      traceStates: rowOf(traceStates),
      flags: rowOf(flags),
      droppedEvents: rowOf(droppedEvents),
    },
  };
};

const spansOf = (input: KernelBatch, frame: KernelFrame, { receiver, traces, next, ...choice }: SessionSpansOptions): Batch | undefined => {
  const batch = withoutNobody(input);
  const isWanted = sessionTest(choice);
  const { rows, columns } = batch;
  const texts = createTexts();
  const spans = spanColumns(rows, texts.table());
  const bootNsLo = new Uint32Array(rows);
  const bootNsHi = new Uint32Array(rows);
  const selection: number[] = [];
  const held: { readonly row: number; readonly tree: Tree; readonly failed: boolean }[] = [];
  for (let row = 0; row < rows; row++) {
    // what was open before has no beginning
    if (batch.actor[row] === NO_ACTOR || (columns['flags']![row]! & sessionFlag.hasStart) === 0 || !isWanted(batch, row)) continue;
    const place = placeOf(traces, frame, batch.actor[row]!);
    const verdict = place && traces.verdict(place.tree);
    if (place === undefined || verdict === 'dropped') continue;
    const startNs = whole(batch.bootNsLo[row]!, batch.bootNsHi[row]!) - wide(batch, 'durationNs', row);
    bootNsLo[row] = Number(BigInt.asUintN(32, startNs));
    bootNsHi[row] = Number(startNs >> 32n);
    spans.traceIds.set(place.tree.traceId, row * TRACE_ID_BYTES);
    spans.spanIds.set(traces.sessionSpanId(wide(batch, 'id', row)), row * SPAN_ID_BYTES);
    spans.parentIds.set(place.spanId, row * SPAN_ID_BYTES);
    spans.kinds[row] = kinds.get(columns['role']![row]!) ?? spanKind.internal;
    spans.names[row] = texts.idOf(nameOf(batch, row));
    spans.traceStates[row] = texts.idOf(place.tree.remote?.traceState ?? '');
    spans.flags[row] = 1 | SPAN_HAS_IS_REMOTE;
    const error = columns['error']![row]! | 0;
    if (error !== 0) {
      spans.statuses[row] = spanStatus.error;
      spans.statusMessages[row] = texts.idOf(errnoNames.get(error) ?? `errno ${-error}`);
    }
    if (verdict === 'kept') selection.push(row);
    else held.push({ row, tree: place.tree, failed: error !== 0 });
  }
  if (selection.length + held.length === 0) return undefined;
  const view = viewOf(batch, frame, {
    receiver, kind: sessionSpanSchema, selection: Uint32Array.from(selection), rowAttributes: [], resource: undefined, omitted: omittedOfSessions,
  }); // prettier-ignore
  const told: Batch = {
    ...view,
    bootNsLo,
    bootNsHi,
    spans: { ...spans, strings: texts.table(), endNsLo: batch.bootNsLo, endNsHi: batch.bootNsHi },
  };
  for (const { row, tree, failed } of held) {
    const copy = copyRow(told, row);
    traces.tellWith(tree, () => next(copy), failed);
  }
  return selection.length === 0 ? undefined : told;
};

/** Subscribes to the frames of a hub; returns a function that ends it. Sessions are told when they end. */
export const subscribeSessionSpans = (hub: Pick<Hub, 'subscribe'>, options: SessionSpansOptions): (() => void) =>
  hub.subscribe({
    kinds: [eventKind.sessionEnd],
    onBatch(batch, frame) {
      const spans = spansOf(batch, frame, options);
      if (spans !== undefined) options.next(spans);
    },
    // told among the log records
    onLoss() {},
  });
