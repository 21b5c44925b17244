/**
 * Of several receivers that ask for different cgroups each shows its own: the kernel is asked for one cgroup, or else for all of them. A session whose
 * cgroup is not known then is shown by none.
 */
import { statSync } from 'node:fs';
import { hierarchyOf } from '../../kernel/cgroups/number.ts';
import type { KernelServices } from '../../kernel/services.ts';

type Kernel = Pick<KernelServices, 'cgroups' | 'gate'>;

/** What each of them asks for, by kernel side. */
const asked = new WeakMap<object, Set<{ readonly cgroup: string | undefined }>>();

export type CgroupChoice = {
  /** Whether a session of this cgroup is to be shown; 0n: it is not known. */
  shows(id: bigint): boolean;
  leave(): void;
};

/** The number of a cgroup by its folder; undefined when it is not there. */
const idOf = (folder: string): bigint | undefined => statSync(folder, { bigint: true, throwIfNoEntry: false })?.ino;

/** From now on sessions of this cgroup and those below it are asked for; undefined: of all. */
export const joinCgroups = (kernel: Kernel, cgroup: string | undefined): CgroupChoice => {
  const mine = { cgroup };
  const all = asked.get(kernel) ?? new Set();
  asked.set(kernel, all.add(mine));
  const forget = cgroup === undefined ? () => {} : kernel.gate.require('cgroup');
  const ownId = cgroup === undefined ? undefined : idOf(cgroup);

  const isBelow = (id: bigint): boolean => {
    const own = ownId === undefined ? undefined : kernel.cgroups.path(ownId);
    // one that is told by its v1 hierarchy is in the root of v2
    const path = hierarchyOf(Number(id)) > 0 ? '/' : kernel.cgroups.path(id);
    return own !== undefined && path !== undefined && (own === '/' || path === own || path.startsWith(`${own}/`));
  };

  return {
    shows: (id) => cgroup === undefined || [...all].every((one) => one.cgroup === cgroup) || isBelow(id),
    leave() {
      if (all.delete(mine)) forget();
    },
  };
};
