import { describe, expect, it } from 'vitest';
import type { AttributeSource } from '../../src/core/batch.ts';
import type { ActorInput, FrameBuilder } from '../../src/core/frame-builder.ts';
import { createKernelFrameBuilder } from '../../src/kernel/frame-builder.ts';
import type { KernelFrame } from '../../src/kernel/frames.ts';
import { eventKind, forkFlag, headFlag, pathFlag } from '../../src/kernel/layouts.gen.ts';
import { unattributedSource } from '../../src/kernel/lifecycle/process-attributes.ts';
import { createProcessTable, type ProcessTable } from '../../src/kernel/lifecycle/process-table.ts';
import { encodeAttributes } from '../../src/otlp/wire.ts';

const WALL = 1_760_000_000_000_000_000n;
const shell = { pid: 100, startNs: 5_000n, execId: 3 } satisfies ActorInput;

/** A frame made by `fill`. */
const frame = (fill: (builder: FrameBuilder) => void, wallOffsetNs = WALL, attribution?: 'procfs'): KernelFrame => {
  const builder = createKernelFrameBuilder({ wallOffsetNs });
  fill(builder);
  return attribution === undefined ? builder.build() : { ...builder.build(), attribution };
};
const task =
  (actor: ActorInput, path: string | Uint8Array, pathFlags = 0) =>
  (builder: FrameBuilder) =>
    builder.addRow(eventKind.task, { bootNs: 1n, actor: builder.addActor(actor), columns: { path, pathFlags } });
const exec =
  (actor: ActorInput, path: string, bootNs = 10n) =>
  (builder: FrameBuilder) =>
    builder.addRow(eventKind.exec, { bootNs, actor: builder.addActor(actor), columns: { path } });
const exit = (actor: ActorInput) => (builder: FrameBuilder) =>
  builder.addRow(eventKind.exit, { bootNs: 20n, actor: builder.addActor(actor) });
type Child = { pid: number; startNs: bigint; execId: number };
const fork =
  (maker: ActorInput, child: Child, more: Record<string, number | bigint> = {}) =>
  (builder: FrameBuilder) =>
    builder.addRow(eventKind.fork, {
      bootNs: child.startNs,
      actor: builder.addActor(maker),
      columns: { childPid: child.pid, childTid: child.pid, childStartNs: child.startNs, childExecId: child.execId, ...more },
    });

const slotOf = (table: ProcessTable, actor: ActorInput): number => table.resolve(frame((builder) => builder.addActor(actor)))[0]!;
const pathOf = (table: ProcessTable, actor: ActorInput): string | undefined => table.executablePath(slotOf(table, actor));
const written = (source: AttributeSource, id: number): Uint8Array => {
  const out = new Uint8Array(source.size(id) + 8);
  const end = source.write(id, out, 4);
  expect(end - 4).toBeLessThanOrEqual(source.size(id));
  return out.slice(4, end);
};

