import { describe, expect, it } from 'vitest';
import {
  createTraceSampler,
  EVERYTHING,
  type SamplerCounts,
  type Sampling,
  type TraceSampler,
} from '../../../src/kernel/traces/sampling.ts';
import type { ProcessEnd, ProcessSpan, RemoteParent, Tree } from '../../../src/kernel/traces/types.ts';
import { createRandom } from '../../support/random.ts';

const MS = 1_000_000n;
const random = createRandom(7);

const tree = (remote?: RemoteParent): Tree => ({
  owner: 'process',
  traceId: random.bytes(16),
  remote,
  rootId: random.bytes(8),
  root: { pid: 1, startNs: 1n, execId: 1 },
  beganNs: 0n,
});
const exited = (code: number): ProcessEnd => ({ how: 'exit', code, signal: 0, coreDumped: false });
const span = (of: Tree, end: ProcessEnd = exited(0), ms = 1n, isRoot = false): ProcessSpan => ({
  tree: of,
  spanId: isRoot ? of.rootId : random.bytes(8),
  parentId: new Uint8Array(8),
  actor: { pid: 1 },
  exec: undefined,
  path: new Uint8Array(0),
  startNs: 0n,
  endNs: ms * MS,
  end,
  events: [],
  droppedEvents: 0,
});

const create = (sampling: Partial<Sampling>, previous?: TraceSampler) => {
  const told: ProcessSpan[] = [];
  let now = 0;
  const sampler = createTraceSampler({
    sampling: { ...EVERYTHING, windowMs: 1000, maxSpans: 100, ...sampling },
    nowMs: () => now,
    onSpan: (one) => void told.push(one),
    previous,
  });
  return { ...sampler, told, pass: (ms: number) => void (now += ms) };
};

const countsOf = (trees: Partial<Omit<SamplerCounts, 'spans'>>, spans: Partial<SamplerCounts['spans']> = {}): SamplerCounts => ({
  kept: 0,
  notSampled: 0,
  rateLimited: 0,
  notKept: 0,
  waiting: 0,
  ...trees,
  spans: { told: 0, dropped: 0, waiting: 0, ...spans },
});

describe('the head', () => {
  it('tells everything unless it is told otherwise', () => {
    const sampler = create({});
    const trees = Array.from({ length: 50 }, () => tree());
    for (const one of trees) {
      sampler.begin(one);
      sampler.take(span(one));
    }
    expect(sampler.told).toHaveLength(50);
    expect(sampler.counts()).toEqual(countsOf({ kept: 50 }, { told: 50 }));
  });

  it('takes a share by the id, alike wherever it is looked at', () => {
    const trees = Array.from({ length: 2000 }, () => tree());
    const told = [create({ ratio: 0.25 }), create({ ratio: 0.25 })].map((sampler) => {
      for (const one of trees) {
        sampler.begin(one);
        sampler.take(span(one));
      }
      return sampler.told.map((one) => one.tree);
    });
    expect(told[0]).toEqual(told[1]);
    expect(told[0]!.length).toBeGreaterThan(400);
    expect(told[0]!.length).toBeLessThan(600);
    const sampler = create({ ratio: 0 });
    for (const one of trees.slice(0, 3)) {
      sampler.begin(one);
      sampler.take(span(one));
    }
    expect(sampler.counts()).toEqual(countsOf({ notSampled: 3 }, { dropped: 3 }));
  });

  it('lets so many begin in a second', () => {
    const sampler = create({ tracesPerSecond: 5 });
    const begin = (count: number): void => {
      for (let i = 0; i < count; i++) sampler.begin(tree());
    };
    begin(20);
    expect(sampler.counts()).toEqual(countsOf({ kept: 5, rateLimited: 15 }));
    sampler.pass(400);
    begin(20);
    expect(sampler.counts()).toEqual(countsOf({ kept: 7, rateLimited: 33 }));
  });

  it('does what somebody else decided about the trace', () => {
    const sampler = create({ ratio: 0, keepErrors: true });
    const remote = (flags: number): RemoteParent => ({ traceId: random.bytes(16), spanId: random.bytes(8), traceState: '', flags });
    const [sampled, left] = [tree(remote(1)), tree(remote(0))];
    for (const one of [sampled, left]) {
      sampler.begin(one);
      sampler.take(span(one, exited(1)));
    }
    expect(sampler.told.map((one) => one.tree)).toEqual([sampled]);
  });
});

