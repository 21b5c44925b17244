/** A trace as a tree for a person: who ran what, how long it took, how it ended, whom it talked to. */
import { amountText } from '../core/amount-text.ts';
import type { AttributeValue } from '../core/batch.ts';
import { durationText } from '../core/duration-text.ts';
import { attributeName as name } from '../otlp/names.ts';
import { escapeText, quoteArgument } from './escape.ts';
import { renderLine, type LineOptions } from './line.ts';
import { endText, type Part } from './parts.ts';
import type { Span } from './span.ts';

/** As much of a span as the tree shows; arguments only say what was run. */
export type TreeSpan = Pick<
  Span,
  'name' | 'spanId' | 'parentId' | 'startUnixNs' | 'endUnixNs' | 'status' | 'statusMessage' | 'attributes' | 'kind'
>;

/** Attributes that the tree looks at. */
export const treeAttributes: ReadonlySet<string> = new Set([
  name.sessionId,
  name.networkPeerAddress,
  name.networkPeerPort,
  name.sessionBytesSent,
  name.sessionBytesReceived,
  name.processCommandArgs,
  name.processArgsCount,
]);

export type TreeOptions = LineOptions & {
  /** Most spans that have a line; what takes least time and did not fail is left out, and counted. */
  readonly lines: number;
};

type Node = {
  readonly span: TreeSpan;
  readonly children: readonly Node[];
  /** With all below. */
  readonly size: number;
  readonly hasError: boolean;
};

const durationNs = ({ startUnixNs, endUnixNs }: TreeSpan): bigint => endUnixNs - startUnixNs;
const isError = ({ status }: TreeSpan): boolean => status === 'ERROR';
const byStart = (a: Node, b: Node): number =>
  a.span.startUnixNs < b.span.startUnixNs ? -1 : a.span.startUnixNs > b.span.startUnixNs ? 1 : 0;

/** What hangs below nothing that is here is at the top. */
const treeOf = (spans: readonly TreeSpan[]): readonly Node[] => {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const byParent = Map.groupBy(spans, ({ parentId, spanId }) => (ids.has(parentId) && parentId !== spanId ? parentId : ''));
  const made = new Map<string, Node>();
  // children first, without recursion: trees may be as deep as they like
  const order: TreeSpan[] = [...(byParent.get('') ?? [])];
  for (let at = 0; at < order.length; at++) order.push(...(byParent.get(order[at]!.spanId) ?? []));
  for (const span of order.toReversed()) {
    const children = (byParent.get(span.spanId) ?? []).flatMap(({ spanId }) => made.get(spanId) ?? []).toSorted(byStart);
    const size = children.reduce((sum, child) => sum + child.size, 1);
    made.set(span.spanId, { span, children, size, hasError: isError(span) || children.some(({ hasError }) => hasError) });
  }
  return (byParent.get('') ?? []).flatMap(({ spanId }) => made.get(spanId) ?? []).toSorted(byStart);
};

/** From a root to what kept it waiting: of the children each time the one that ended last. */
export const slowestPath = (spans: readonly TreeSpan[]): readonly TreeSpan[] => slowestOf(treeOf(spans));

const slowestOf = (roots: readonly Node[]): readonly TreeSpan[] => {
  const path: TreeSpan[] = [];
  let level = roots;
  while (level.length > 0) {
    const last = level.reduce((a, b) => (b.span.endUnixNs > a.span.endUnixNs ? b : a));
    path.push(last.span);
    level = last.children;
  }
  return path;
};

/** Chooses whose lines are shown: what failed and what took longest, each with what is above it. */
const chooseNodes = (roots: readonly Node[], most: number, path: ReadonlySet<string>): ReadonlySet<Node> => {
  const all: Node[] = [...roots];
  const above = new Map<Node, Node>();
  for (let at = 0; at < all.length; at++) {
    for (const child of all[at]!.children) {
      above.set(child, all[at]!);
      all.push(child);
    }
  }
  const rank = ({ span }: Node): number => (path.has(span.spanId) ? 2 : isError(span) ? 1 : 0);
  const wanted = all.toSorted((a, b) => rank(b) - rank(a) || Number(durationNs(b.span) - durationNs(a.span)));
  const chosen = new Set<Node>();
  for (const node of wanted) {
    const missing: Node[] = [];
    for (let one: Node | undefined = node; one !== undefined && !chosen.has(one); one = above.get(one)) {
      missing.push(one);
      if (chosen.size + missing.length > most) break;
    }
    if (chosen.size + missing.length <= most) for (const one of missing) chosen.add(one);
    else if (chosen.size >= most) break;
  }
  return chosen;
};

