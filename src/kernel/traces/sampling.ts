/**
 * Which trees are told. The head decides by the trace id, so that all who see a trace decide alike, and by how many begin; what it would drop may wait within bounds for
 * an error or a long end.
 */
import { isSampled } from '../../core/traceparent.ts';
import type { ProcessSpan, Tree } from './types.ts';

export type Sampling = {
  /** Share of traces that are told whatever becomes of them, 0 to 1. */
  readonly ratio: number;
  /** Of these at most so many begin in a second; 0: no limit. */
  readonly tracesPerSecond: number;
  /** The others are told when something in them fails ... */
  readonly keepErrors: boolean;
  /** ... or when their root takes at least so long, ms; 0: that does not count. */
  readonly keepSlowerThanMs: number;
  /** So long, and with so many spans of all that wait, they wait for it. */
  readonly windowMs: number;
  readonly maxSpans: number;
};

export const EVERYTHING: Sampling = { ratio: 1, tracesPerSecond: 0, keepErrors: false, keepSlowerThanMs: 0, windowMs: 0, maxSpans: 0 };

export type TraceVerdict = 'kept' | 'dropped' | 'waiting';

/** Trees that began are kept, not kept for one of the reasons, or waiting; what is told of them, connections too, counts as spans. */
export type SamplerCounts = {
  readonly kept: number;
  /** The head did not choose them, and nothing was to be waited for. */
  readonly notSampled: number;
  /** Too many began at one time, and nothing was to be waited for. */
  readonly rateLimited: number;
  /** What was waited for did not come, or there was no room to wait. */
  readonly notKept: number;
  readonly waiting: number;
  readonly spans: { readonly told: number; readonly dropped: number; readonly waiting: number };
};

export type TraceSampler = {
  begin(tree: Tree): void;
  /** A span of a tree that has begun. */
  take(span: ProcessSpan): void;
  /** Something else of a tree, told when the tree is; `failed`: it is an error. */
  takeOther(tree: Tree, tell: () => void, failed: boolean): void;
  /** Nothing of it runs any more. */
  end(tree: Tree): void;
  /** Lets go of what has waited too long. */
  expire(): void;
  /** Of a tree that has begun. */
  verdict(tree: Tree): TraceVerdict;
  counts(): SamplerCounts;
  /** For its successor. */
  readonly trees: SampledTrees;
};

export type SamplerOptions = {
  readonly sampling: Sampling;
  readonly nowMs: () => number;
  readonly onSpan: (span: ProcessSpan) => void;
  /** The one that this one follows, whose trees go on. */ readonly previous?: TraceSampler | undefined;
};

/** What is known of trees; `waiting` in the order in which they began. */
export type SampledTrees = { readonly verdicts: WeakMap<Tree, TraceVerdict>; readonly waiting: Map<Tree, Waiting> };

type Waiting = { readonly sinceMs: number; readonly spans: ProcessSpan[]; readonly others: (() => void)[] };

const NS_PER_MS = 1_000_000n;
/** The eight bytes that W3C Trace Context wants to be random, as a share of all there are. */
const shareOf = ({ traceId }: Tree): number => Number(Buffer.from(traceId.buffer, traceId.byteOffset + 8, 8).readBigUInt64BE()) / 2 ** 64;

const isError = ({ end }: ProcessSpan): boolean => end.how === 'exit' && (end.code !== 0 || end.signal !== 0);

