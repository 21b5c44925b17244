import { describe, expect, it } from 'vitest';
import type { FrameBuilder } from '../../../src/core/frame-builder.ts';
import { createKernelFrameBuilder } from '../../../src/kernel/frame-builder.ts';
import type { KernelFrame } from '../../../src/kernel/frames.ts';
import { eventKind, forkFlag } from '../../../src/kernel/layouts.gen.ts';
import { createForest, type Beginning, type ForestOptions, type ProgramEvent } from '../../../src/kernel/traces/forest.ts';
import { createTraceIds } from '../../../src/kernel/traces/ids.ts';
import type { ProcessSpan } from '../../../src/kernel/traces/types.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const startOf = (pid: number): bigint => BigInt(pid) * 1000n;

/** Writes records in the order of the calls, a nanosecond apart; a process is its number, its program what it ran last. */
const createStory = (options: Partial<ForestOptions> = {}) => {
  const spans: ProcessSpan[] = [];
  const ends: string[] = [];
  const ids = createTraceIds('host', 'boot');
  const forest = createForest({
    ids,
    begins: ({ exec }): Beginning | undefined => (exec !== undefined && text(exec.path) === '/bin/root' ? { owner: 'process' } : undefined),
    onSpan: (span) => void spans.push(span),
    onTreeEnd: ({ root }) => void ends.push(String(root.pid)),
    ...options,
  });
  let now = 1_000_000n;
  const execIds = new Map<number, number>();
  let builder: FrameBuilder;
  const parents = new Map<number, number>();
  const actor = (pid: number): number =>
    builder.addActor({
      pid,
      startNs: startOf(pid),
      execId: execIds.get(pid) ?? 0,
      ppid: parents.get(pid) ?? 1,
      parentStartNs: startOf(parents.get(pid) ?? 1),
      comm: `p${pid}`,
    });
  const add = (kind: number, pid: number, columns: Record<string, number | bigint | string | readonly string[]>): void => {
    builder.addRow(kind, { bootNs: (now += 1n), actor: actor(pid), columns });
  };
  const act = {
    fork(maker: number, child: number, columns: { readonly thread?: true; readonly adoptedBy?: number } = {}) {
      const { thread, adoptedBy = maker } = columns;
      if (thread === undefined) {
        execIds.set(child, execIds.get(maker) ?? 0);
        parents.set(child, adoptedBy);
      }
      add(eventKind.fork, maker, {
        childPid: child,
        childStartNs: startOf(child),
        childExecId: execIds.get(maker) ?? 0,
        forkFlags: thread === true ? forkFlag.thread : 0,
      });
    },
    /** As `fork`, and the record was lost. */
    lostFork(maker: number, child: number) {
      execIds.set(child, execIds.get(maker) ?? 0);
      parents.set(child, maker);
    },
    exec(pid: number, ...args: readonly [string, ...string[]]) {
      execIds.set(pid, (execIds.get(pid) ?? 0) + 1);
      add(eventKind.exec, pid, { path: `/bin/${args[0]}`, args, argc: args.length, cwd: '/' });
    },
    exit: (pid: number, exitCode = 0, exitSignal = 0) => add(eventKind.exit, pid, { exitCode, exitSignal }),
    /** It runs already. */
    task(pid: number, name: string, parent = 1) {
      parents.set(pid, parent);
      add(eventKind.task, pid, { path: `/bin/${name}`, sessionLeaderPid: pid });
    },
    orphan: (pid: number, adoptedBy: number) => void parents.set(pid, adoptedBy),
  };
  return {
    forest,
    spans,
    ends,
    /** One frame. */
    frame(tell: (to: typeof act) => void, events: readonly ProgramEvent[] = []) {
      builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
      tell(act);
      forest.absorb(builder.build() as KernelFrame, events);
    },
    /** Each span below its parent: `name exit`. */
    tree(): readonly string[] {
      const byId = new Map(spans.map((span) => [hex(span.spanId), span]));
      const nameOf = ({ exec, actor: { pid }, end }: ProcessSpan): string => {
        const name = exec === undefined ? `fork ${pid}` : text(exec.path).slice('/bin/'.length);
        return end.how === 'exit' ? `${name} ${end.signal === 0 ? end.code : `signal ${end.signal}`}` : `${name} ${end.how}`;
      };
      const below = (parent: string, depth: number): string[] =>
        spans
          .filter(({ parentId }) => hex(parentId) === parent)
          .toSorted((a, b) => Number(a.startNs - b.startNs))
          .flatMap((span) => [`${'  '.repeat(depth)}${nameOf(span)}`, ...below(hex(span.spanId), depth + 1)]);
      const lines = below('00'.repeat(8), 0);
      // none hangs below what was not told
      expect(lines).toHaveLength(spans.filter(({ parentId }) => hex(parentId) === '00'.repeat(8) || byId.has(hex(parentId))).length);
      expect(lines).toHaveLength(spans.length);
      return lines;
    },
    program: (pid: number) => ({ pid, startNs: startOf(pid), execId: execIds.get(pid) ?? 0 }),
    now: () => now,
    ids,
  };
};

