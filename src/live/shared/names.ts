/** Cgroups and containers by what people call them, while somebody looks. */
import { LRUCache } from 'lru-cache';
import type { Cgroups } from '../../kernel/cgroup-types.ts';
import { defaultContainerFolders } from '../../kernel/containers/default-folders.ts';
import type { Container, Containers } from '../../kernel/containers/types.ts';
import type { Gate } from '../../kernel/gate.ts';
import type { GateNeed } from '../../kernel/questions.ts';
import type { ContainerName } from '../sessions/types.ts';

/** Of cgroups that were removed, beyond what the kernel side itself remembers of them. */
const MAX_GONE = 10_240;

export type NamesKernel = {
  readonly cgroups: Pick<Cgroups, 'path' | 'living' | 'onChange'>;
  readonly containers: Pick<Containers, 'claim' | 'ofCgroup'>;
  readonly gate: Pick<Gate, 'require'>;
};

export type Names = {
  /** Undefined: it belongs to none, or that is not known yet. 0n: not known. */
  containerOf(cgroupId: bigint): ContainerName | undefined;
  /** From the root of its hierarchy; undefined: not known. Of those that were removed too. */
  cgroupPath(cgroupId: bigint): string | undefined;
  close(): void;
};

/** A pod or a unit is no container. */
const nameOf = (container: Container | undefined): ContainerName | undefined =>
  container?.id === undefined ? undefined : { id: container.id, name: container.state?.podContainerName ?? container.state?.name ?? '' };

/**
 * Has cgroups and containers followed from the next `reconfigure` on, until it is closed. `more`: what records of their own need, as `process` and `user`.
 */
export const createNames = ({ cgroups, containers, gate }: NamesKernel, more: readonly GateNeed[] = []): Names => {
  const gone = new LRUCache<bigint, string>({ max: MAX_GONE });
  const endings = [
    ...(['cgroup', 'container', ...more] as const).map((need) => gate.require(need)),
    containers.claim({ folders: defaultContainerFolders, wantsLabel: () => false }),
    cgroups.onChange(({ kind, cgroup }) => {
      if (kind === 'gone') gone.set(cgroup.id, cgroup.path);
    }),
  ];
  return {
    containerOf: (id) => (id === 0n ? undefined : nameOf(containers.ofCgroup(id))),
    cgroupPath: (id) => (id === 0n ? undefined : (cgroups.path(id) ?? gone.get(id))),
    close() {
      for (const end of endings) end();
    },
  };
};
