import { describe, expect, it } from 'vitest';
import type { KernelFacts, NativeSession, ObjectSpec } from '../../../src/kernel/addon.ts';
import { cgroupKindOf, cgroupOptions, createCgroupPrograms } from '../../../src/kernel/cgroups/programs.ts';
import { eventKind } from '../../../src/kernel/layouts.gen.ts';

const tracepoints = { cgroup_mkdir: 2, cgroup_rmdir: 2, cgroup_attach_task: 4 };
const factsWith = (traceArguments: Readonly<Record<string, number>>) =>
  ({ traceArguments, helpers: {}, functions: {} }) as unknown as KernelFacts;

/** A session that says what is done with it; what `refuses` is thrown. */
const fakeSession = (refuses: (what: string) => boolean) => {
  const done: string[] = [];
  const act = (what: string): void => {
    if (refuses(what)) throw Object.assign(new Error(`${what} refused`), { code: 'EPERM' });
    done.push(what);
  };
  const session = {
    load: ({ programs, options }: ObjectSpec) => {
      act(`load ${programs[0]} ${JSON.stringify(options)}`);
      return 7;
    },
    attach: (_: number, program: string) => act(program),
    unload: () => act('unload'),
    detach: async () => act('detach'),
    recursionMisses: () => ({ on_mkdir_btf: 2 }),
  };
  return { done, session: session as unknown as NativeSession };
};
const open = (refuses: (what: string) => boolean, traceArguments: Readonly<Record<string, number>> = tracepoints) => {
  const { done, session } = fakeSession(refuses);
  const rungs = ['tp_btf', 'raw_tp'] as const;
  const programs = createCgroupPrograms({ session, facts: factsWith(traceArguments), ringBytes: 4096, options: { v1_subsys: 4 }, rungs });
  programs.open();
  return { done, programs };
};

describe('programs of cgroups', () => {
  it('are attached in an order in which nothing is told of what was not made', () => {
    const { done, programs } = open(() => false);
    expect(done).toEqual(['load on_mkdir_btf {"v1_subsys":4,"ring_bytes":4096}', 'on_mkdir_btf', 'on_attach_btf', 'on_rmdir_btf']);
    expect([programs.status(), programs.recursionMisses()]).toEqual([{ rung: 'tp_btf', notes: [] }, { on_mkdir_btf: 2 }]);
    programs.open();
    expect(done).toHaveLength(4);
  });

  it('go down a rung when one is refused, and leave nothing of it', () => {
    const { done, programs } = open((what) => what === 'on_rmdir_btf');
    expect(done.slice(3)).toEqual([
      'unload',
      expect.stringContaining('load on_mkdir_raw'),
      'on_mkdir_raw',
      'on_attach_raw',
      'on_rmdir_raw',
    ]);
    expect(programs.status()).toEqual({ rung: 'raw_tp', notes: ['tp_btf: on_rmdir_btf refused'] });
  });

  it('take raw tracepoints where BTF does not describe them', () => {
    const { programs } = open(() => false, { ...tracepoints, cgroup_rmdir: -1 });
    expect(programs.status()).toEqual({
      rung: 'raw_tp',
      notes: ['tp_btf: this kernel does not describe the tracepoints of cgroups in its BTF'],
    });
  });

  it('do without where all is refused', async () => {
    const { done, programs } = open((what) => what.startsWith('load'));
    expect(programs.status().rung).toBe('none');
    expect(programs.status().notes.map((note) => note.slice(0, 20))).toEqual(['tp_btf: load on_mkdi', 'raw_tp: load on_mkdi']);
    await programs.detach();
    expect([done, programs.recursionMisses()]).toEqual([[], {}]);
  });

  it('write one kind each', () => {
    const names = ['on_mkdir_raw', 'on_attach_btf', 'on_rmdir_btf', 'on_exec_btf'];
    expect(names.map(cgroupKindOf)).toEqual([eventKind.cgroupMade, eventKind.cgroupAttached, eventKind.cgroupGone, undefined]);
  });
});

describe('the v1 hierarchy in the kernel', () => {
  const controllers = { memory: 4, io: 3, pids: -1 };
  const of = (controller: string, isFirst = false) => cgroupOptions({ controllers }, { number: 2, controller, place: '/x', isFirst });

  it('is named by the place of its controller; none where the kernel does not say', () => {
    expect([of('memory'), of('blkio', true), of('pids'), of('cpu')]).toEqual([
      { v1_subsys: 4, v1_first: 0 },
      { v1_subsys: 3, v1_first: 1 },
      {},
      {},
    ]);
    expect(cgroupOptions({ controllers }, undefined)).toEqual({});
  });
});
