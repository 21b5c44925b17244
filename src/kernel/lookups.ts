/** The services that name things: processes, users, cgroups, and the gate that feeds them. */
import type { Counters } from '../core/counters.ts';
import type { Logger } from '../core/logger.ts';
import type { Recorder } from './capture/recorder.ts';
import { createCgroups } from './cgroups/service.ts';
import { createContainers } from './containers/containers.ts';
import { createEnvironments } from './environments.ts';
import { createGate } from './gate.ts';
import { createProcessTable } from './lifecycle/process-table.ts';
import { readProgram } from './procfs/program.ts';
import type { KernelLookups } from './service-types.ts';
import { createTraceparents } from './traces/traceparents.ts';
import { createUsers, type LookupUsers } from './users.ts';

export type LookupOptions = {
  /** Prefix of /proc, /etc and /sys; empty outside containers. */
  readonly root: string;
  readonly counters: Counters;
  readonly logger?: Logger | undefined;
  /** NSS, where the addon could be loaded. */
  readonly lookupUsers?: LookupUsers | undefined;
  /** Sees what the process table is told, and sets its clock. */
  readonly recorder?: Pick<Recorder, 'clock' | 'watch'> | undefined;
};

export const createLookups = ({ root, counters, logger, lookupUsers, recorder }: LookupOptions): KernelLookups => {
  const table = createProcessTable(recorder === undefined ? {} : { nowMs: recorder.clock });
  const processes = recorder === undefined ? table : recorder.watch(table);
  const users = createUsers({ root, lookupUsers });
  const cgroups = createCgroups({ root });
  const containers = createContainers({ root, cgroups, counters, logger });
  const environments = createEnvironments(root);
  const traceparents = createTraceparents({ root, counters, logger });
  const gate = createGate({
    processTable: processes,
    users,
    cgroups,
    containers,
    environments,
    traceparents,
    readProgram: (question) => readProgram(root, question),
    counters,
  });
  counters.gauge('ringtail_cache_entries', { cache: 'process_alive' }, () => processes.stats().alive);
  counters.observed('ringtail_cache_evictions', { cache: 'process' }, () => processes.stats().evictedAlive + processes.stats().evictedDead);
  return { processes, users, cgroups, containers, environments, traceparents, gate };
};