describe('a forest', () => {
  it('is a script with a step that fails and one that is killed', () => {
    const story = createStory();
    story.frame(({ fork, exec, exit }) => {
      fork(5, 10);
      exec(10, 'root');
      fork(10, 11);
      exec(11, 'true');
      exit(11);
      fork(10, 12);
      exec(12, 'false');
      exit(12, 1);
      fork(10, 13);
      exec(13, 'sleep');
      exit(13, 0, 15);
      exit(10, 1);
    });
    expect(story.tree()).toEqual(['root 1', '  true 0', '  false 1', '  sleep signal 15']);
    expect(story.ends).toEqual(['10']);
    expect(new Set(story.spans.map(({ tree }) => hex(tree.traceId)))).toEqual(new Set([hex(story.ids.trace(story.program(10)))]));
    expect(story.forest.stats()).toEqual({ processes: 0, trees: 0, forgotten: 0 });
  });

  it('takes records of one frame in the order in which they happened, and frames one after the other', () => {
    const story = createStory();
    story.frame(({ exec, fork }) => {
      exec(10, 'root');
      fork(10, 11);
    });
    story.frame(({ exec }) => exec(11, 'late'));
    story.frame(({ exit, fork }) => {
      fork(11, 12);
      exit(11);
      exit(12, 3);
      exit(10);
    });
    expect(story.tree()).toEqual(['root 0', '  late 0', '    fork 12 3']);
  });

  it('keeps a daemon that forked twice, and whom init or a subreaper adopted, where it came from', () => {
    const story = createStory();
    story.frame(({ fork, exec, exit, orphan }) => {
      exec(10, 'root');
      fork(10, 11);
      exec(11, 'daemonise');
      fork(11, 12);
      fork(12, 13);
      exit(12);
      orphan(13, 1);
      exec(13, 'daemon');
      exit(11);
      exit(10);
    });
    expect(story.ends).toEqual([]);
    story.frame(({ exit }) => exit(13));
    expect(story.tree()).toEqual(['root 0', '  daemonise 0', '    fork 12 0', '      daemon 0']);
    expect(story.ends).toEqual(['10']);
  });

  it('tells each program of a chain of execs below the one before', () => {
    const story = createStory();
    story.frame(({ fork, exec, exit }) => {
      exec(10, 'root');
      fork(10, 11);
      exec(11, 'env');
      exec(11, 'nice');
      fork(11, 12);
      exec(11, 'work');
      exit(12);
      exit(11, 7);
      exit(10);
    });
    expect(story.tree()).toEqual(['root 0', '  env replaced', '    nice replaced', '      fork 12 0', '      work 7']);
  });

  it('tells a shell that forks before it runs something itself', () => {
    const story = createStory();
    story.frame(({ fork, exec, exit }) => {
      exec(10, 'root');
      fork(10, 11);
      fork(11, 12);
      exec(12, 'left');
      exec(11, 'right');
      exit(12);
      exit(11);
      exit(10);
    });
    expect(story.tree()).toEqual(['root 0', '  fork 11 replaced', '    left 0', '    right 0']);
  });

  it('leaves threads out, and takes what they fork as of their process', () => {
    const story = createStory();
    story.frame(({ fork, exec, exit }) => {
      exec(10, 'root');
      fork(10, 99, { thread: true });
      fork(10, 11);
      exec(11, 'child');
      exit(11);
      exit(10);
    });
    expect(story.tree()).toEqual(['root 0', '  child 0']);
  });

  it('finds the tree of a process whose fork was lost by its parent', () => {
    const story = createStory();
    story.frame(({ exec, lostFork, exit }) => {
      exec(10, 'root');
      lostFork(10, 11);
      exec(11, 'child');
      exit(11);
      exit(10);
    });
    expect(story.tree()).toEqual(['root 0', '  child 0']);
  });

  it('knows a number that is used again as another process', () => {
    const story = createStory();
    story.frame(({ exec, exit }) => {
      exec(10, 'root');
      exit(10);
      exec(10, 'other');
      exit(10);
    });
    expect(story.tree()).toEqual(['root 0']);
  });

  it('begins trees of its own below no other, and none twice', () => {
    const story = createStory();
    story.frame(({ fork, exec, exit }) => {
      exec(10, 'root');
      exec(20, 'root');
      fork(20, 21);
      exec(21, 'root');
      exit(21);
      exit(20);
      exit(10);
    });
    expect(story.tree()).toEqual(['root 0', 'root 0', '  root 0']);
    expect(new Set(story.spans.map(({ tree }) => hex(tree.traceId))).size).toBe(2);
  });

  it('puts programs of one key into one tree, below its root', () => {
    const story = createStory({ begins: ({ actor }) => (actor.pid >= 30 ? { owner: 'process', key: 'cgroup 7' } : undefined) });
    story.frame(({ exec, exit }) => {
      exec(30, 'init');
      exec(31, 'second');
      exit(31);
      exit(30);
      exec(32, 'later');
      exit(32);
    });
    expect(story.tree()).toEqual(['init 0', '  second 0', 'later 0']);
    expect(story.spans.map(({ tree }) => hex(tree.traceId))).toEqual([
      hex(story.spans[0]!.tree.traceId),
      hex(story.spans[0]!.tree.traceId),
      expect.not.stringMatching(hex(story.spans[0]!.tree.traceId)),
    ]);
  });

  it('has what ran before anybody looked, children below their parents, from when they began', () => {
    const story = createStory();
    story.frame(({ task }) => {
      task(12, 'shell', 11);
      task(11, 'root', 1);
      task(5, 'other', 1);
      task(13, 'idle', 12);
    });
    story.frame(({ fork, exec, exit }) => {
      fork(12, 14);
      exec(14, 'new');
      exit(14);
      for (const pid of [13, 12, 11, 5]) exit(pid);
    });
    expect(
      story.spans.map(({ path, exec, startNs, actor: { pid } }) => [text(path), exec === undefined, startNs === startOf(pid)]),
    ).toEqual([
      ['/bin/new', false, false],
      ['/bin/idle', true, true],
      ['/bin/shell', true, true],
      ['/bin/root', true, true],
    ]);
    const root = hex(story.spans[3]!.spanId);
    expect(story.spans.map(({ parentId }) => hex(parentId))).toEqual([
      hex(story.spans[2]!.spanId),
      hex(story.spans[2]!.spanId),
      root,
      '00'.repeat(8),
    ]);
  });

  it('hangs below the span of somebody else when it is told to', () => {
    const remote = { traceId: new Uint8Array(16).fill(1), spanId: new Uint8Array(8).fill(2), traceState: 'a=b', flags: 1 };
    const story = createStory({ begins: () => ({ owner: 'process', remote }) });
    story.frame(({ exec, exit }) => {
      exec(10, 'root');
      exit(10);
    });
    expect(story.spans.map(({ tree, parentId }) => [hex(tree.traceId), hex(parentId)])).toEqual([['01'.repeat(16), '02'.repeat(8)]]);
  });

  it('finds the span of a program that runs or has ended, for what is told of it later', () => {
    const story = createStory();
    story.frame(({ exec, fork }) => {
      exec(10, 'root');
      fork(10, 11);
    });
    const forked = story.program(11);
    story.frame(({ exec }) => exec(11, 'child'));
    const child = story.program(11);
    expect(story.forest.find(child)?.spanId).toEqual(story.ids.span(child));
    // what it did before it ran that is told of the same span
    expect(story.forest.find(forked)?.spanId).toEqual(story.ids.span(child));
    story.frame(({ exit }) => {
      exit(11);
      exit(10);
    });
    expect(story.forest.find(child)?.spanId).toEqual(story.ids.span(child));
    expect(story.forest.find(story.program(77))).toBeUndefined();
  });

  it('keeps the first events of a span, and counts the others', () => {
    const story = createStory({ maxEvents: 2 });
    const event = (pid: number, name: string, atNs: bigint): ProgramEvent => ({
      atNs,
      program: { ...story.program(pid), execId: 1 },
      read: () => ({ unixNs: atNs, name, attributes: [] }),
    });
    const beganNs = story.now();
    const events = ['a', 'b', 'c', 'd'].map((name, index) => event(10, name, beganNs + 2n + BigInt(index) / 4n));
    // all of one frame: what it did comes between its exec and its exit, and what nobody of a tree did is nobody's
    story.frame(
      ({ exec, fork, exit }) => {
        exec(10, 'root');
        fork(5, 6);
        fork(5, 7);
        fork(5, 8);
        exit(10);
      },
      [...events, event(11, 'x', beganNs + 3n), event(10, 'late', story.now() + 100n)],
    );
    expect(story.spans.map(({ events: kept, droppedEvents }) => [kept.map(({ name }) => name), droppedEvents])).toEqual([[['a', 'b'], 2]]);
  });

  it('marks once what runs for long', () => {
    const story = createStory();
    story.frame(({ exec, fork }) => {
      exec(10, 'root');
      fork(10, 11);
    });
    const later = story.now() + 10n;
    story.forest.mark(story.now(), later);
    story.forest.mark(later, later + 10n);
    story.forest.mark(later, later + 20n);
    story.frame(({ exec, exit }) => {
      exec(11, 'child');
      exit(11);
      exit(10);
    });
    expect(story.tree()).toEqual(['root 0', '  root running', '  fork 11 replaced', '    fork 11 running', '    child 0']);
  });

  it('forgets the oldest that nothing hangs below when there are too many, says so, and goes on', () => {
    const forgotten: number[] = [];
    const story = createStory({ maxProcesses: 3, onForget: ({ root }) => void forgotten.push(root.pid) });
    story.frame(({ exec, fork, exit }) => {
      exec(10, 'root');
      for (const child of [11, 12, 13]) {
        fork(10, child);
        exec(child, 'child');
      }
      for (const child of [11, 12, 13, 10]) exit(child);
    });
    expect(story.forest.stats()).toEqual({ processes: 0, trees: 0, forgotten: 1 });
    expect(story.spans.map(({ actor: { pid } }) => pid)).toEqual([12, 13, 10]);
    expect(forgotten).toEqual([10]);
  });

  it('forgets the oldest of all where each is below the other', () => {
    const story = createStory({ maxProcesses: 3 });
    story.frame(({ exec, fork, exit }) => {
      exec(10, 'root');
      for (const child of [11, 12, 13, 14]) fork(child - 1, child);
      for (const child of [14, 13, 12, 11, 10]) exit(child);
    });
    expect(story.forest.stats()).toEqual({ processes: 0, trees: 0, forgotten: 2 });
    expect(story.spans.map(({ actor: { pid } }) => pid)).toEqual([14, 13, 12]);
  });
});