const valuesOf = ({ attributes }: TreeSpan): ReadonlyMap<string, AttributeValue> => new Map(attributes);
const bytesOf = (value: AttributeValue | undefined): string | undefined => (value === undefined ? undefined : amountText(Number(value)));

/** A session: with whom, and how much. */
const sessionText = (span: TreeSpan): string => {
  const values = valuesOf(span);
  const peer = endText(values, name.networkPeerAddress, name.networkPeerPort);
  const sent = bytesOf(values.get(name.sessionBytesSent));
  const received = bytesOf(values.get(name.sessionBytesReceived));
  const amounts = [sent && `${sent} out`, received && `${received} in`].filter((text) => text !== undefined);
  return `${span.kind === 'SERVER' ? '←' : '→'} ${peer} ${escapeText(span.name.split(' ')[0]!)}${amounts.length === 0 ? '' : ` ${amounts.join(', ')}`}`;
};

const commandText = (span: TreeSpan): string => {
  const args = valuesOf(span).get(name.processCommandArgs);
  return Array.isArray(args) && args.length > 0 ? (args as readonly string[]).map(quoteArgument).join(' ') : escapeText(span.name);
};

const partsOf = (span: TreeSpan, isSlow: boolean): readonly Part[] => {
  const isSession = span.attributes.some(([key]) => key === name.sessionId);
  const isFork = !isSession && !span.attributes.some(([key]) => key === name.processArgsCount);
  const what: Part = isSession ? { text: sessionText(span), style: 'cyan' } : { text: commandText(span), style: isFork ? 'dim' : 'bold' };
  return [
    { text: durationText(Number(durationNs(span))).padStart(9), ...(isSlow ? { style: 'yellow' as const } : { style: 'dim' as const }) },
    { text: isSlow ? ' ● ' : '   ', style: 'yellow' },
    ...(isError(span) ? [{ text: `${escapeText(span.statusMessage || 'failed')} `, style: 'red' as const }] : []),
    what,
    { text: isFork ? ' (forked)' : '', style: 'dim' },
  ];
};

/** Lines without line feeds. Spans of one trace, or of the part of one that is here; texts may be hostile. */
export const traceTree = (spans: readonly TreeSpan[], options: TreeOptions): readonly string[] => {
  const roots = treeOf(spans);
  const path = new Set(slowestOf(roots).map(({ spanId }) => spanId));
  const chosen = chooseNodes(roots, options.lines, path);
  const lines: string[] = [];
  const put = (indent: string, parts: readonly Part[]): void => {
    const [duration = { text: '' }, mark = { text: '' }, ...rest] = parts;
    lines.push(renderLine([duration, mark, { text: indent, style: 'dim' }, ...rest], options).trimEnd());
  };
  /** What is still to be shown, the next one last. */
  const stack: { readonly node: Node; readonly indent: string; readonly below: string }[] = [];
  const putChildren = (children: readonly Node[], below: string): void => {
    const shown = children.filter((child) => chosen.has(child));
    const left = children.filter((child) => !chosen.has(child));
    if (left.length > 0) {
      const count = left.reduce((sum, { size }) => sum + size, 0);
      const together = left.reduce((sum, { span }) => sum + durationNs(span), 0n);
      put(`${below}${shown.length > 0 ? '├─ ' : '└─ '}`, [
        { text: durationText(Number(together)).padStart(9), style: 'dim' },
        { text: '   ' },
        { text: `… ${count} more`, style: 'dim' },
      ]);
    }
    for (const [index, node] of shown.toReversed().entries())
      stack.push({ node, indent: `${below}${index === 0 ? '└─ ' : '├─ '}`, below: `${below}${index === 0 ? '   ' : '│  '}` });
  };
  for (const node of roots.toReversed()) if (chosen.has(node)) stack.push({ node, indent: '', below: '' });
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node, indent, below } = next;
    put(indent, partsOf(node.span, path.has(node.span.spanId)));
    putChildren(node.children, below);
  }
  return lines;
};
