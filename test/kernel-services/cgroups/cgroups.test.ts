import { rmSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFrameBuilder } from '../../../src/core/frame-builder.ts';
import type { Cgroups } from '../../../src/kernel/cgroup-types.ts';
import { createCgroups } from '../../../src/kernel/cgroups/service.ts';
import { encodeAttributes } from '../../../src/otlp/wire.ts';
import { createFakeProc, type FakeProc } from '../fake-proc.ts';

let proc: FakeProc;
beforeEach(() => {
  proc = createFakeProc();
  proc.write('proc/mounts', 'cg /sys/fs/cgroup/unified cgroup2 rw 0 0\n');
});
afterEach(() => proc.dispose());

/** Makes a cgroup; its id. */
const add = (path: string): bigint => BigInt(statSync(proc.mkdir(`sys/fs/cgroup/unified${path}`)).ino);
const remove = (path: string): void => rmSync(`${proc.root}/sys/fs/cgroup/unified${path}`, { recursive: true });
const resolve = (cgroups: Cgroups, ...ids: readonly bigint[]) => {
  const builder = createFrameBuilder({ wallOffsetNs: 0n });
  ids.forEach((cgroupId, n) => builder.addActor({ pid: n + 1, cgroupId }));
  const { paths, missing } = cgroups.resolve(builder.build());
  return { paths: Array.from(paths, (id) => cgroups.source.entries(id)[0]?.[1]), missing };
};

describe('cgroups', () => {
  it('names what the walk found, by id', async () => {
    const [top, leaf] = [add('/'), add('/system.slice/a b.service')];
    const cgroups = createCgroups({ root: proc.root });
    expect(await cgroups.start()).toBe(true);
    const { paths, missing } = resolve(cgroups, leaf, leaf, top, 123_456_789_012n, 0n);
    expect(paths).toEqual(['/system.slice/a b.service', '/system.slice/a b.service', '/', undefined, undefined]);
    expect(missing).toEqual([{ id: 123_456_789_012n, pid: 4 }]);
    expect([cgroups.path(leaf), cgroups.path(5n), cgroups.size]).toEqual(['/system.slice/a b.service', undefined, 3]);
  });

  it('writes the attribute', async () => {
    const leaf = add('/a');
    const cgroups = createCgroups({ root: proc.root });
    await cgroups.start();
    const builder = createFrameBuilder({ wallOffsetNs: 0n });
    builder.addActor({ pid: 1, cgroupId: leaf });
    const id = cgroups.resolve(builder.build()).paths[0]!;
    const out = new Uint8Array(cgroups.source.size(id));
    expect(cgroups.source.write(id, out, 0)).toBe(out.length);
    expect(out).toEqual(encodeAttributes([['process.linux.cgroup', '/a']]));
  });

  it('learns a new one by a process in it, without a walk', async () => {
    add('/');
    const cgroups = createCgroups({ root: proc.root });
    await cgroups.start();
    const [wanted, other] = [add('/new'), add('/other')];
    proc.set({ pid: 1, cgroup: '/new' });
    await cgroups.fetch(resolve(cgroups, wanted).missing);
    expect(resolve(cgroups, wanted, other).paths).toEqual(['/new', undefined]);
  });

  it('learns others by a walk, but does not walk for each that it cannot find', async () => {
    let nowMs = 0;
    add('/');
    const cgroups = createCgroups({ root: proc.root, nowMs: () => nowMs });
    await cgroups.start();
    const wanted = add('/new');
    // The process has moved on.
    proc.set({ pid: 1, cgroup: '/' });
    await cgroups.fetch([{ id: wanted, pid: 1 }]);
    expect(cgroups.path(wanted)).toBeUndefined();
    nowMs = 1_000;
    await cgroups.fetch([{ id: wanted, pid: 1 }]);
    expect(cgroups.path(wanted)).toBe('/new');
    // Nothing new: the pause doubles.
    nowMs = 2_000;
    await cgroups.fetch([{ id: 99n, pid: 77 }]);
    const later = add('/later');
    nowMs = 3_999;
    await cgroups.fetch([{ id: later, pid: 77 }]);
    expect(cgroups.path(later)).toBeUndefined();
    nowMs = 4_000;
    await cgroups.fetch([{ id: later, pid: 77 }]);
    expect(cgroups.path(later)).toBe('/later');
  });

  it('keeps a removed one for a while', async () => {
    let nowMs = 0;
    const leaf = add('/a');
    const cgroups = createCgroups({ root: proc.root, keepMs: 500, nowMs: () => nowMs });
    await cgroups.start();
    remove('/a');
    await cgroups.start();
    expect(cgroups.path(leaf)).toBe('/a');
    nowMs = 499;
    await cgroups.start();
    expect(resolve(cgroups, leaf).paths).toEqual(['/a']);
    nowMs = 500;
    await cgroups.start();
    expect(resolve(cgroups, leaf).paths).toEqual([undefined]);
    expect(cgroups.size).toBe(1);
  });

  it('follows one that was renamed', async () => {
    const leaf = add('/a');
    proc.set({ pid: 1, cgroup: '/b' });
    const cgroups = createCgroups({ root: proc.root });
    await cgroups.start();
    const { renameSync } = await import('node:fs');
    renameSync(`${proc.root}/sys/fs/cgroup/unified/a`, `${proc.root}/sys/fs/cgroup/unified/b`);
    await cgroups.fetch([{ id: leaf, pid: 1 }]);
    expect([cgroups.path(leaf), cgroups.size]).toEqual(['/b', 2]);
  });

  it('holds its bound and counts what it does not keep', async () => {
    add('/a');
    add('/b');
    add('/c');
    const cgroups = createCgroups({ root: proc.root, capacity: 2 });
    await cgroups.start();
    expect([cgroups.size, cgroups.refused > 0]).toEqual([2, true]);
  });

  it('does without a v2 hierarchy', async () => {
    proc.write('proc/mounts', '');
    const cgroups = createCgroups({ root: proc.root });
    expect(await cgroups.start()).toBe(false);
    await cgroups.fetch([{ id: 1n, pid: 1 }]);
    expect(cgroups.path(1n)).toBeUndefined();
  });
});
