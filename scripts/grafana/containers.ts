/** Who used how much: containers side by side. */
import { byContainer, kernelTargets, openStates, readCalls, writeCalls } from './common.ts';
import { dashboard, topVariable, variable } from './dashboard.ts';
import { type CommonLabel, kernel, type Metric } from './metrics.ts';
import { lines, stat, table } from './panels.ts';
import { type Condition, type Conditions, grown, is, isNot, latest, now, orZero, selectAny } from './promql.ts';

/** Counters that between them know every container that did anything. */
const ANY_COUNTER = 'ringtail_(session_opened|network_io_bytes|process_exec_count|process_exit_count|syscall_count|file_io_bytes)_total';

const chosen: Readonly<Partial<Record<CommonLabel, Condition>>> = {
  container_id: '=~"$container"',
  k8s_namespace_name: '=~"$namespace"',
  k8s_pod_name: '=~"$pod"',
};
const and = <Where extends object>(where: Where) => ({ ...where, ...chosen });

const inContainers = { container_id: isNot('') } as const;
const inNamespaces = { ...inContainers, k8s_namespace_name: '=~"$namespace"' } as const;
const variables = [
  ...kernelTargets,
  variable({ name: 'namespace', label: 'Namespace', description: 'Of Kubernetes; what is in none goes with all.', query: `label_values(${selectAny(ANY_COUNTER, inContainers)}, k8s_namespace_name)`, all: '.*' }),
  variable({
    name: 'pod',
    label: 'Pod',
    description: 'Of Kubernetes; what is in none goes with all.',
    query: `label_values(${selectAny(ANY_COUNTER, inNamespaces)}, k8s_pod_name)`,
    all: '.*',
  }),
  variable({
    name: 'container',
    label: 'Container',
    description: 'By name, or by id where it has none.',
    query: `query_result(group by (container_id, container_name) (last_over_time(${selectAny(ANY_COUNTER, { ...inNamespaces, k8s_pod_name: '=~"$pod"' })}[$__range])))`,
    regex: '/container_name="(?<text>[^"]+)|container_id="(?<value>[^"]+)/g',
    all: '.+',
  }),
  topVariable,
]; // prettier-ignore

const facts = ['container_id', 'container_name', 'container_image_name', 'container_runtime_name', 'k8s_namespace_name', 'k8s_pod_name'];

const whole = <Label extends string>(metric: Metric<Label>, where?: Conditions<NoInfer<Label>>) =>
  grown(metric, { where: { ...where, ...chosen } as Conditions<Label>, by: ['container_id'] });

const largest = <Label extends string>(metric: Metric<Label>, where?: Conditions<NoInfer<Label>>) => [
  { expr: byContainer(metric, { where: { ...where, ...chosen } as Conditions<Label>, count: '$top' }), legend: '{{container}}' },
];