describe('ids', () => {
  it('are those of the same process on the same boot of the same host, and of no other', () => {
    const program = { pid: 10, startNs: 123n, execId: 4 };
    const [first, again] = [createTraceIds('a', 'b'), createTraceIds('a', 'b')];
    expect(hex(first.trace(program))).toBe(hex(again.trace(program)));
    expect(hex(first.span(program))).toBe(hex(again.span(program)));
    const others = [
      createTraceIds('c', 'b').trace(program),
      createTraceIds('a', 'c').trace(program),
      ...[{ pid: 11 }, { startNs: 124n }, { execId: 5 }].map((change) => first.trace({ ...program, ...change })),
      first.traceOf('host'),
    ].map(hex);
    expect(new Set([...others, hex(first.trace(program))]).size).toBe(7);
    expect(first.trace(program)).toHaveLength(16);
    expect(first.span(program)).toHaveLength(8);
    expect(hex(first.spanOf(program, 'running'))).not.toBe(hex(first.span(program)));
  });

  describe('of which programs leave for another trace', () => {
    const remote = { traceId: new Uint8Array(16).fill(9), spanId: new Uint8Array(8).fill(9), traceState: '', flags: 1 };
    const leaves = ({ exec }: { readonly exec: { readonly path: Uint8Array } | undefined }): Beginning | undefined =>
      exec !== undefined && text(exec.path) === '/bin/apart' ? { owner: 'process', remote } : undefined;
    const placesOf = (spans: readonly ProcessSpan[]) =>
      spans.map(({ exec, tree, parentId, end }) => [
        text(exec?.path ?? Buffer.from('fork')),
        tree.remote === undefined,
        hex(parentId).startsWith('09'),
        end.how,
      ]);

    it('has what is forked and run at once nowhere else, and its children with it', () => {
      const story = createStory({ leaves });
      story.frame(({ fork, exec }) => {
        exec(10, 'root');
        fork(10, 11);
      });
      const forked = story.program(11);
      story.frame(({ fork, exec, exit }) => {
        exec(11, 'apart');
        fork(11, 12);
        exec(12, 'below');
        exit(12);
        exit(11);
        exit(10);
      });
      expect(placesOf(story.spans)).toEqual([
        ['/bin/below', false, false, 'exit'],
        ['/bin/apart', false, true, 'exit'],
        ['/bin/root', true, false, 'exit'],
      ]);
      const [below, apart] = story.spans;
      expect(below!.parentId).toEqual(apart!.spanId);
      expect(story.ends).toEqual(['11', '10']);
      // what it did before its exec, as a connection, is where it is
      expect(story.forest.find(forked)).toEqual({ tree: apart!.tree, spanId: apart!.spanId });
      expect(story.forest.stats()).toMatchObject({ processes: 0, trees: 0 });
    });

    it('keeps what a process ran before', () => {
      const story = createStory({ leaves });
      story.frame(({ exec, exit, fork }) => {
        exec(10, 'root');
        exec(10, 'apart');
        fork(10, 11);
        exit(11);
        exit(10);
      });
      expect(placesOf(story.spans)).toEqual([
        ['/bin/root', true, false, 'replaced'],
        ['fork', false, false, 'exit'],
        ['/bin/apart', false, true, 'exit'],
      ]);
      expect(story.ends).toEqual(['10', '10']);
    });

    it('lets one go whose fork was lost, and one of a tree of several roots', () => {
      const story = createStory({ leaves, begins: () => ({ owner: 'process', key: 'container' }) });
      story.frame(({ exec, exit, lostFork }) => {
        exec(10, 'root');
        lostFork(10, 11);
        exec(11, 'apart');
        exec(20, 'apart');
        exec(30, 'other');
        for (const pid of [11, 20, 30, 10]) exit(pid);
      });
      expect(placesOf(story.spans).map(([path, own, isBelow]) => [path, own, isBelow])).toEqual([
        ['/bin/apart', false, true],
        ['/bin/apart', false, true],
        ['/bin/other', true, false],
        ['/bin/root', true, false],
      ]);
    });
  });
});
