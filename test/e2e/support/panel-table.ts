/** For each query of each dashboard what it must answer. */
import { OTHER } from '../../../scripts/grafana/common.ts';
import { kernel, ownCounter, ownGauge } from '../../../scripts/grafana/metrics.ts';
import type { Place } from './dashboards.ts';
import {
  type Answer,
  exactly,
  largest,
  level,
  levels,
  lines,
  present,
  quantile,
  rate,
  rows,
  share,
  ten,
  together,
  total,
  type Where,
} from './panel-answers.ts';

const has =
  (label: string, ...values: readonly string[]): Where =>
  (labels) =>
    values.includes(labels[label] ?? '');
const not =
  (where: Where): Where =>
  (labels) =>
    !where(labels);
const matches =
  (label: string, pattern: RegExp): Where =>
  (labels) =>
    pattern.test(labels[label] ?? '');

const by = (...labels: readonly string[]) => ({ by: labels });
const isOpen = not(has('network_connection_state', 'listen', 'time_wait'));
const received = has('network_io_direction', 'receive');
const sent = has('network_io_direction', 'transmit');
const reads = matches('ringtail_syscall_name', /^p?read/);
const writes = matches('ringtail_syscall_name', /^p?write/);
const isFailure = not(has('error_type', ''));
const protocol = ['network_transport', 'ringtail_network_protocol', 'network_type'];
const user = ['process_owner', 'process_user_id'];
const program = ['process_executable_name'];
const {
  sessionsOpen,
  sessionsOpened,
  sessionsFailed,
  sessionDurations,
  networkIo,
  execs,
  exits,
  processes,
  calls,
  fileIo,
  packets,
  packetIo,
} = kernel;

/** By panel, and in a list by its queries in their order. */
type Panels = Readonly<Record<string, Answer | readonly Answer[]>>;

const networkPanels: Panels = {
  'Sessions opened': rate(sessionsOpened),
  'Sessions failed': rate(sessionsFailed),
  'Sessions open': level(sessionsOpen, { where: isOpen }),
  Received: rate(networkIo, { where: received }),
  Sent: rate(networkIo, { where: sent }),
  'Network I/O': [rate(networkIo, { where: received }), rate(networkIo, { where: sent })],
  'Sessions open, by state': level(sessionsOpen, { by: ['network_connection_state'], rest: 'stateless' }),
};

const callPanels: Panels = {
  'Programs started': rate(execs),
  Processes: level(processes),
  'System calls': rate(calls),
  'System calls, by call': ten(rate(calls, { by: ['ringtail_syscall_name'], rest: OTHER })),
  'Failed calls, by error': ten(rate(calls, { where: isFailure, by: ['error_type'] })),
  'File I/O': [rate(fileIo, { where: reads }), rate(fileIo, { where: writes })],
};

const host: Panels = {
  ...networkPanels,
  ...callPanels,
  'Sessions opened and failed': [rate(sessionsOpened), rate(sessionsFailed)],
  'Network I/O, by container': lines(({ transmitted, received: taken }) => transmitted + taken, true),
  'Programs started and ended': [rate(execs), rate(exits)],
};

const containers: Panels = {
  Containers: together(() => 1),
  'Sessions opened': together(({ opened }) => opened),
  Received: together((usage) => usage.received),
  Sent: together(({ transmitted }) => transmitted),
  'Programs started': together((usage) => usage.execs),
  Processes: together((usage) => usage.processes),
  'Not told apart': share(total(sessionsOpened, { where: has('otel_metric_overflow', 'true') }), total(sessionsOpened)),
  'Who used how much': [
    rows(() => 1),
    rows(({ transmitted }) => transmitted),
    rows((usage) => usage.received),
    rows(({ opened }) => opened),
    rows(({ failed }) => failed),
    rows((usage) => usage.execs),
    rows(({ read }) => read),
    rows(({ written }) => written),
    rows((usage) => usage.processes),
  ],
  'Sent, by container': lines(({ transmitted }) => transmitted),
  'Received, by container': lines((usage) => usage.received),
  'Sessions opened, by container': lines(({ opened }) => opened),
  'Sessions failed, by container': lines(({ failed }) => failed),
  'Sessions open, by container': levels(({ open }) => open),
  'Programs started, by container': lines((usage) => usage.execs),
  'Processes, by container': levels((usage) => usage.processes),
  'Read, by container': lines(({ read }) => read),
  'Written, by container': lines(({ written }) => written),
};

const usageBy = (label: string): readonly Answer[] => [
  total(networkIo, { where: sent, by: [label] }),
  total(networkIo, { where: received, by: [label] }),
  total(sessionsOpened, { by: [label] }),
  total(sessionsFailed, { by: [label] }),
  level(sessionsOpen, { where: isOpen, by: [label] }),
];

