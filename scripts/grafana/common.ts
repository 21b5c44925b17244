/** What several dashboards show in the same way. */
import { kernel, type CommonLabel, type Metric } from './metrics.ts';
import { targetVariables, variable, withCondition } from './dashboard.ts';
import { type Conditions, filled, is, like, now, perSecond, select, top, unlike, withContainer } from './promql.ts';
import { lines, stat } from './panels.ts';
import type { Panel, Variable } from './model.ts';

/** Targets that have metrics of the kernel, whatever receivers they run. */
const ANY = '{__name__=~"ringtail_(session_count|process_count|syscall_count_total|packet_count_total)"}';
export const kernelTargets: readonly Variable[] = [
  ...targetVariables(ANY),
  variable({
    name: 'host',
    label: 'Host',
    description: 'By its name, where the series have it: behind a Collector one target has several.',
    query: `label_values(${withCondition(ANY, 'job=~"$job", instance=~"$instance"')}, host_name)`,
    all: '.*',
  }),
];

/** What is no connection: sockets that wait for one, and what remains of one that has ended. */
export const openStates = { network_connection_state: unlike('listen', 'time_wait') } as const;

/** System calls that read and that write. */
export const readCalls = { ringtail_syscall_name: like('p?read.*') } as const;
export const writeCalls = { ringtail_syscall_name: like('p?write.*') } as const;

export const OTHER = '(other)';
export const HOST = '(host)';

/** Largest first, by a label; without it stands what the budget of series had no room for. */
export const largest = <Label extends string>(
  metric: Metric<Label>,
  label: NoInfer<Label> | CommonLabel,
  { where, count = 10 }: { where?: Conditions<NoInfer<Label>>; count?: number | string } = {},
): string => filled(top(count, perSecond(metric, { where, by: [label] })), label, OTHER);

export type Amount = 'now' | 'perSecond';

/** By container, with the host's processes as one. */
export const byContainer = <Label extends string>(
  metric: Metric<Label>,
  { where, count, amount = 'perSecond' }: { where?: Conditions<NoInfer<Label>> | undefined; count: number | string; amount?: Amount },
): string => {
  const by = ['container_id'] as const;
  const amounts = amount === 'now' ? now(metric, { where, by }) : perSecond(metric, { where, by });
  const named = { ...where, container_name: '!=""' } as Conditions<Label>;
  return withContainer(top(count, amounts), { all: select(metric, where), named: select(metric, named) });
};

const bytes = (direction: 'transmit' | 'receive'): string =>
  perSecond(kernel.networkIo, { where: { network_io_direction: is(direction) } });

export const networkStats = (): readonly Panel[] => [
  stat({
    title: 'Sessions opened',
    description: 'Sessions that began, a second. A connection within this host has two: one at each end.',
    unit: 'cps',
    queries: [{ expr: perSecond(kernel.sessionsOpened) }],
  }),
  stat({
    title: 'Sessions failed',
    description: 'Sessions that could not begin, a second: refused, timed out, no route.',
    unit: 'cps',
    queries: [{ expr: perSecond(kernel.sessionsFailed) }],
  }),
  stat({
    title: 'Sessions open',
    description: 'Open now, without listeners and TIME_WAIT.',
    unit: 'short',
    queries: [{ expr: now(kernel.sessionsOpen, { where: openStates }) }],
  }),
  stat({ title: 'Received', description: 'Payload that came in, a second.', unit: 'Bps', queries: [{ expr: bytes('receive') }] }),
  stat({ title: 'Sent', description: 'Payload that went out, a second.', unit: 'Bps', queries: [{ expr: bytes('transmit') }] }),
];

export const networkIo = (): Panel =>
  lines({
    title: 'Network I/O',
    description: 'Payload as programs count it, without headers and what was sent again: received above the axis, sent below.',
    unit: 'Bps',
    queries: [
      { expr: bytes('receive'), legend: 'received' },
      { expr: bytes('transmit'), legend: 'sent' },
    ],
    below: '/^sent/',
  });

export const openByState = (): Panel =>
  lines({
    title: 'Sessions open, by state',
    description:
      'What a host full of time_wait or close_wait suffers from is seen here: the first are ports that wait, the second connections that a program does not close.',
    unit: 'short',
    stacked: true,
    queries: [
      {
        expr: filled(now(kernel.sessionsOpen, { by: ['network_connection_state'] }), 'network_connection_state', 'stateless'),
        legend: '{{network_connection_state}}',
      },
    ],
  });

export const fileIo = (): Panel =>
  lines({
    title: 'File I/O',
    description: 'Bytes that read and write calls moved, of whatever they had open: read above the axis, written below.',
    unit: 'Bps',
    queries: [
      { expr: perSecond(kernel.fileIo, { where: readCalls }), legend: 'read' },
      { expr: perSecond(kernel.fileIo, { where: writeCalls }), legend: 'written' },
    ],
    below: '/^written/',
  });

export const failuresByErrno = (): Panel =>
  lines({
    title: 'Failed calls, by error',
    description: 'System calls that returned an error, a second. EAGAIN and ENOENT are daily bread; EMFILE, ENOSPC and EACCES want a look.',
    unit: 'cps',
    queries: [{ expr: top(10, perSecond(kernel.calls, { where: { error_type: '!=""' }, by: ['error_type'] })), legend: '{{error_type}}' }],
  });

export const callsByName = (): Panel =>
  lines({
    title: 'System calls, by call',
    description: 'The calls that the receiver counts, a second: the ten most frequent.',
    unit: 'cps',
    queries: [{ expr: largest(kernel.calls, 'ringtail_syscall_name'), legend: '{{ringtail_syscall_name}}' }],
  });
