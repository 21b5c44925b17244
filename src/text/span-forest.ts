/** Spans of a trace, or of the part of one that is here, as trees. */
import type { Attribute } from '../core/batch.ts';
import type { SpanHead } from './span.ts';

/** As much of a span as a tree shows. */
export type TreeSpan = SpanHead & {
  readonly attributes: readonly Attribute[];
  /** What was run; empty when that is not known. Asked for by those that have a line. */
  readonly args: () => readonly string[];
};

export type SpanNode = {
  readonly span: TreeSpan;
  /** By their starts. */
  readonly children: readonly SpanNode[];
  /** Spans, with all below. */
  readonly size: number;
  /** Those of them that failed. */
  readonly failed: number;
};

export const isError = ({ status }: TreeSpan): boolean => status === 'ERROR';

const byStart = (a: SpanNode, b: SpanNode): number =>
  a.span.startUnixNs < b.span.startUnixNs ? -1 : a.span.startUnixNs > b.span.startUnixNs ? 1 : 0;

/** What hangs below nothing that is here is at the top. */
export const spanForest = (spans: readonly TreeSpan[]): readonly SpanNode[] => {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const byParent = Map.groupBy(spans, ({ parentId, spanId }) => (ids.has(parentId) && parentId !== spanId ? parentId : ''));
  const made = new Map<string, SpanNode>();
  // children first, without recursion: trees may be as deep as they like
  const order: TreeSpan[] = [...(byParent.get('') ?? [])];
  for (let at = 0; at < order.length; at++) for (const child of byParent.get(order[at]!.spanId) ?? []) order.push(child);
  for (const span of order.toReversed()) {
    const children = (byParent.get(span.spanId) ?? []).flatMap(({ spanId }) => made.get(spanId) ?? []).toSorted(byStart);
    made.set(span.spanId, {
      span,
      children,
      size: children.reduce((sum, child) => sum + child.size, 1),
      failed: children.reduce((sum, child) => sum + child.failed, isError(span) ? 1 : 0),
    });
  }
  return (byParent.get('') ?? []).flatMap(({ spanId }) => made.get(spanId) ?? []).toSorted(byStart);
};
