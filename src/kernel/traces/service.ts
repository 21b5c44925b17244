/** Trees of processes for all who ask for them: receivers of traces say what begins a tree, others find the span of a program. */
import type { Counters } from '../../core/counters.ts';
import type { Logger } from '../../core/logger.ts';
import type { KernelFrame } from '../frames.ts';
import type { Hub } from '../hub.ts';
import { eventKind } from '../layouts.gen.ts';
import type { Traceparents } from './traceparents.ts';
import { createForest, type Beginning, type Candidate, type ForestStats, type ProgramEvent } from './forest.ts';
import type { TraceIds } from './ids.ts';
import { byTime } from './records.ts';
import { countTraces } from './counting.ts';
import { createJoining, type TraceparentUse } from './joining.ts';
import { createRootMatcher, isNamedRoot, type RootMatcher, type RootLookups, type RootRules } from './roots.ts';
import { createTraceSampler, EVERYTHING, type Sampling, type TraceSampler, type TraceVerdict } from './sampling.ts';
import type { ProcessSpan, ProgramIdentity, SpanPlace, Tree } from './types.ts';

export type TraceNeeds = {
  /** Id of the receiver. */
  readonly owner: string;
  readonly roots: RootRules;
  /** A program that runs for longer is marked; 0: never. */
  readonly markAfterMs: number;
  /** Whose TRACEPARENT counts; nobody's when it is not said. */
  readonly traceparent?: TraceparentUse;
  /** Which trees are told; all when it is not said. */
  readonly sampling?: Sampling;
  /** Spans of programs of its trees that ended in one frame, in the order of their ends. */
  readonly onSpans: (spans: readonly ProcessSpan[], wallOffsetNs: bigint) => void;
  readonly onTreeEnd?: (tree: Tree) => void;
  /** What else happened in a frame, in the order of its times; told of programs of any tree. */
  readonly eventsOf?: (frame: KernelFrame) => readonly ProgramEvent[];
};

/** A tree that somebody knows of before it begins. */
export type ExpectedTree = Omit<Beginning, 'key'> & { isRoot(candidate: Candidate): boolean };

export type Traces = {
  /** While somebody asks, forks, execs and exits must come through the hub. Returns a function that takes it back. */
  claim(needs: TraceNeeds): () => void;
  /** Begins with the first program that is its root, whatever the rules say; once. Its owner has claimed. Returns a function that takes it back. */
  expect(tree: ExpectedTree): () => void;
  /** The span of a program that runs, or ran lately; undefined: it belongs to no tree. */
  find(program: ProgramIdentity): SpanPlace | undefined;
  /** Of the span of a session, by its `ringtail.session.id`. */
  sessionSpanId(id: bigint): Uint8Array;
  /** What becomes of a tree: told, not told, or not known yet. */
  verdict(tree: Tree): TraceVerdict;
  /** Has `tell` called when the tree is told, at once or later or never; `failed`: that may decide it. */
  tellWith(tree: Tree, tell: () => void, failed: boolean): void;
  stats(): ForestStats;
};

export type TracesOptions = {
  readonly hub: Pick<Hub, 'subscribe'>;
  readonly ids: TraceIds;
  readonly lookups: RootLookups;
  /** Spans that programs name; without it nobody's TRACEPARENT counts. */
  readonly traceparents?: Traceparents | undefined;
  readonly counters: Counters;
  readonly logger: Logger;
  /** Most events that a span keeps. */
  readonly maxEvents?: number;
  /** Unix time, ms. */
  readonly nowMs?: () => number;
};

/** As the SDKs of OpenTelemetry have it: OTEL_SPAN_EVENT_COUNT_LIMIT. */
const MAX_EVENTS = 128;
const MARK_INTERVAL_MS = 1000;
const NS_PER_MS = 1_000_000n;

/** A frame may have only calls. */
const followedKinds = Object.values(eventKind).filter((kind) => kind <= eventKind.callFailed);

type Claim = {
  readonly needs: TraceNeeds;
  readonly matches: RootMatcher;
  readonly sampler: TraceSampler;
  spans: ProcessSpan[];
  /** Processes of its trees that were forgotten. */
  forgotten: number;
  stopCounting: () => void;
};

