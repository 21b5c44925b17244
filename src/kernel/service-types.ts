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
