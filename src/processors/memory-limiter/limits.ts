import { RuntimeError } from '../../core/errors.ts';
import type { MemoryLimiterConfig } from './config.ts';

export type Limits = { readonly softBytes: number; readonly hardBytes: number };

const MEBIBYTE = 2 ** 20;
/** Of the hard limit, as in the Collector. */
const DEFAULT_SPIKE_SHARE = 0.2;

/** `availableBytes` is asked for when the limit is a share. Throws a RuntimeError when it is not known then. */
export const limitsOf = (config: MemoryLimiterConfig, availableBytes: () => number | undefined): Limits => {
  const { limit_mib, spike_limit_mib, limit_percentage, spike_limit_percentage } = config;
  const limitsFrom = (limit: number, spike: number, unit: number): Limits => ({
    hardBytes: limit * unit,
    softBytes: (limit - (spike === 0 ? limit * DEFAULT_SPIKE_SHARE : spike)) * unit,
  });
  if (limit_mib !== 0) return limitsFrom(limit_mib, spike_limit_mib, MEBIBYTE);
  const available = availableBytes();
  if (available === undefined)
    throw new RuntimeError('how much memory there is cannot be found out', { advice: 'set limit_mib instead of limit_percentage' });
  return limitsFrom(limit_percentage, spike_limit_percentage, available / 100);
};