export const createTraces = ({
  hub,
  ids,
  lookups,
  traceparents,
  counters,
  logger,
  maxEvents = MAX_EVENTS,
  nowMs = Date.now,
}: TracesOptions): Traces => {
  const claims = new Map<string, Claim>();
  const joining = createJoining(traceparents);
  const expected = new Set<ExpectedTree>();
  let unsubscribe: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  let wallOffsetNs = 0n;
  let lastFrame: KernelFrame | undefined;
  let toldForgotten = 0;

  const forest = createForest({
    ids,
    maxEvents,
    begins(candidate) {
      for (const tree of expected) {
        if (!tree.isRoot(candidate)) continue;
        expected.delete(tree);
        return tree;
      }
      for (const { needs, matches } of claims.values()) {
        const beginning = joining.beginning({ owner: needs.owner, use: needs.traceparent ?? 'off', matches }, candidate);
        if (beginning !== undefined) return beginning;
      }
      return undefined;
    },
    leaves: (candidate, tree) => joining.leaving(claims.get(tree.owner)?.needs.traceparent ?? 'off', candidate, tree),
    onSpan: (span) => claims.get(span.tree.owner)?.sampler.take(span),
    onTree: (tree) => claims.get(tree.owner)?.sampler.begin(tree),
    onForget(tree) {
      const claim = claims.get(tree.owner);
      if (claim !== undefined) claim.forgotten++;
    },
    onTreeEnd(tree) {
      const claim = claims.get(tree.owner);
      claim?.sampler.end(tree);
      claim?.needs.onTreeEnd?.(tree);
    },
  });

  traceparents?.watch((program) =>
    Array.from(claims.values()).some(({ needs: { traceparent = 'off', roots } }) => traceparent !== 'off' && isNamedRoot(roots, program)),
  );

  const eventsIn = (frame: KernelFrame): readonly ProgramEvent[] => {
    const events = Array.from(claims.values(), ({ needs }) => needs.eventsOf?.(frame) ?? []).filter(({ length }) => length > 0);
    return events.length < 2 ? (events[0] ?? []) : events.flat().toSorted(byTime);
  };

  const flush = (): void => {
    for (const claim of claims.values()) {
      const { spans, needs } = claim;
      if (spans.length === 0) continue;
      claim.spans = [];
      needs.onSpans(spans, wallOffsetNs);
    }
  };

  const tellForgotten = (): void => {
    const { forgotten, processes } = forest.stats();
    if (forgotten === toldForgotten) return;
    logger.warn(
      { forgotten: forgotten - toldForgotten, processes },
      'processes of traces were forgotten, for there are too many: their spans are lost',
    );
    toldForgotten = forgotten;
  };

  const mark = (): void => {
    tellForgotten();
    for (const { sampler } of claims.values()) sampler.expire();
    const waits = Array.from(claims.values(), ({ needs }) => needs.markAfterMs).filter((ms) => ms > 0);
    if (waits.length === 0 || wallOffsetNs === 0n) return;
    const now = BigInt(nowMs()) * NS_PER_MS - wallOffsetNs;
    forest.mark(now - BigInt(Math.min(...waits)) * NS_PER_MS, now);
    flush();
  };

  const begin = (): void => {
    unsubscribe = hub.subscribe({
      kinds: followedKinds,
      // all kinds of a frame at its first batch: they are about each other
      onBatch(_batch, frame) {
        if (frame === lastFrame) return;
        lastFrame = frame;
        wallOffsetNs = frame.wallOffsetNs;
        forest.absorb(frame, eventsIn(frame));
        flush();
      },
      onLoss() {},
    });
    timer = setInterval(mark, MARK_INTERVAL_MS);
    timer.unref();
  };
  const end = (): void => {
    unsubscribe?.();
    unsubscribe = undefined;
    clearInterval(timer);
  };

  return {
    claim(needs) {
      const sampler = createTraceSampler({
        sampling: needs.sampling ?? EVERYTHING,
        nowMs: () => performance.now(),
        previous: claims.get(needs.owner)?.sampler,
        onSpan: (span) => void mine.spans.push(span),
      });
      claims.get(needs.owner)?.stopCounting();
      const mine: Claim = {
        needs,
        matches: createRootMatcher(needs.roots, lookups),
        sampler,
        spans: [],
        forgotten: 0,
        stopCounting: () => {},
      };
      mine.stopCounting = countTraces(counters, needs.owner, { sampled: sampler.counts, forgotten: () => mine.forgotten });
      claims.set(needs.owner, mine);
      if (unsubscribe === undefined) begin();
      return () => {
        // over a reload the successor may have taken its place
        if (claims.get(needs.owner) !== mine) return;
        mine.stopCounting();
        claims.delete(needs.owner);
        if (claims.size === 0) end();
      };
    },
    expect(tree) {
      expected.add(tree);
      return () => expected.delete(tree);
    },
    find: forest.find,
    sessionSpanId: ids.session,
    verdict: (tree) => claims.get(tree.owner)?.sampler.verdict(tree) ?? 'dropped',
    tellWith: (tree, tell, failed) => claims.get(tree.owner)?.sampler.takeOther(tree, tell, failed),
    stats: forest.stats,
  };
};