describe('what waits', () => {
  it('is told whole when something in it fails, in the order in which it came', () => {
    const sampler = create({ ratio: 0, keepErrors: true });
    const one = tree();
    sampler.begin(one);
    const spans = [span(one), span(one), span(one, exited(2)), span(one)];
    const others: string[] = [];
    sampler.take(spans[0]!);
    sampler.takeOther(one, () => void others.push('a connection'), false);
    sampler.take(spans[1]!);
    expect(sampler.told).toEqual([]);
    sampler.take(spans[2]!);
    sampler.take(spans[3]!);
    expect(sampler.told).toEqual(spans);
    expect(others).toEqual(['a connection']);
    sampler.end(one);
    expect(sampler.counts()).toEqual(countsOf({ kept: 1 }, { told: 5 }));
  });

  it('is told when a connection fails, or a program is killed', () => {
    for (const fail of ['connection', 'signal'] as const) {
      const sampler = create({ ratio: 0, keepErrors: true });
      const one = tree();
      sampler.begin(one);
      sampler.take(span(one));
      if (fail === 'connection') sampler.takeOther(one, () => {}, true);
      else sampler.take(span(one, { how: 'exit', code: 0, signal: 9, coreDumped: false }));
      expect(sampler.counts()).toMatchObject({ kept: 1, waiting: 0 });
    }
  });

  it('is told when its root takes long, and no other program of it', () => {
    const sampler = create({ ratio: 0, keepSlowerThanMs: 100 });
    const [slow, quick] = [tree(), tree()];
    for (const one of [slow, quick]) {
      sampler.begin(one);
      sampler.take(span(one, exited(1), 500n));
    }
    sampler.take(span(slow, exited(0), 100n, true));
    sampler.take(span(quick, exited(0), 99n, true));
    sampler.end(quick);
    expect(sampler.told.map((one) => one.tree)).toEqual([slow, slow]);
    expect(sampler.counts()).toEqual(countsOf({ kept: 1, notKept: 1 }, { told: 2, dropped: 2 }));
  });

  it('goes on over a reload, as does what was decided', () => {
    const before = create({ ratio: 0, keepErrors: true });
    const [one, kept, dropped] = [tree(), tree(), tree()];
    for (const each of [one, kept]) before.begin(each);
    before.take(span(one));
    before.take(span(kept, exited(1)));
    before.begin(dropped);
    before.end(dropped);
    const after = create({ ratio: 1 }, before);
    const ends = [one, kept, dropped].map((each) => span(each));
    for (const each of ends) after.take(each);
    expect(after.told).toEqual([ends[1]]);
    expect(after.verdict(one)).toBe('waiting');
  });

  it('is let go of after its time, and the oldest when there is no room', () => {
    const sampler = create({ ratio: 0, keepErrors: true, maxSpans: 3 });
    const trees = [tree(), tree(), tree()];
    for (const one of trees) {
      sampler.begin(one);
      sampler.take(span(one));
    }
    sampler.take(span(trees[2]!));
    expect(sampler.counts()).toEqual(countsOf({ notKept: 1, waiting: 2 }, { dropped: 1, waiting: 3 }));
    // what was let go of is not told although it fails then
    sampler.take(span(trees[0]!, exited(1)));
    sampler.pass(1000);
    sampler.expire();
    expect(sampler.counts()).toEqual(countsOf({ notKept: 3 }, { dropped: 5 }));
    expect(sampler.told).toEqual([]);
  });
});
