/** What the kernel tells of cgroups, beside what is read. */
import { rmSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TextInput } from '../../../src/core/text-table.ts';
import type { CgroupChange } from '../../../src/kernel/cgroup-types.ts';
import { cgroupNumber, hierarchyOf } from '../../../src/kernel/cgroups/number.ts';
import { createCgroups, type CgroupsOptions } from '../../../src/kernel/cgroups/service.ts';
import { createKernelFrameBuilder } from '../../../src/kernel/frame-builder.ts';
import type { KernelFrame } from '../../../src/kernel/frames.ts';
import { eventKind } from '../../../src/kernel/layouts.gen.ts';
import { createFakeProc, type FakeProc } from '../fake-proc.ts';

type Told = readonly ['made', bigint, TextInput] | readonly ['gone', bigint] | readonly ['attached', bigint, number];
const BY = 7;

/** A frame of these records, in which process 1 is in each of `actors`. */
const frameOf = (told: readonly Told[], actors: readonly bigint[] = []): KernelFrame => {
  const builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
  const actor = builder.addActor({ pid: BY });
  for (const [kind, cgroupId, more] of told) {
    if (kind === 'made') builder.addRow(eventKind.cgroupMade, { bootNs: 1n, actor, columns: { cgroupId, level: 1, path: more } });
    else if (kind === 'gone') builder.addRow(eventKind.cgroupGone, { bootNs: 1n, actor, columns: { cgroupId } });
    else builder.addRow(eventKind.cgroupAttached, { bootNs: 1n, actor, columns: { cgroupId, startNs: 5n, pid: more } });
  }
  for (const cgroupId of actors) builder.addActor({ pid: 1, cgroupId });
  return builder.build() as KernelFrame;
};

let proc: FakeProc;
let nowMs = 0;
beforeEach(() => {
  nowMs = 0;
  proc = createFakeProc();
});
afterEach(() => proc.dispose());
const create = (options: CgroupsOptions = {}) => createCgroups({ root: proc.root, nowMs: () => nowMs, ...options });

describe('numbers', () => {
  it('hold the hierarchy and the inode, below 2^53', () => {
    expect([cgroupNumber(0, 77), hierarchyOf(77)]).toEqual([77, 0]);
    const largest = cgroupNumber(255, 2 ** 45 - 1);
    expect([largest, hierarchyOf(largest)]).toEqual([2 ** 53 - 1, 255]);
    expect(BigInt(cgroupNumber(4, 1))).toBe((4n << 45n) | 1n);
  });
});

describe('records of cgroups', () => {
  it('name what ran in a cgroup that was made and removed in the same frame', () => {
    const cgroups = create();
    const frame = frameOf([['gone', 10n], ['made', 10n, '/short']], [10n]); // prettier-ignore
    cgroups.absorb(frame);
    const { paths, missing } = cgroups.resolve(frame);
    expect([cgroups.source.entries(paths.at(-1)!), missing]).toEqual([[['process.linux.cgroup', '/short']], []]);
    expect(cgroups.info(10n)).toEqual({ id: 10n, path: '/short', hierarchy: 0, goneAtMs: 0 });
    expect(Array.from(cgroups.living())).toEqual([]);
  });

  it('keep the dead for as long as is asked, and no longer', () => {
    const cgroups = create({ keepMs: 500 });
    const id = (3n << 45n) | 9n;
    cgroups.absorb(frameOf([['made', id, '/a'], ['gone', id]])); // prettier-ignore
    const { version } = cgroups;
    nowMs = 499;
    cgroups.absorb(frameOf([]));
    expect(cgroups.info(id)).toEqual({ id, path: '/a', hierarchy: 3, goneAtMs: 0 });
    nowMs = 500;
    cgroups.absorb(frameOf([]));
    expect([cgroups.info(id), cgroups.path(id), cgroups.size]).toEqual([undefined, undefined, 0]);
    expect(cgroups.version).not.toBe(version);
  });

  it('are told as they are absorbed, until nobody listens', () => {
    const cgroups = create();
    const changes: CgroupChange[] = [];
    const end = cgroups.onChange((change) => changes.push(change));
    cgroups.absorb(frameOf([['made', 10n, '/a'], ['attached', 10n, 55], ['attached', 11n, 56]])); // prettier-ignore
    cgroups.absorb(frameOf([['gone', 10n], ['gone', 12n]])); // prettier-ignore
    cgroups.absorb(frameOf([['gone', 10n]]));
    expect(changes.map(({ kind, cgroup, pid }) => [kind, cgroup.id, cgroup.goneAtMs, pid])).toEqual([
      ['made', 10n, undefined, BY],
      ['attached', 10n, undefined, 55],
      ['gone', 10n, 0, BY],
    ]);
    end();
    cgroups.absorb(frameOf([['made', 13n, '/b']]));
    expect(changes).toHaveLength(3);
  });

  it('with a path that the kernel had no room for leave it to be read', () => {
    const cgroups = create();
    cgroups.absorb(frameOf([['made', 10n, '']]));
    expect([cgroups.path(10n), cgroups.size]).toEqual([undefined, 0]);
  });

  it('whose bytes are not UTF-8 become text', () => {
    const cgroups = create();
    cgroups.absorb(frameOf([['made', 10n, Buffer.from('/caf\u00e9 \x1b[1m/\xff', 'latin1')]]));
    expect(cgroups.path(10n)).toBe('/caf\ufffd \x1b[1m/\ufffd');
  });

  it('find room: who died first goes, and without dead ones nobody comes in', () => {
    const cgroups = create({ capacity: 2 });
    cgroups.absorb(frameOf([['made', 1n, '/1'], ['made', 2n, '/2'], ['made', 3n, '/3']])); // prettier-ignore
    expect([cgroups.path(3n), cgroups.size, cgroups.refused]).toEqual([undefined, 2, 1]);
    cgroups.absorb(frameOf([['gone', 2n]]));
    cgroups.absorb(frameOf([['gone', 1n]]));
    cgroups.absorb(frameOf([['made', 4n, '/4']]));
    expect([cgroups.path(1n), cgroups.path(2n), cgroups.path(4n), cgroups.refused]).toEqual(['/1', undefined, '/4', 2]);
  });
});

