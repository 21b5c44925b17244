/** A span as one readable line, or as one object for tools. */
import { resourceOfRow, type Attribute, type Batch, type SpanEvent } from '../core/batch.ts';
import { durationText } from '../core/duration-text.ts';
import { SPAN_ID_BYTES, spanKind, spansOf, spanStatus, TRACE_ID_BYTES } from '../core/spans.ts';
import { attributesOf, textOf, unixNsOf } from '../otlp/log-text.ts';
import { containerParts } from './container.ts';
import { decodeKeepingBytes, escapeText } from './escape.ts';
import { objectLine, timeText } from './json.ts';
import { attributeLines, clockText, renderLine, type LineOptions } from './line.ts';
import { attributeName } from '../otlp/names.ts';

const kindNames: ReadonlyMap<number, string> = new Map(Object.entries(spanKind).map(([name, number]) => [number, name.toUpperCase()]));
const statusNames: ReadonlyMap<number, string> = new Map(Object.entries(spanStatus).map(([name, number]) => [number, name.toUpperCase()]));

/** A row of a batch of spans. Ids are hex; the parent's is empty when there is none. Texts are hostile. */
export type Span = {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly kind: string;
  readonly startUnixNs: bigint;
  readonly endUnixNs: bigint;
  readonly status: string;
  readonly statusMessage: string;
  readonly attributes: readonly Attribute[];
  readonly events: readonly SpanEvent[];
  readonly droppedEvents: number;
  readonly resource: readonly Attribute[] | undefined;
};

const NO_PARENT = '0'.repeat(2 * SPAN_ID_BYTES);
const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength);

/** What every span has. */
export type SpanHead = Pick<Span, 'name' | 'spanId' | 'parentId' | 'kind' | 'startUnixNs' | 'endUnixNs' | 'status' | 'statusMessage'>;

/** Reads rows of a batch; `decode` applies to texts of the frame. Valid as long as the batch is. */
export const spanHeadReaderOf = (batch: Batch, decode?: (bytes: Uint8Array) => string): ((row: number) => SpanHead) => {
  const spans = spansOf(batch);
  const [spanIds, parentIds] = [bufferOf(spans.spanIds), bufferOf(spans.parentIds)];
  const hex = (ids: Buffer, row: number): string => ids.toString('hex', row * SPAN_ID_BYTES, (row + 1) * SPAN_ID_BYTES);
  /** Most spans of a batch have one of few names. */
  const texts = new Map<number, string>([[0, '']]);
  const text = (id: number): string => {
    let known = texts.get(id);
    if (known === undefined) texts.set(id, (known = textOf(spans, id, decode)));
    return known;
  };
  return (row) => {
    const parentId = hex(parentIds, row);
    return {
      name: text(spans.names[row]!),
      spanId: hex(spanIds, row),
      parentId: parentId === NO_PARENT ? '' : parentId,
      kind: kindNames.get(spans.kinds[row]!) ?? '',
      startUnixNs: unixNsOf(batch, row),
      endUnixNs: ((BigInt(spans.endNsHi[row]!) << 32n) | BigInt(spans.endNsLo[row]!)) + batch.frame.wallOffsetNs,
      status: statusNames.get(spans.statuses[row]!) ?? '',
      statusMessage: text(spans.statusMessages[row]!),
    };
  };
};

/** Reads a row; `decode` applies to texts of the frame. Allocates; not for volume. */
export const spanOf = (batch: Batch, row: number, decode?: (bytes: Uint8Array) => string): Span => {
  const spans = spansOf(batch);
  return {
    ...spanHeadReaderOf(batch, decode)(row),
    traceId: bufferOf(spans.traceIds).toString('hex', row * TRACE_ID_BYTES, (row + 1) * TRACE_ID_BYTES),
    attributes: attributesOf(batch, row, decode),
    events: spans.events?.[row] ?? [],
    droppedEvents: spans.droppedEvents[row]!,
    resource: resourceOfRow(batch, row)?.attributes,
  };
};

const isError = ({ status }: Span): boolean => status === 'ERROR';

/** When it began, its name and how long it took, whose it is, how it ended, where it belongs. */
export const spanLine = (span: Span, options: LineOptions): string => {
  const valueOf = (name: string) => span.attributes.find(([key]) => key === name)?.[1];
  const pid = valueOf(attributeName.processPid);
  const status = span.statusMessage === '' ? '' : `  ${escapeText(span.statusMessage)}`;
  return renderLine(
    [
      { text: clockText(span.startUnixNs), style: 'dim' },
      { text: `  ${escapeText(span.name)}`, style: 'bold' },
      { text: ` ${durationText(Number(span.endUnixNs - span.startUnixNs))}` },
      ...(pid === undefined ? [] : [{ text: `  pid ${String(pid)}` }]),
      ...containerParts(span.resource, valueOf(attributeName.container)),
      { text: status, style: isError(span) ? 'red' : 'dim' },
      { text: `  trace ${span.traceId} span ${span.spanId}${span.parentId === '' ? '' : ` in ${span.parentId}`}`, style: 'dim' },
    ],
    options,
  ).trimEnd();
};

/** Attributes and events, each on a line of its own. */
export const spanDetails = (span: Span, options: LineOptions): readonly string[] => {
  const lines = (attributes: readonly Attribute[], unixNs: bigint, resource?: readonly Attribute[]) =>
    attributeLines({ name: span.name, unixNs, attributes, resource }, options);
  return [
    ...lines(span.attributes, span.startUnixNs, span.resource),
    ...span.events.flatMap(({ unixNs, name, attributes }) => [
      renderLine([{ text: `    ${clockText(unixNs)} ${escapeText(name)}`, style: 'cyan' }], options),
      ...lines(attributes, unixNs),
    ]),
  ];
};

/** Members: `span`, ids, `kind`, `start`, `end`, `status`, `receiver`, `attributes` by name, `events`, and `resource` when it is not the host's. */
export const spanJson = (span: Span, receiver: string): string =>
  objectLine({
    time: timeText(span.startUnixNs),
    end: timeText(span.endUnixNs),
    span: span.name,
    trace_id: span.traceId,
    span_id: span.spanId,
    ...(span.parentId === '' ? {} : { parent_span_id: span.parentId }),
    kind: span.kind,
    status: span.status,
    ...(span.statusMessage === '' ? {} : { status_message: span.statusMessage }),
    receiver,
    attributes: Object.fromEntries(span.attributes),
    ...(span.events.length === 0
      ? {}
      : {
          events: span.events.map(({ unixNs, name, attributes }) => ({
            time: timeText(unixNs),
            name,
            attributes: Object.fromEntries(attributes),
          })),
        }),
    ...(span.droppedEvents === 0 ? {} : { dropped_events: span.droppedEvents }),
    ...(span.resource && { resource: Object.fromEntries(span.resource) }),
  });

/** For lines: bytes that are no UTF-8 stay apart. */
export const readableSpan = (batch: Batch, row: number): Span => spanOf(batch, row, decodeKeepingBytes);