export const createTraceSampler = ({ sampling, nowMs, onSpan, previous }: SamplerOptions): TraceSampler => {
  const { ratio, tracesPerSecond, keepErrors, keepSlowerThanMs, windowMs, maxSpans } = sampling;
  const mayWait = keepErrors || keepSlowerThanMs > 0;
  /** For as long as anybody knows the tree: sessions end after it. */
  const trees: SampledTrees = previous?.trees ?? { verdicts: new WeakMap(), waiting: new Map() };
  const { verdicts, waiting } = trees;
  let held = Array.from(waiting.values()).reduce((sum, { spans, others }) => sum + spans.length + others.length, 0);
  const counts = { kept: 0, notSampled: 0, rateLimited: 0, notKept: 0 };
  const spans = { told: 0, dropped: 0 };
  let tokens = tracesPerSecond;
  let filledMs = nowMs();

  const takeToken = (): boolean => {
    if (tracesPerSecond === 0) return true;
    const now = nowMs();
    tokens = Math.min(tracesPerSecond, tokens + ((now - filledMs) / 1000) * tracesPerSecond);
    filledMs = now;
    if (tokens < 1) return false;
    tokens--;
    return true;
  };

  /** What somebody else decided about the trace counts. */
  const headOf = (tree: Tree): keyof typeof counts => {
    if (tree.remote !== undefined) return isSampled(tree.remote) ? 'kept' : 'notSampled';
    return shareOf(tree) >= ratio ? 'notSampled' : takeToken() ? 'kept' : 'rateLimited';
  };

  const tellSpan = (span: ProcessSpan): void => {
    spans.told++;
    onSpan(span);
  };
  const tellOther = (tell: () => void): void => {
    spans.told++;
    tell();
  };

  const settle = (tree: Tree, outcome: keyof typeof counts): void => {
    verdicts.set(tree, outcome === 'kept' ? 'kept' : 'dropped');
    counts[outcome]++;
    const entry = waiting.get(tree);
    if (entry === undefined) return;
    waiting.delete(tree);
    held -= entry.spans.length + entry.others.length;
    if (outcome !== 'kept') {
      spans.dropped += entry.spans.length + entry.others.length;
      return;
    }
    for (const span of entry.spans) tellSpan(span);
    for (const tell of entry.others) tellOther(tell);
  };

  const makeRoom = (): void => {
    for (const [tree] of waiting) {
      if (held < maxSpans) return;
      settle(tree, 'notKept');
    }
  };

  const isSlow = ({ spanId, tree, startNs, endNs, end }: ProcessSpan): boolean =>
    keepSlowerThanMs > 0 &&
    end.how === 'exit' &&
    Buffer.compare(spanId, tree.rootId) === 0 &&
    endNs - startNs >= BigInt(keepSlowerThanMs) * NS_PER_MS;

  return {
    begin(tree) {
      const head = headOf(tree);
      if (head !== 'kept' && mayWait && tree.remote === undefined) {
        verdicts.set(tree, 'waiting');
        waiting.set(tree, { sinceMs: nowMs(), spans: [], others: [] });
      } else settle(tree, head);
    },
    take(span) {
      const { tree } = span;
      if (verdicts.get(tree) === 'waiting' && ((keepErrors && isError(span)) || isSlow(span))) settle(tree, 'kept');
      const verdict = verdicts.get(tree);
      if (verdict === 'kept') tellSpan(span);
      else if (verdict === 'waiting') {
        makeRoom();
        const entry = waiting.get(tree);
        if (entry === undefined) spans.dropped++;
        else {
          entry.spans.push(span);
          held++;
        }
      } else spans.dropped++;
    },
    takeOther(tree, tell, failed) {
      if (verdicts.get(tree) === 'waiting' && failed && keepErrors) settle(tree, 'kept');
      const verdict = verdicts.get(tree);
      if (verdict === 'kept') tellOther(tell);
      else if (verdict === 'waiting') {
        makeRoom();
        const entry = waiting.get(tree);
        if (entry === undefined) spans.dropped++;
        else {
          entry.others.push(tell);
          held++;
        }
      } else spans.dropped++;
    },
    end(tree) {
      // what comes later of it, as the ends of its connections, decides nothing any more
      if (verdicts.get(tree) === 'waiting') settle(tree, 'notKept');
    },
    expire() {
      const before = nowMs() - windowMs;
      for (const [tree, { sinceMs }] of waiting) {
        if (sinceMs > before) return;
        settle(tree, 'notKept');
      }
    },
    verdict: (tree) => verdicts.get(tree) ?? 'dropped',
    trees,
    counts: () => ({ ...counts, waiting: waiting.size, spans: { ...spans, waiting: held } }),
  };
};