describe('records beside a walk', () => {
  const top = 'sys/fs/cgroup';
  const add = (path: string): bigint => BigInt(statSync(proc.mkdir(`${top}${path}`)).ino);
  const remove = (path: string): void => rmSync(`${proc.root}/${top}${path}`, { recursive: true });
  beforeEach(() => proc.write('proc/mounts', 'cg /sys/fs/cgroup cgroup2 rw 0 0\n'));

  it('one that was made meanwhile is not taken for gone', async () => {
    const cgroups = create();
    add('/');
    await cgroups.start();
    const walk = cgroups.start();
    cgroups.absorb(frameOf([['made', 123_456n, '/elsewhere']]));
    await walk;
    expect(cgroups.info(123_456n)).toMatchObject({ path: '/elsewhere', goneAtMs: undefined });
  });

  it('one that was removed meanwhile does not come back', async () => {
    const cgroups = create();
    const [known, unknown] = [add('/known'), add('/later')];
    cgroups.absorb(frameOf([['made', known, '/known']]));
    const walk = cgroups.start();
    cgroups.absorb(frameOf([['gone', known], ['gone', unknown]])); // prettier-ignore
    await walk;
    expect([cgroups.info(known)?.goneAtMs, cgroups.info(unknown)?.goneAtMs]).toEqual([0, 0]);
  });

  it('who asks for a walk while one is under way gets another one, which sees what has changed since', async () => {
    const cgroups = create();
    add('/a');
    const first = cgroups.start();
    const [, id] = [await Promise.resolve(), add('/b')];
    await cgroups.start();
    await first;
    expect(cgroups.path(id)).toBe('/b');
    remove('/b');
    const walks = [cgroups.start(), cgroups.start()];
    await Promise.all(walks);
    expect(cgroups.info(id)?.goneAtMs).toBe(0);
  });

  it('what a walk does not find any more is told as gone', async () => {
    const cgroups = create();
    const changes: string[] = [];
    const id = add('/a');
    await cgroups.start();
    cgroups.onChange(({ kind, cgroup, pid }) => changes.push(`${kind} ${cgroup.path} ${pid}`));
    remove('/a');
    await cgroups.start();
    expect([changes, cgroups.info(id)?.goneAtMs]).toEqual([['gone /a 0'], 0]);
  });
});

describe('a v1 hierarchy', () => {
  const add = (path: string): bigint => BigInt(statSync(proc.mkdir(path)).ino);
  const inMemory = (inode: bigint): bigint => (4n << 45n) | inode;
  beforeEach(() => {
    proc.write('proc/mounts', 'cg /v2 cgroup2 rw 0 0\ncg /cpu cgroup rw,cpu 0 0\ncg /memory cgroup rw,memory 0 0\n');
    proc.write('proc/cgroups', '#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t2\t1\t1\nmemory\t4\t1\t1\n');
  });

  it('is walked beside v2, and told apart from it and from others', async () => {
    const [v2, memory, cpu] = [add('v2/a'), add('memory/b/c'), add('cpu/d')];
    const cgroups = create();
    expect(await cgroups.start()).toBe(true);
    expect([cgroups.path(v2), cgroups.path(inMemory(memory))]).toEqual(['/a', '/b/c']);
    expect([cgroups.path(memory), cgroups.path(cpu), cgroups.path((2n << 45n) | cpu)]).toEqual([undefined, undefined, undefined]);
    expect(cgroups.info(inMemory(memory))).toEqual({ id: inMemory(memory), path: '/b/c', hierarchy: 4, goneAtMs: undefined });
  });

  it('asks a process for its place in the right hierarchy', async () => {
    const cgroups = create();
    await cgroups.start();
    const [v2, memory] = [add('v2/new'), add('memory/new/x')];
    proc.set({ pid: 5 });
    proc.write('proc/5/cgroup', '14:memory:/wrong\n4:memory:/new/x\n2:cpu:/nothing\n0::/new\n');
    await cgroups.fetch([{ id: inMemory(memory), pid: 5 }, { id: v2, pid: 5 }]); // prettier-ignore
    expect([cgroups.path(inMemory(memory)), cgroups.path(v2)]).toEqual(['/new/x', '/new']);
  });

  it('knows names that are no text, and follows no path that leads out', async () => {
    proc.mkdir('memory');
    const { mkdirSync } = await import('node:fs');
    const folder = Buffer.concat([Buffer.from(`${proc.root}/memory/`), Buffer.from([0xff, 0x20, 0xc3, 0xa9])]);
    mkdirSync(folder);
    const odd = inMemory(BigInt(statSync(folder).ino));
    const cgroups = create();
    await cgroups.start();
    expect(cgroups.path(odd)).toBe('/\ufffd \u00e9');
    const outside = add('outside');
    proc.set({ pid: 5 });
    proc.write('proc/5/cgroup', '4:memory:/../outside\n');
    nowMs = 1;
    await cgroups.fetch([{ id: inMemory(outside), pid: 5 }]);
    expect(cgroups.path(inMemory(outside))).toBeUndefined();
  });
});
