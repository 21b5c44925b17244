import type { Frame } from '../core/batch.ts';
import type { Cgroups } from './cgroup-types.ts';
import type { Containers } from './containers/types.ts';
import type { Environments } from './environments.ts';
import type { Gate } from './gate.ts';
import type { ProcessTable } from './lifecycle/process-table.ts';
import type { SocketLookup } from './sockets/lookup.ts';
import type { Traceparents } from './traces/traceparents.ts';
import type { Users } from './users.ts';

/** What the processors need of the kernel services; they ask the gate for what they need when they are created. */
export type KernelLookups = {
  readonly processes: ProcessTable;
  readonly users: Users;
  readonly cgroups: Cgroups;
  readonly containers: Containers;
  /** What processes say of themselves; undefined for what is replayed. */
  readonly environments?: Environments;
  /** Spans that they name; undefined for what is replayed. */
  readonly traceparents?: Traceparents;
  readonly gate: Gate;
  /** Who owns a connection; undefined for what is replayed. */
  readonly socketLookup?: SocketLookup;
};

/** By the actors, which a frame keeps when a processor gives it other strings. */
const lookupsOfActors = new WeakMap<Frame['actors'], KernelLookups>();

/** Says that others than the kernel services of this Ringtail know the actors of a frame: frames of a replay bring their own. */
export const bindLookups = ({ actors }: Frame, lookups: KernelLookups): void => void lookupsOfActors.set(actors, lookups);

/** Who knows the actors of this frame. */
export const lookupsOf = ({ actors }: Frame, own: KernelLookups): KernelLookups => lookupsOfActors.get(actors) ?? own;
