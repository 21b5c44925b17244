/**
 * What a run waited for, from its end back to its beginning: at each moment one span. A program waits for the child that ended last, before that for the one that
 * had ended last when that child began, and so on; what is left is its own time. What overlaps with a child on the path was not waited for, and
 * neither was a child that outlived its parent.
 */
import { attributeName } from '../otlp/names.ts';
import type { SpanNode, TreeSpan } from './span-forest.ts';

/** Unix time, ns; `from` < `to`. */
export type PathSegment = { readonly span: TreeSpan; readonly fromNs: bigint; readonly toNs: bigint };

export type PathStep = {
  readonly span: TreeSpan;
  /** All of it that is on the path and in no child of it, ns. */
  readonly ownNs: bigint;
};

type Timed = { readonly node: SpanNode; readonly fromNs: bigint; readonly toNs: bigint };
type Visit = {
  readonly timed: Timed;
  /** The last to end first; what is done with is passed by, so that each child is looked at once. */
  readonly programs: readonly Timed[];
  readonly sessions: readonly Timed[];
  program: number;
  session: number;
  /** From here on the path is known. */
  toNs: bigint;
};

const lastEndFirst = (a: Timed, b: Timed): number => (a.toNs > b.toNs ? -1 : a.toNs < b.toNs ? 1 : 0);
const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const earlier = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const has = ({ attributes }: TreeSpan, name: string): boolean => attributes.some(([key]) => key === name);
const isSession = ({ span }: SpanNode): boolean => has(span, attributeName.sessionId);
const pidOf = ({ attributes }: TreeSpan): string => String(attributes.find(([key]) => key === attributeName.processPid)?.[1]);

/** When the process of a span ended: what an exec replaced goes on as the program below it. */
const endsOf = (roots: readonly SpanNode[]): ReadonlyMap<SpanNode, bigint> => {
  const order = [...roots];
  for (let at = 0; at < order.length; at++) for (const child of order[at]!.children) order.push(child);
  const ends = new Map<SpanNode, bigint>();
  for (const node of order.toReversed()) {
    const { span, children } = node;
    const next = has(span, attributeName.processReplaced)
      ? children.findLast((child) => pidOf(child.span) === pidOf(span) && !isSession(child))
      : undefined;
    ends.set(node, next === undefined ? span.endUnixNs : ends.get(next)!);
  }
  return ends;
};

/** In the order of their times, without overlaps. Roots beside each other are taken as the children of something that waited for all of them. */
export const pathSegments = (roots: readonly SpanNode[]): readonly PathSegment[] => {
  const ends = endsOf(roots);
  const backwards: PathSegment[] = [];
  const put = ({ span }: SpanNode, fromNs: bigint, toNs: bigint): void => {
    if (fromNs < toNs) backwards.push({ span, fromNs, toNs });
  };
  const timed = (node: SpanNode, fromNs: bigint): Timed => ({ node, fromNs: later(node.span.startUnixNs, fromNs), toNs: ends.get(node)! });
  const visit = (one: Timed): Visit => {
    const children = one.node.children.map((child) => timed(child, one.fromNs));
    return {
      timed: one,
      programs: children.filter(({ node, fromNs, toNs }) => !isSession(node) && fromNs < toNs && toNs <= one.toNs).toSorted(lastEndFirst),
      // the kernel closes what a program left open a moment after its end
      sessions: children
        .filter(({ node }) => isSession(node))
        .map((session) => ({ ...session, toNs: earlier(session.toNs, one.toNs) }))
        .filter(({ fromNs, toNs }) => fromNs < toNs)
        .toSorted(lastEndFirst),
      program: 0,
      session: 0,
      toNs: one.toNs,
    };
  }; // prettier-ignore
  /** What a program did itself, as far back as `fromNs`: it waits for programs, and between them for connections that ended then. */
  const putOwn = (one: Visit, fromNs: bigint): void => {
    for (let next = one.sessions[one.session]; next !== undefined && next.toNs > fromNs; next = one.sessions[++one.session]) {
      if (next.toNs > one.toNs) continue;
      put(one.timed.node, next.toNs, one.toNs);
      one.toNs = later(next.fromNs, fromNs);
      put(next.node, one.toNs, next.toNs);
    }
    put(one.timed.node, fromNs, one.toNs);
    one.toNs = fromNs;
  };
  const nextProgram = (one: Visit): Timed | undefined => {
    for (let next = one.programs[one.program++]; next !== undefined; next = one.programs[one.program++])
      if (next.toNs <= one.toNs) return next;
    return undefined;
  };
  const walk = (root: Timed): void => {
    // no recursion: chains may be as long as they like
    const stack: Visit[] = [visit(root)];
    for (let one = stack.at(-1); one !== undefined; one = stack.at(-1)) {
      const next = nextProgram(one);
      putOwn(one, next?.toNs ?? one.timed.fromNs);
      if (next !== undefined) {
        one.toNs = next.fromNs;
        stack.push(visit(next));
      } else stack.pop();
    }
  };
  let toNs: bigint | undefined;
  for (const root of roots.map((node) => timed(node, node.span.startUnixNs)).toSorted(lastEndFirst)) {
    if (toNs !== undefined && root.toNs > toNs) continue;
    walk(root);
    toNs = root.fromNs;
  }
  return backwards.toReversed();
};

/** The spans of a path in the order in which they began, what is above before what is below. */
export const pathSteps = (segments: readonly PathSegment[]): readonly PathStep[] => {
  const own = new Map<TreeSpan, bigint>();
  for (const { span, fromNs, toNs } of segments) own.set(span, (own.get(span) ?? 0n) + toNs - fromNs);
  return Array.from(own, ([span, ownNs]) => ({ span, ownNs })).toSorted(
    (a, b) => Number(a.span.startUnixNs - b.span.startUnixNs) || Number(b.span.endUnixNs - a.span.endUnixNs),
  );
};
