import type { SocketNeeds } from '../../kernel/sockets/needs.ts';
import type { SocketsConfig } from './config.ts';

/** What a configuration asks of the kernel side, whatever becomes of it: records, metrics or both. */
export const needsOf = (config: SocketsConfig): Omit<SocketNeeds, 'events' | 'states' | 'counted' | 'ruleSets'> => ({
  protocols: new Set(config.protocols),
  families: new Set(config.families),
  loopback: config.loopback,
  idleTimeoutMs: config.idle_timeout,
  mode: config.mode,
  cgroup: config.cgroup,
  maxSessions: config.max_sessions,
  procfsIntervalMs: config.interval,
});
