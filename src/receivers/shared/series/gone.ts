import type { Cgroups } from '../../../kernel/cgroup-types.ts';
import type { Gate } from '../../../kernel/gate.ts';
import type { IsGone } from './types.ts';

export type GoneOptions = {
  readonly kernel: { readonly cgroups: Pick<Cgroups, 'info' | 'size' | 'start'>; readonly gate: Pick<Gate, 'requires'> };
  /** How long a series must not have moved before anybody asks. */
  readonly expiryMs: number;
  /** Unix time, ms. */
  readonly nowMs?: (() => number) | undefined;
};

/**
 * Whether a cgroup is gone, or was forgotten since; while none is known, none is gone. Where nobody has the kernel tell of cgroups, their folders are
 * walked when somebody asks, for metrics alone are to make no records: a cgroup of which was told an expiry ago is older than the last walk.
 */
export const goneBy = ({ kernel: { cgroups, gate }, expiryMs, nowMs = Date.now }: GoneOptions): IsGone => {
  let walkedMs = -Infinity;
  let isWalking = false;
  const walk = async (): Promise<void> => {
    isWalking = true;
    const startedMs = nowMs();
    const isThere = await cgroups.start().catch(() => false);
    if (isThere) walkedMs = startedMs;
    isWalking = false;
  };
  return (id) => {
    if (!gate.requires('cgroup') && nowMs() - walkedMs > expiryMs / 2) {
      if (!isWalking) void walk();
      return false;
    }
    if (cgroups.size === 0) return false;
    const info = cgroups.info(BigInt(id));
    return info === undefined || info.goneAtMs !== undefined;
  };
};
