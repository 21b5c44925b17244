/** How the service and each of its parts fare, as plain data for JSON. */
import type { Health, ServiceView } from '../../core/component.ts';
import type { CounterSample } from '../../core/counters.ts';

type Status = 'ok' | 'recoverable' | 'failed' | 'starting' | 'stopping';

export type HealthReport = {
  readonly status: Status;
  readonly upSince: string;
  readonly uptime: string;
  readonly components: readonly ({ readonly kind: string; readonly id: string } & Health)[];
  /** The rung that each receiver stands on. */
  readonly rungs: Readonly<Record<string, string>>;
  readonly exporters: readonly Readonly<Record<string, string | number>>[];
  /** Records that did not come through, by where they were given up, since the start. */
  readonly loss: Readonly<Record<string, number>>;
  readonly books_balance: boolean;
  readonly last_reload?: { readonly at: string; readonly result: string; readonly message: string };
};

/** As Go writes a duration: `1h2m3.5s`. */
export const goDuration = (ms: number): string => {
  const seconds = ms / 1000;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = `${Number((seconds % 60).toFixed(3))}s`;
  return hours > 0 ? `${hours}h${minutes}m${rest}` : minutes > 0 ? `${minutes}m${rest}` : rest;
};

const sumOf = (samples: readonly CounterSample[], name: string, labels: Readonly<Record<string, string>>): number =>
  samples
    .filter((sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);

const worst = (components: HealthReport['components']): 'ok' | 'recoverable' | 'failed' =>
  components.some(({ status }) => status === 'failed')
    ? 'failed'
    : components.some(({ status }) => status === 'recoverable')
      ? 'recoverable'
      : 'ok';

export const healthReport = (service: ServiceView, nowMs: number): HealthReport => {
  const state = service.state();
  const samples = service.samples();
  const components = service.components().map(({ kind, id, health }) => ({ kind, id, ...health }));
  const rungs = samples
    .filter(({ name, value }) => name === 'ringtail_receiver_rung' && value === 1)
    .map(({ labels }) => [labels['receiver']!, labels['rung']!]);
  const exporters = components
    .filter(({ kind }) => kind === 'exporter')
    .map(({ id, status }) => {
      const items = (outcome: string) => sumOf(samples, 'ringtail_exporter_items', { exporter: id, outcome });
      const queue = (what: string) => sumOf(samples, `otelcol_exporter_queue_${what}`, { exporter: id });
      return {
        id, status, sent: items('sent'), held: items('held'), rejected: items('rejected'), failed: items('failed'), dropped: items('dropped'),
        queue_size: queue('size'), queue_capacity: queue('capacity'),
      }; // prettier-ignore
    });
  const given = (outcome: string) => sumOf(samples, 'ringtail_exporter_items', { outcome });
  const reload = service.lastReload();
  return {
    status: state === 'ready' ? worst(components) : state,
    upSince: service.startedAt.toISOString(),
    uptime: goDuration(nowMs - service.startedAt.getTime()),
    components,
    rungs: Object.fromEntries(rungs),
    exporters,
    loss: {
      kernel_lost: sumOf(samples, 'ringtail_kernel_events', { outcome: 'lost' }),
      pipeline_refused: sumOf(samples, 'ringtail_pipeline_items', { outcome: 'refused' }),
      exporter_rejected: given('rejected'),
      exporter_failed: given('failed'),
      exporter_dropped: given('dropped'),
    },
    books_balance: service.ledger().balanced,
    ...(reload === undefined ? {} : { last_reload: { at: reload.at.toISOString(), result: reload.result, message: reload.message } }),
  };
};
