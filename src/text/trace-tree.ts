/** A trace as a tree for a person: who ran what, how long it took, how it ended, whom it talked to. */
import { amountText } from '../core/amount-text.ts';
import type { AttributeValue } from '../core/batch.ts';
import { durationText } from '../core/duration-text.ts';
import { attributeName as name } from '../otlp/names.ts';
import { pathSegments, pathSteps, type PathStep } from './critical-path.ts';
import { escapeText, quoteArgument } from './escape.ts';
import { renderLine, type LineOptions } from './line.ts';
import { endText, type Part } from './parts.ts';
import { isError, spanForest, type SpanNode, type TreeSpan } from './span-forest.ts';

/** Attributes that the tree looks at, and its path; arguments come apart. */
export const treeAttributes: ReadonlySet<string> = new Set([
  name.sessionId,
  name.networkPeerAddress,
  name.networkPeerPort,
  name.sessionBytesSent,
  name.sessionBytesReceived,
  name.processArgsCount,
  name.processPid,
  name.processReplaced,
]);

export type TreeOptions = LineOptions & {
  /** Most spans that have a line; what takes least time and did not fail is left out, and counted. */
  readonly lines: number;
};

const durationNs = ({ startUnixNs, endUnixNs }: TreeSpan): bigint => endUnixNs - startUnixNs;
const longestFirst = (a: SpanNode, b: SpanNode): number => Number(durationNs(b.span) - durationNs(a.span));
/** What kept a run waiting, in the order in which it began: the standard critical path of a trace. */
export const slowestPath = (spans: readonly TreeSpan[]): readonly PathStep[] => pathSteps(pathSegments(spanForest(spans)));

/** Chooses whose lines are shown: the longest steps of the path, what failed and what took longest, each with what is above it. */
const chooseNodes = (roots: readonly SpanNode[], most: number, path: readonly PathStep[]): ReadonlySet<SpanNode> => {
  const all: SpanNode[] = [...roots];
  const above = new Map<SpanNode, SpanNode>();
  for (let at = 0; at < all.length; at++) {
    for (const child of all[at]!.children) {
      above.set(child, all[at]!);
      all.push(child);
    }
  }
  // a path may have more steps than there are lines, and more may have failed: they take turns
  const places = new Map<TreeSpan, number>();
  const failed = all.filter(({ span }) => isError(span)).toSorted(longestFirst);
  for (const [index, { span }] of failed.entries()) places.set(span, 2 * index + 1);
  for (const [index, { span }] of path.toSorted((a, b) => Number(b.ownNs - a.ownNs)).entries())
    places.set(span, Math.min(2 * index, places.get(span) ?? Number.POSITIVE_INFINITY));
  const last = 2 * all.length;
  const wanted = all.toSorted((a, b) => (places.get(a.span) ?? last) - (places.get(b.span) ?? last) || longestFirst(a, b));
  const chosen = new Set<SpanNode>();
  for (const node of wanted) {
    const missing: SpanNode[] = [];
    for (let one: SpanNode | undefined = node; one !== undefined && !chosen.has(one); one = above.get(one)) {
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
  const args = span.args();
  return args.length > 0 ? args.map(quoteArgument).join(' ') : escapeText(span.name);
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
  const roots = spanForest(spans);
  const path = pathSteps(pathSegments(roots));
  const onPath = new Set(path.map(({ span }) => span));
  const chosen = chooseNodes(roots, options.lines, path);
  const lines: string[] = [];
  const put = (indent: string, parts: readonly Part[]): void => {
    const [duration = { text: '' }, mark = { text: '' }, ...rest] = parts;
    lines.push(renderLine([duration, mark, { text: indent, style: 'dim' }, ...rest], options).trimEnd());
  };
  /** What is still to be shown, the next one last. */
  const stack: { readonly node: SpanNode; readonly indent: string; readonly below: string }[] = [];
  const putChildren = (children: readonly SpanNode[], below: string): void => {
    const shown = children.filter((child) => chosen.has(child));
    const left = children.filter((child) => !chosen.has(child));
    if (left.length > 0) {
      const count = left.reduce((sum, { size }) => sum + size, 0);
      const failed = left.reduce((sum, node) => sum + node.failed, 0);
      const together = left.reduce((sum, { span }) => sum + durationNs(span), 0n);
      put(`${below}${shown.length > 0 ? '├─ ' : '└─ '}`, [
        { text: durationText(Number(together)).padStart(9), style: 'dim' },
        { text: '   ' },
        { text: `… ${count} more`, style: 'dim' },
        ...(failed > 0 ? [{ text: `, ${failed} failed`, style: 'red' as const }] : []),
      ]);
    }
    for (const [index, node] of shown.toReversed().entries())
      stack.push({ node, indent: `${below}${index === 0 ? '└─ ' : '├─ '}`, below: `${below}${index === 0 ? '   ' : '│  '}` });
  };
  for (const node of roots.toReversed()) if (chosen.has(node)) stack.push({ node, indent: '', below: '' });
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node, indent, below } = next;
    put(indent, partsOf(node.span, onPath.has(node.span)));
    putChildren(node.children, below);
  }
  return lines;
};