describe('process table', () => {
  it('names each program of a process that execs itself through five, all in one frame', () => {
    const table = createProcessTable();
    const step = (n: number) => ({ pid: 7, startNs: 70n, execId: n });
    table.absorb(frame((builder) => [1, 2, 3, 4, 5].forEach((n) => exec(step(n), `/bin/p${n}`)(builder))));
    expect([1, 2, 3, 4, 5].map((n) => pathOf(table, step(n)))).toEqual(['/bin/p1', '/bin/p2', '/bin/p3', '/bin/p4', '/bin/p5']);
    expect([2, 5].map((n) => table.callerPath(slotOf(table, step(n))))).toEqual(['/bin/p1', '/bin/p4']);
    expect(table.callerPath(slotOf(table, step(1)))).toBeUndefined();
    expect(table.stats()).toMatchObject({ alive: 1, dead: 4 });
  });

  it('knows which program a process runs now, by the start as procfs rounds it', () => {
    const table = createProcessTable();
    const actor = { pid: 7, startNs: 5_000_000_019_999_999n, execId: 1 };
    table.absorb(frame((builder) => (exec(actor, '/bin/a')(builder), exec({ ...actor, execId: 2 }, '/bin/b')(builder))));
    const identity = { startNs: actor.startNs, execId: 2 };
    expect([5_000_000_010_000_000n, undefined].map((startNs) => table.identityOf(7, startNs))).toEqual([identity, identity]);
    expect([5_000_000_000_000_000n, 5_000_000_020_000_000n].map((startNs) => table.identityOf(7, startNs))).toEqual([undefined, undefined]);
    table.absorb(frame(exit({ ...actor, execId: 2 })));
    expect([table.identityOf(7), table.identityOf(8)]).toEqual([undefined, undefined]);
  });

  it('gives a child the program of its maker at the fork, when the maker has gone on since', () => {
    const table = createProcessTable();
    const first = { pid: 9, startNs: 90n, execId: 1 };
    const child = { pid: 10, startNs: 95n, execId: 1 };
    const grandchild = { pid: 11, startNs: 97n, execId: 2 };
    table.absorb(
      frame((builder) => {
        task({ pid: 9, startNs: 90n, execId: 1 }, '/bin/make')(builder);
        fork(first, child)(builder);
        exec({ ...first, execId: 2 }, '/bin/later')(builder);
        exec({ ...child, execId: 2, ppid: 9, parentStartNs: 90n, parentExecId: 1 }, '/bin/cc')(builder);
        fork({ ...child, execId: 2 }, grandchild)(builder);
      }),
    );
    expect([child, { ...child, execId: 2 }, grandchild].map((who) => pathOf(table, who))).toEqual(['/bin/make', '/bin/cc', '/bin/cc']);
    expect(table.ancestors(slotOf(table, grandchild), 5)).toEqual(['/bin/cc', '/bin/make']);
    expect(table.ancestors(slotOf(table, grandchild), 1)).toEqual(['/bin/cc']);
    expect(table.ancestors(0, 1)).toEqual([]);
  });

  it('makes no slot for a thread, and gives a CLONE_PARENT child the parent of its maker', () => {
    const table = createProcessTable();
    const init = { pid: 1, startNs: 1n, execId: 1 };
    const maker = { ...shell, ppid: 1, parentStartNs: 1n, parentExecId: 1 };
    const child = { pid: 101, startNs: 6_000n, execId: 3 };
    table.absorb(frame((builder) => (task(init, '/sbin/init')(builder), task(maker, '/bin/sh')(builder))));
    table.absorb(frame(fork(maker, { pid: 100, startNs: 5_500n, execId: 3 }, { forkFlags: forkFlag.thread })));
    table.absorb(frame(fork(maker, child, { cloneFlags: 0x8000n })));
    expect(table.stats()).toMatchObject({ alive: 3, inserts: 3 });
    expect(table.ancestors(slotOf(table, child), 5)).toEqual(['/sbin/init']);
  });

  it('enters no child whose start is not told', () => {
    const table = createProcessTable();
    table.absorb(frame((builder) => (task(shell, '/bin/sh')(builder), fork(shell, { pid: 200, startNs: 0n, execId: 3 })(builder))));
    expect(table.stats()).toMatchObject({ alive: 1, unknownMakers: 0 });
  });

  it('does not mix up processes that follow each other under one pid', () => {
    const table = createProcessTable();
    const lives = Array.from({ length: 50 }, (_, n) => ({ pid: 42, startNs: BigInt(1_000 + n), execId: 1 }));
    table.absorb(frame((builder) => lives.forEach((who, n) => (exec(who, `/bin/x${n}`)(builder), exit(who)(builder)))));
    expect(lives.map((who) => pathOf(table, who))).toEqual(lives.map((_, n) => `/bin/x${n}`));
    expect(slotOf(table, { pid: 42, startNs: 999n, execId: 1 })).toBe(0);
    expect(slotOf(table, { pid: 42, startNs: 1_000n + (1n << 32n), execId: 1 })).toBe(0);
  });

  it('knows when an actor belongs to the past of its process', () => {
    const table = createProcessTable();
    table.absorb(frame(exec({ ...shell, execId: 5 }, '/bin/five')));
    const asked = frame((builder) => [4, 5, 6].forEach((execId) => builder.addActor({ ...shell, execId })));
    expect([0, 1, 2].map((actor) => table.isPast(asked, actor))).toEqual([true, false, false]);
    expect([...table.resolve(asked)].map((slot) => slot !== 0)).toEqual([false, true, false]);
  });

  it.each([
    [
      'a plain one',
      '/usr/bin/ls',
      0,
      [
        ['process.executable.name', 'ls'],
        ['process.executable.path', '/usr/bin/ls'],
      ],
    ],
    [
      'a deleted one',
      '/tmp/x',
      pathFlag.deleted,
      [
        ['process.executable.name', 'x'],
        ['process.executable.path', '/tmp/x'],
        ['ringtail.executable.kind', 'deleted'],
      ],
    ],
    [
      'a memfd with slashes',
      '/memfd:a/b',
      pathFlag.deleted,
      [
        ['process.executable.name', 'memfd:a/b'],
        ['process.executable.path', '/memfd:a/b'],
        ['ringtail.executable.kind', 'memfd'],
      ],
    ],
    [
      'a memfd as the kernel side tells it',
      'memfd:x',
      pathFlag.pseudo,
      [
        ['process.executable.name', 'memfd:x'],
        ['process.executable.path', 'memfd:x'],
        ['ringtail.executable.kind', 'memfd'],
      ],
    ],
    [
      'a file that only looks like a memfd',
      '/memfd:x',
      0,
      [
        ['process.executable.name', 'memfd:x'],
        ['process.executable.path', '/memfd:x'],
      ],
    ],
    [
      'a path whose front is missing',
      'deep/x',
      pathFlag.truncated,
      [
        ['process.executable.name', 'x'],
        ['process.executable.path', 'deep/x'],
        ['ringtail.executable.truncated', true],
      ],
    ],
    ['a path that could not be read', '/tmp/?/x', pathFlag.fault, []],
    [
      'bytes that are not UTF-8',
      Uint8Array.of(0x2f, 0x61, 0xff),
      0,
      [
        ['process.executable.name', 'a\ufffd'],
        ['process.executable.path', '/a\ufffd'],
      ],
    ],
    ['no path', '', 0, []],
  ] as const)('tells %s', (_, path, flags, expected) => {
    const table = createProcessTable();
    table.absorb(frame(task(shell, path, flags)));
    const slot = slotOf(table, shell);
    const entries = table.source.entries(slot);
    expect(entries).toEqual([...expected, ['ringtail.attribution', 'iterator']]);
    expect(table.source.createdUs!(slot)).toBe(1_760_000_000_000_005);
    expect(written(table.source, slot)).toEqual(encodeAttributes(entries));
    expect(table.isNamed(slot)).toBe(expected.length > 0);
  });

  it('keeps one path with different flags, or two paths that look alike as text, apart', () => {
    const table = createProcessTable();
    table.absorb(
      frame((builder) => {
        task({ pid: 1 }, '/bin/a')(builder);
        task({ pid: 2 }, '/bin/a', pathFlag.deleted)(builder);
        task({ pid: 3 }, '/bin/a')(builder);
        task({ pid: 4 }, Uint8Array.of(0x2f, 0xfe))(builder);
        task({ pid: 5 }, Uint8Array.of(0x2f, 0xff))(builder);
      }),
    );
    expect(table.stats().executables).toBe(4);
    expect(table.source.entries(slotOf(table, { pid: 3 }))).not.toContainEqual(['ringtail.executable.kind', 'deleted']);
    expect(table.source.entries(slotOf(table, { pid: 2 }))).toContainEqual(['ringtail.executable.kind', 'deleted']);
  });

  it('tells where the naming came from', () => {
    const table = createProcessTable();
    const child = { pid: 200, startNs: 9_000n, execId: 3 };
    const other = { pid: 300, startNs: 1n };
    table.absorb(frame((builder) => (task(shell, '/bin/sh')(builder), fork(shell, child)(builder))));
    table.absorb(frame(exec({ ...child, execId: 4 }, '/bin/ls')));
    table.insert(frame((builder) => builder.addActor(other)), 0, { path: Buffer.from('/bin/o'), pathFlags: 0 }); // prettier-ignore
    table.absorb(frame(fork(other, { pid: 301, startNs: 2n, execId: 0 })));
    table.absorb(frame(exec({ pid: 400 }, '/bin/p'), WALL, 'procfs'));
    const who = [shell, child, { ...child, execId: 4 }, other, { pid: 301, startNs: 2n }, { pid: 400 }];
    expect(who.map((actor) => table.attribution(slotOf(table, actor)))).toEqual(['iterator', 'ebpf', 'ebpf', 'procfs', 'procfs', 'procfs']);
    expect(table.attribution(0)).toBe('none');
    expect(unattributedSource.entries(1)).toEqual([['ringtail.attribution', 'none']]);
    expect(written(unattributedSource, 1)).toEqual(encodeAttributes(unattributedSource.entries(1)));
    for (const source of [unattributedSource, table.source, table.callerSource, table.ancestorSource(3)]) {
      expect([source.size(0), source.write(0, new Uint8Array(0), 0), source.entries(0)]).toEqual([0, 0, []]);
    }
  });

  it('keeps what a record told over what procfs tells, and lets a record correct procfs', () => {
    const table = createProcessTable();
    const asked = frame((builder) => builder.addActor(shell));
    table.insert(asked, 0, { path: Buffer.from('/bin/guess'), pathFlags: 0 });
    table.absorb(frame(exec(shell, '/bin/told')));
    table.insert(asked, 0, { path: Buffer.from('/bin/late'), pathFlags: 0 });
    expect([pathOf(table, shell), table.attribution(slotOf(table, shell)), table.size]).toEqual(['/bin/told', 'ebpf', 1]);
    expect(table.stats().executables).toBe(1);
  });

  it.each([
    ['was started before the read', 40n, undefined, 'none'],
    ['was started after the read', 60n, '/bin/guess', 'procfs'],
  ])('doubts what procfs showed when the next program %s', (_, execMs, path, attribution) => {
    const table = createProcessTable({ nowMs: () => Number(WALL / 1_000_000n) + 50 });
    table.insert(frame((builder) => builder.addActor(shell)), 0, { path: Buffer.from('/bin/guess'), pathFlags: 0 }); // prettier-ignore
    table.absorb(frame(exec({ ...shell, execId: 4 }, '/bin/next', execMs * 1_000_000n)));
    expect([pathOf(table, shell), table.attribution(slotOf(table, shell))]).toEqual([path, attribution]);
    expect(pathOf(table, { ...shell, execId: 4 })).toBe('/bin/next');
  });

  it('keeps the creation time of a process when the wall clock is set, over forks and execs', () => {
    const table = createProcessTable();
    table.absorb(frame(exec({ ...shell, execId: 4 }, '/bin/b')));
    table.absorb(frame(exec({ ...shell, execId: 5 }, '/bin/c'), WALL + 7_000_000_000n));
    table.absorb(
      frame(
        (builder) => builder.addRow(eventKind.task, { bootNs: 0n, actor: builder.addActor(shell), columns: { path: '/bin/a' } }),
        WALL - 9_000n,
      ),
    );
    const times = [3, 4, 5].map((execId) => table.createdUs(slotOf(table, { ...shell, execId })));
    expect(times).toEqual([1_760_000_000_000_005, 1_760_000_000_000_005, 1_760_000_000_000_005]);
  });

  it('reckons creation times exactly to the microsecond', () => {
    const table = createProcessTable();
    const startNs = 9_876_543_210_123_999n;
    table.absorb(frame(task({ pid: 1, startNs }, '/x'), 1_700_000_000_123_456_789n));
    expect(BigInt(table.createdUs(slotOf(table, { pid: 1, startNs })))).toBe((startNs + 1_700_000_000_123_456_789n) / 1000n);
  });

  it('keeps the dead for their time, and no longer', () => {
    let nowMs = 1_000;
    const table = createProcessTable({ deadTtlMs: 30, nowMs: () => nowMs });
    table.absorb(frame((builder) => (task(shell, '/bin/sh')(builder), exit(shell)(builder))));
    nowMs = 1_030;
    table.absorb(frame(() => {}));
    expect(pathOf(table, shell)).toBe('/bin/sh');
    nowMs = 1_031;
    table.absorb(frame(() => {}));
    expect(slotOf(table, shell)).toBe(0);
    expect(table.stats()).toMatchObject({ alive: 0, dead: 0, executables: 0, evictedDead: 0 });
  });

  it('keeps no more dead than it may, but all of one frame until the next', () => {
    const table = createProcessTable({ deadCapacity: 2 });
    const who = [1, 2, 3, 4].map((pid) => ({ pid, startNs: BigInt(pid) }));
    const all = frame((builder) => who.forEach((actor) => (exec(actor, `/bin/${actor.pid}`)(builder), exit(actor)(builder))));
    table.absorb(all);
    expect([...table.resolve(all)].every((slot) => slot !== 0)).toBe(true);
    table.absorb(frame(() => {}));
    expect(who.map((actor) => pathOf(table, actor))).toEqual([undefined, undefined, '/bin/3', '/bin/4']);
    expect(table.stats().evictedDead).toBe(2);
  });

  it('gives up the dead first, then the living that were not seen for long', () => {
    const table = createProcessTable({ capacity: 3 });
    const who = [1, 2, 3, 4, 5].map((pid) => ({ pid, startNs: BigInt(pid) }));
    const [a, b, c, d, e] = who as [ActorInput, ActorInput, ActorInput, ActorInput, ActorInput];
    table.absorb(frame((builder) => [a, b, c].forEach((actor) => task(actor, `/bin/${actor.pid}`)(builder))));
    table.absorb(frame(exit(b)));
    table.absorb(frame(task(d, '/bin/4')));
    expect([a, b, c, d].map((actor) => slotOf(table, actor) !== 0)).toEqual([true, false, true, true]);
    expect(table.stats()).toMatchObject({ evictedDead: 1, evictedAlive: 0 });
    // The first round takes the marks of all, and `a` goes as the oldest; then `c`, which was seen since, outlives `d`.
    table.absorb(frame(task(e, '/bin/5')));
    expect(slotOf(table, a)).toBe(0);
    slotOf(table, c);
    table.absorb(frame(task(a, '/bin/1')));
    expect([c, d].map((actor) => slotOf(table, actor) !== 0)).toEqual([true, false]);
    expect(table.stats()).toMatchObject({ alive: 3, evictedAlive: 2 });
  });

  it('holds its bytes when every process has a long path of its own, and names nobody wrongly in such a frame', () => {
    const table = createProcessTable({ maxExecutableBytes: 100_000 });
    const who = Array.from({ length: 300 }, (_, n) => ({ pid: n + 1, startNs: 1n }));
    const long = (n: number): string => `/${'d'.repeat(2_000)}/${n}`;
    for (const part of [0, 100, 200]) {
      table.absorb(frame((builder) => who.slice(part, part + 100).forEach((actor, n) => exec(actor, long(part + n))(builder))));
    }
    const known = who.map((actor) => pathOf(table, actor));
    expect(known.every((path, n) => path === undefined || path === long(n))).toBe(true);
    expect(known.filter((path) => path !== undefined).length).toBeGreaterThan(5);
    expect(table.stats().executableBytes).toBeLessThanOrEqual(2 * 100_000);
  });

  it('enters a child later when its maker became known, without doing anything twice', () => {
    const table = createProcessTable();
    const child = { pid: 200, startNs: 9_000n, execId: 3 };
    const both = frame((builder) => (fork(shell, child)(builder), exit(child)(builder)));
    table.absorb(both);
    expect([table.size, table.stats().unknownMakers]).toEqual([0, 1]);
    table.insert(frame((builder) => builder.addActor(shell)), 0, { path: Buffer.from('/bin/sh'), pathFlags: 0 }); // prettier-ignore
    table.absorb(both);
    table.absorb(both);
    expect(pathOf(table, child)).toBe('/bin/sh');
    expect(table.stats()).toMatchObject({ alive: 1, dead: 1, inserts: 2 });
  });

  it('finds the older program of a process whose newer one has gone first', () => {
    const table = createProcessTable({ deadCapacity: 1 });
    const child = { pid: 200, startNs: 9_000n, execId: 3 };
    const all = frame(
      (builder) => (fork(shell, child)(builder), exec({ ...child, execId: 4 }, '/bin/ls')(builder), exit({ ...child, execId: 4 })(builder)),
    );
    table.absorb(all);
    table.insert(frame((builder) => builder.addActor(shell)), 0, { path: Buffer.from('/bin/sh'), pathFlags: 0 }); // prettier-ignore
    table.absorb(all);
    table.absorb(frame(() => {}));
    expect([pathOf(table, child), pathOf(table, { ...child, execId: 4 })]).toEqual(['/bin/sh', undefined]);
  });

  it('knows kernel threads, which have no executable and no descendants to name', () => {
    const table = createProcessTable();
    const kthreadd = { pid: 2, startNs: 1n, flags: headFlag.kernelThread };
    const helper = { pid: 50, startNs: 2n, execId: 0 };
    table.absorb(
      frame((builder) => (task(kthreadd, '')(builder), fork(kthreadd, helper, { childHeadFlags: headFlag.kernelThread })(builder))),
    );
    table.absorb(frame(exec({ ...helper, execId: 1, ppid: 2, parentStartNs: 1n }, '/sbin/modprobe')));
    expect([kthreadd, helper, { ...helper, execId: 1 }].map((actor) => table.isKernelThread(slotOf(table, actor)))).toEqual([
      true,
      true,
      false,
    ]);
    expect(table.ancestors(slotOf(table, { ...helper, execId: 1 }), 3)).toEqual([]);
  });

  it('writes callers and ancestors as attributes', () => {
    const table = createProcessTable();
    const child = { pid: 200, startNs: 9_000n, execId: 3, ppid: 100, parentStartNs: 5_000n, parentExecId: 3 };
    table.absorb(
      frame((builder) => (task(shell, '/bin/sh')(builder), fork(shell, child)(builder), exec({ ...child, execId: 4 }, '/bin/ls')(builder))),
    );
    const slot = slotOf(table, { ...child, execId: 4 });
    expect(written(table.callerSource, slot)).toEqual(encodeAttributes([['ringtail.process.caller.executable.path', '/bin/sh']]));
    const parents = table.resolveParents(frame((builder) => (builder.addActor(child), builder.addActor(shell))));
    const ancestors = table.ancestorSource(4);
    expect(written(ancestors, parents[0]!)).toEqual(encodeAttributes([['ringtail.ancestors', ['/bin/sh']]]));
    expect(parents[1]).toBe(0);
    expect(table.callerSource.entries(slotOf(table, shell))).toEqual([]);
    expect(table.ancestorSource(0).entries(parents[0]!)).toEqual([]);
  });

  it('computes the slots of a frame once, and anew when the table changed', () => {
    const table = createProcessTable();
    const asked = frame((builder) => builder.addActor(shell));
    const before = table.resolve(asked);
    expect(table.resolve(asked)).toBe(before);
    table.absorb(frame(task(shell, '/bin/sh')));
    expect([before[0], table.resolve(asked)[0] !== 0]).toEqual([0, true]);
  });

  it('counts exec ids past the end of their range', () => {
    const table = createProcessTable();
    const last = { ...shell, execId: 0xffff_ffff };
    table.absorb(frame((builder) => (task(last, '/bin/last')(builder), exec({ ...shell, execId: 0 }, '/bin/first')(builder))));
    expect(table.callerPath(slotOf(table, { ...shell, execId: 0 }))).toBe('/bin/last');
    expect(table.isPast(frame((builder) => builder.addActor(last)), 0)).toBe(true); // prettier-ignore
  });
});
