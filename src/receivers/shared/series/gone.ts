import type { Cgroups } from '../../../kernel/cgroup-types.ts';
import type { IsGone } from './types.ts';

/** Whether a cgroup is gone, or was forgotten since; while none is known, none is gone. */
export const goneBy =
  (cgroups: Pick<Cgroups, 'info' | 'size'>): IsGone =>
  (id) => {
    if (cgroups.size === 0) return false;
    const info = cgroups.info(BigInt(id));
    return info === undefined || info.goneAtMs !== undefined;
  };