const network: Panels = {
  ...networkPanels,
  TIME_WAIT: level(sessionsOpen, { where: has('network_connection_state', 'time_wait') }),
  'Failed share': share(rate(sessionsFailed), rate(sessionsFailed), rate(sessionsOpened)),
  'Sessions opened, by protocol': rate(sessionsOpened, { by: protocol }),
  'Sessions opened, by role': rate(sessionsOpened, { by: ['ringtail_session_role'], rest: OTHER }),
  'Sessions failed, by error': rate(sessionsFailed, { by: ['error_type'], rest: OTHER }),
  'Network I/O, by protocol': rate(networkIo, { by: protocol }),
  'How long sessions lasted': rate(sessionDurations, { by: ['le'] }),
  'How long sessions lasted, quantiles': [quantile(0.5), quantile(0.9), quantile(0.99)],
  'Packets that arrive, by interface': rate(packets, { by: ['network_interface_name'], rest: OTHER }),
  'Bytes that arrive, by interface': rate(packetIo, { by: ['network_interface_name'], rest: OTHER }),
  'Packets that arrive, by protocol': rate(packets, { by: protocol }),
  'By network namespace': usageBy('ringtail_netns_cookie'),
  'By cgroup': [
    present(total(networkIo, by('ringtail_cgroup_id')), level(sessionsOpen, by('ringtail_cgroup_id'))),
    ...usageBy('ringtail_cgroup_id'),
  ],
};

const callsNamed = (pattern: RegExp): Answer => total(calls, { where: matches('ringtail_syscall_name', pattern), by: program });

const processPanels: Panels = {
  ...callPanels,
  'Processes ended': rate(exits),
  'Failed share of calls': share(rate(calls, { where: isFailure }), rate(calls)),
  'Programs started, by user': rate(execs, { by: user }),
  'Processes ended, by user': rate(exits, { by: user }),
  'System calls, by program': rate(calls, { by: program, rest: OTHER }),
  'Failed calls, by program': rate(calls, { where: isFailure, by: program, rest: OTHER }),
  'Processes alive': level(processes),
  Programs: [
    total(calls, { by: program }),
    total(calls, { where: isFailure, by: program }),
    total(fileIo, { where: reads, by: program }),
    total(fileIo, { where: writes, by: program }),
    callsNamed(/^connect$/),
    callsNamed(/^accept4?$/),
    callsNamed(/^send/),
    callsNamed(/^recv/),
    callsNamed(/^close$/),
  ],
};

const events = ownCounter('ringtail_kernel_events');
const pipeline = ownCounter('ringtail_pipeline_items');
const exporter = ownCounter('ringtail_exporter_items');
const cpu = ownCounter('otelcol_process_cpu_seconds');
const memory = ownGauge('otelcol_process_memory_rss');
const caches = { hits: ownCounter('ringtail_cache_hits'), misses: ownCounter('ringtail_cache_misses') };
const attribution = ownCounter('ringtail_attribution');
const outcome = (...values: readonly string[]) => ({ where: has('outcome', ...values) });
const ring = share(level(ownGauge('ringtail_ring_used_bytes')), level(ownGauge('ringtail_ring_bytes')));
const queues = share(
  level(ownGauge('otelcol_exporter_queue_size'), by('exporter')),
  level(ownGauge('otelcol_exporter_queue_capacity'), by('exporter')),
);

const health: Panels = {
  Running: exactly(1),
  Lost: exactly(0),
  Ring: ring,
  'Fullest queue': largest(queues),
  CPU: rate(cpu),
  Memory: level(memory),
  'Up for': level(ownCounter('otelcol_process_uptime')),
  'Reloads refused': exactly(0),
  'From the kernel to the exporters': [
    rate(events, outcome('seen')),
    rate(events, outcome('written')),
    rate(pipeline, outcome('read')),
    rate(exporter, outcome('accepted')),
    rate(exporter, outcome('sent')),
  ],
  Losses: [
    rate(events, { ...outcome('lost'), ...by('receiver') }),
    rate(pipeline, { ...outcome('refused'), ...by('pipeline') }),
    rate(exporter, { ...outcome('dropped', 'failed', 'rejected'), ...by('exporter', 'outcome', 'reason') }),
  ],
  'Ring and queues': [ring, queues],
  'Books out of balance': [exactly(0), exactly(0), exactly(0), exactly(0)],
  'Answers from caches': share(rate(caches.hits, by('cache')), rate(caches.hits, by('cache')), rate(caches.misses, by('cache'))),
  'Waits that were given up': [
    rate(ownCounter('ringtail_gate_timeouts')),
    rate(ownCounter('ringtail_gate_overflows')),
    rate(ownCounter('ringtail_frames'), outcome('stalled')),
  ],
  'Processes named': share(rate(attribution, { where: has('result', 'named') }), rate(attribution, { where: has('result', 'named', 'unnamed') })),
  'State of containers that was no use': rate(ownCounter('ringtail_container_state_errors'), by('reason')),
  Rungs: level(ownGauge('ringtail_receiver_rung'), by('receiver', 'rung')),
  Hooks: level(ownGauge('ringtail_hook'), by('hook', 'rung', 'health')),
  'CPU, by instance': rate(cpu, by('instance')),
  'Memory, by instance': level(memory, by('instance')),
}; // prettier-ignore

const files: Readonly<Record<string, Panels>> = {
  'host.json': host,
  'containers.json': containers,
  'network.json': network,
  'processes.json': processPanels,
  'health.json': health,
};

/** By place: `host.json / Sessions opened / A`. */
export const panelTable: ReadonlyMap<Place, Answer> = new Map(
  Object.entries(files).flatMap(([file, panels]) =>
    Object.entries(panels).flatMap(([title, answers]) =>
      [answers].flat().map((answer, index) => [`${file} / ${title} / ${String.fromCodePoint(65 + index)}`, answer] as const),
    ),
  ),
);
