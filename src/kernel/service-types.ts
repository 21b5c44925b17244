import type { Frame } from '../core/batch.ts';
import type { Cgroups } from './cgroups.ts';
import type { Gate } from './gate.ts';
import type { ProcessTable } from './lifecycle/process-table.ts';
import type { Users } from './users.ts';

/** What the processors need of the kernel services; they ask the gate for what they need when they are created. */
export type KernelLookups = {
  readonly processes: ProcessTable;
  readonly users: Users;
  readonly cgroups: Cgroups;
  readonly gate: Gate;
};

const lookupsOfFrame = new WeakMap<Frame, KernelLookups>();

/** Says that others than the kernel services of this Ringtail know the actors of a frame: frames of a replay bring their own. */
export const bindLookups = (frame: Frame, lookups: KernelLookups): void => void lookupsOfFrame.set(frame, lookups);

/** Who knows the actors of this frame. */
export const lookupsOf = (frame: Frame, own: KernelLookups): KernelLookups => lookupsOfFrame.get(frame) ?? own;