export const containers = dashboard({
  name: 'containers',
  title: 'Containers',
  description: 'Sessions, bytes, processes and files of each container, as the kernel counted them.',
  variables,
  sections: [
    {
      height: 4,
      panels: [
        stat({
          title: 'Containers',
          description: 'That did anything in the range that is shown, those that are gone included.',
          unit: 'short',
          whole: true,
          queries: [{ expr: `count(group by (container_id) (last_over_time(${selectAny(ANY_COUNTER, chosen)}[$__range])))` }],
        }),
        stat({ title: 'Sessions opened', description: 'In the range that is shown.', unit: 'short', whole: true, queries: [{ expr: grown(kernel.sessionsOpened, { where: chosen }) }] }),
        stat({ title: 'Received', description: 'Payload in the range that is shown.', unit: 'bytes', whole: true, queries: [{ expr: grown(kernel.networkIo, { where: and({ network_io_direction: is('receive') }) }) }] }),
        stat({ title: 'Sent', description: 'Payload in the range that is shown.', unit: 'bytes', whole: true, queries: [{ expr: grown(kernel.networkIo, { where: and({ network_io_direction: is('transmit') }) }) }] }),
        stat({ title: 'Programs started', description: 'Execs in the range that is shown.', unit: 'short', whole: true, queries: [{ expr: grown(kernel.execs, { where: chosen }) }] }),
        stat({ title: 'Processes', description: 'Alive now.', unit: 'short', queries: [{ expr: now(kernel.processes, { where: chosen }) }] }),
        stat({
          title: 'Not told apart',
          description: 'Share of the sessions of all that the budget of series had no room for: they are in the sums of the host, but in no container. A larger metrics.max_series tells them apart.',
          unit: 'percentunit',
          thresholds: [0.001, 0.1],
          whole: true,
          queries: [{ expr: orZero(`${grown(kernel.sessionsOpened, { where: { otel_metric_overflow: is('true') } })} / ${grown(kernel.sessionsOpened)}`) }],
        }),
      ],
    },
    {
      height: 10,
      panels: [
        table({
          title: 'Who used how much',
          description: 'In the range that is shown, also of containers that are gone and of those that lived for less than a scrape.',
          by: 'container_id',
          facts: latest(facts, selectAny(ANY_COUNTER, chosen), 'container_id'),
          columns: [
            { title: 'Container', label: 'container_name' },
            { title: 'Id', label: 'container_id', width: 130 },
            { title: 'Image', label: 'container_image_name' },
            { title: 'Runtime', label: 'container_runtime_name', width: 100 },
            { title: 'Namespace', label: 'k8s_namespace_name' },
            { title: 'Pod', label: 'k8s_pod_name' },
            { title: 'Sent', expr: whole(kernel.networkIo, { network_io_direction: is('transmit') }), unit: 'bytes' },
            { title: 'Received', expr: whole(kernel.networkIo, { network_io_direction: is('receive') }), unit: 'bytes' },
            { title: 'Opened', expr: whole(kernel.sessionsOpened), unit: 'short' },
            { title: 'Failed', expr: whole(kernel.sessionsFailed), unit: 'short' },
            { title: 'Execs', expr: whole(kernel.execs), unit: 'short' },
            { title: 'Read', expr: whole(kernel.fileIo, readCalls), unit: 'bytes' },
            { title: 'Written', expr: whole(kernel.fileIo, writeCalls), unit: 'bytes' },
            { title: 'Processes', expr: now(kernel.processes, { where: chosen, by: ['container_id'] }), unit: 'short' },
          ],
          sortBy: 'Sent',
          link: {
            column: 'Container',
            title: 'Only this container',
            url: '/d/ringtail-containers?${__url_time_range}&${datasource:queryparam}&${job:queryparam}&${instance:queryparam}&var-container=${__data.fields.Id}',
          },
        }),
      ],
    },
    {
      title: 'Network',
      height: 8,
      perRow: 2,
      panels: [
        lines({ title: 'Sent, by container', description: 'Payload a second, of those that sent most.', unit: 'Bps', queries: largest(kernel.networkIo, { network_io_direction: is('transmit') }) }),
        lines({ title: 'Received, by container', description: 'Payload a second, of those that received most.', unit: 'Bps', queries: largest(kernel.networkIo, { network_io_direction: is('receive') }) }),
        lines({ title: 'Sessions opened, by container', description: 'A second.', unit: 'cps', queries: largest(kernel.sessionsOpened) }),
        lines({ title: 'Sessions failed, by container', description: 'A second. Of one container alone: it looks for something that is not there.', unit: 'cps', queries: largest(kernel.sessionsFailed) }),
        lines({
          title: 'Sessions open, by container',
          description: 'Without listeners. What only ever rises leaks connections.',
          unit: 'short',
          queries: [{ expr: byContainer(kernel.sessionsOpen, { where: and(openStates), count: '$top', amount: 'now' }), legend: '{{container}}' }],
        }),
      ],
    },
    {
      title: 'Processes and files',
      height: 8,
      perRow: 2,
      panels: [
        lines({ title: 'Programs started, by container', description: 'Execs a second. Health checks that run a program each time stand out.', unit: 'cps', queries: largest(kernel.execs) }),
        lines({
          title: 'Processes, by container',
          description: 'Alive now.',
          unit: 'short',
          queries: [{ expr: byContainer(kernel.processes, { where: chosen, count: '$top', amount: 'now' }), legend: '{{container}}' }],
        }),
        lines({ title: 'Read, by container', description: 'Bytes a second that read calls moved.', unit: 'Bps', queries: largest(kernel.fileIo, readCalls) }),
        lines({ title: 'Written, by container', description: 'Bytes a second that write calls moved.', unit: 'Bps', queries: largest(kernel.fileIo, writeCalls) }),
      ],
    },
  ],
}); // prettier-ignore
