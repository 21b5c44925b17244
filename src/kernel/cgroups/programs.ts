/** The programs of cgroups. Once attached they stay for as long as the ring: what nobody followed for a while would be wrong later. */
import type { KernelFacts, NativeSession } from '../addon.ts';
import { objectPath } from '../flavours.ts';
import { eventKind } from '../layouts.gen.ts';
import type { EventLabels } from '../kernel-counters.ts';
import { describeRefusal } from '../process-programs.ts';
import type { LegacyHierarchy } from '../procfs/mounts.ts';

export const cgroupTracepoints = ['cgroup_mkdir', 'cgroup_rmdir', 'cgroup_attach_task'] as const;

export const cgroupEventLabels: EventLabels = new Map([
  [eventKind.cgroupMade, 'made'],
  [eventKind.cgroupGone, 'gone'],
  [eventKind.cgroupAttached, 'attached'],
]);

/** In the order in which they are attached: nothing is told of a cgroup whose making is not. */
const programsOf = {
  tp_btf: ['on_mkdir_btf', 'on_attach_btf', 'on_rmdir_btf'],
  raw_tp: ['on_mkdir_raw', 'on_attach_raw', 'on_rmdir_raw'],
} as const;
type CgroupRung = keyof typeof programsOf;

const kindOfProgram: readonly (readonly [prefix: string, kind: number])[] = [
  ['on_mkdir', eventKind.cgroupMade],
  ['on_attach', eventKind.cgroupAttached],
  ['on_rmdir', eventKind.cgroupGone],
];
export const cgroupKindOf = (program: string): number | undefined => kindOfProgram.find(([prefix]) => program.startsWith(prefix))?.[1];

/** What the kernel calls a controller that v1 mounts by another name. */
const kernelNames: Readonly<Record<string, string>> = { blkio: 'io' };
export const kernelNameOf = (controller: string): string => kernelNames[controller] ?? controller;

/** Options of every object that tells of cgroups. */
export const cgroupOptions = (
  { controllers }: Pick<KernelFacts, 'controllers'>,
  legacy: LegacyHierarchy | undefined,
): Readonly<Record<string, number>> => {
  const place = legacy === undefined ? -1 : (controllers[kernelNameOf(legacy.controller)] ?? -1);
  return place < 0 ? {} : { v1_subsys: place, v1_first: legacy!.isFirst ? 1 : 0 };
};

export type CgroupProgramsStatus = {
  /** `none`: they are not asked for, or refused; then paths are read. */
  readonly rung: CgroupRung | 'none';
  /** Why not, a sentence a rung. */
  readonly notes: readonly string[];
};

export type CgroupPrograms = {
  /** Loads and attaches them, when that was not tried yet. Never throws. */
  open(): void;
  status(): CgroupProgramsStatus;
  detach(): Promise<void>;
  /** Runs that the kernel skipped, by program. */
  recursionMisses(): Readonly<Record<string, number>>;
};

export type CgroupProgramsOptions = {
  readonly session: NativeSession;
  readonly facts: KernelFacts;
  readonly ringBytes: number;
  readonly options: Readonly<Record<string, number>>;
  readonly rungs: readonly CgroupRung[];
};

export const createCgroupPrograms = ({ session, facts, ringBytes, options, rungs }: CgroupProgramsOptions): CgroupPrograms => {
  let object: number | undefined;
  let status: CgroupProgramsStatus | undefined;

  const load = (rung: CgroupRung): number => {
    const loaded = session.load({
      path: objectPath('cgroups', facts),
      programs: [...programsOf[rung]],
      options: { ...options, ring_bytes: ringBytes },
      mapEntries: {},
    });
    try {
      for (const program of programsOf[rung]) session.attach(loaded, program);
      return loaded;
    } catch (error) {
      session.unload(loaded);
      throw error;
    }
  };

  const open = (): CgroupProgramsStatus => {
    const notes: string[] = [];
    for (const rung of rungs) {
      if (rung === 'tp_btf' && cgroupTracepoints.some((name) => (facts.traceArguments[name] ?? -1) < 0)) {
        notes.push('tp_btf: this kernel does not describe the tracepoints of cgroups in its BTF');
        continue;
      }
      try {
        object = load(rung);
        return { rung, notes };
      } catch (error) {
        notes.push(`${rung}: ${describeRefusal(error)}`);
      }
    }
    return { rung: 'none', notes };
  };

  return {
    open: () => void (status ??= open()),
    status: () => status ?? { rung: 'none', notes: [] },
    detach: async () => {
      if (object !== undefined) await session.detach(object);
    },
    recursionMisses: () => (object === undefined ? {} : session.recursionMisses(object)),
  };
};
