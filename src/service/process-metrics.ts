import type { Counters } from '../core/counters.ts';

/** What Ringtail itself costs, under the names that the Collector uses. */
export const observeProcess = (counters: Counters): void => {
  counters.observed('otelcol_process_cpu_seconds', {}, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  counters.gauge('otelcol_process_memory_rss', {}, () => process.memoryUsage.rss());
  counters.observed('otelcol_process_uptime', {}, () => process.uptime());
};
