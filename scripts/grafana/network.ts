/** Sessions and bytes: by protocol, role, state, error, how long, and whose; packets by interface. */
import { kernelTargets, largest, networkIo, networkStats, openByState, openStates, OTHER } from './common.ts';
import { dashboard, topVariable } from './dashboard.ts';
import { kernel, type Metric } from './metrics.ts';
import { heatmap, lines, stat, table } from './panels.ts';
import { type Conditions, filled, grown, is, isNot, latest, now, perSecond, quantile, selectAny, top } from './promql.ts';

const protocol = ['network_transport', 'ringtail_network_protocol', 'network_type'] as const;
/** One of the first two is there. */
const protocolLegend = '{{network_transport}}{{ringtail_network_protocol}} {{network_type}}';

const failedShare = `${perSecond(kernel.sessionsFailed)} / (${perSecond(kernel.sessionsFailed)} + ${perSecond(kernel.sessionsOpened)})`;

const ofInterface = 'network_interface_name';

/** Columns of what happened in the range that is shown, for each value of a label. */
const usage = (label: 'ringtail_netns_cookie' | 'ringtail_cgroup_id') => {
  const by = [label] as const;
  const most = <Label extends string>(metric: Metric<Label | typeof label>, where?: Conditions<NoInfer<Label>>) =>
    top('$top', grown(metric, { where: where as Conditions<Label | typeof label>, by }));
  return [
    { title: 'Sent', expr: most(kernel.networkIo, { network_io_direction: is('transmit') }), unit: 'bytes' },
    { title: 'Received', expr: most(kernel.networkIo, { network_io_direction: is('receive') }), unit: 'bytes' },
    { title: 'Opened', expr: most(kernel.sessionsOpened), unit: 'short' },
    { title: 'Failed', expr: most(kernel.sessionsFailed), unit: 'short' },
    { title: 'Open', expr: top('$top', now(kernel.sessionsOpen, { where: openStates, by })), unit: 'short' },
  ] as const;
};

const quantiles = [0.5, 0.9, 0.99];

export const network = dashboard({
  name: 'network',
  title: 'Network',
  description: 'Sessions and payload by protocol, role, state, error, duration, network namespace and cgroup; packets by interface.',
  variables: [...kernelTargets, topVariable],
  sections: [
    {
      height: 4,
      panels: [
        ...networkStats(),
        stat({
          title: 'TIME_WAIT',
          description: 'Ports that wait after the end of a connection, from the tables of the kernel.',
          unit: 'short',
          queries: [{ expr: now(kernel.sessionsOpen, { where: { network_connection_state: is('time_wait') } }) }],
        }),
        stat({
          title: 'Failed share',
          description: 'Of all sessions that were tried.',
          unit: 'percentunit',
          thresholds: [0.01, 0.1],
          queries: [{ expr: failedShare }],
        }),
      ],
    },
    {
      height: 8,
      perRow: 2,
      panels: [
        lines({
          title: 'Sessions opened, by protocol',
          description: 'A second.',
          unit: 'cps',
          queries: [{ expr: perSecond(kernel.sessionsOpened, { by: protocol }), legend: protocolLegend }],
        }),
        lines({
          title: 'Sessions opened, by role',
          description: 'Whether this host asked (client) or answered (server); unknown where the beginning was not seen.',
          unit: 'cps',
          queries: [
            {
              expr: filled(perSecond(kernel.sessionsOpened, { by: ['ringtail_session_role'] }), 'ringtail_session_role', OTHER),
              legend: '{{ringtail_session_role}}',
            },
          ],
        }),
        openByState(),
        lines({
          title: 'Sessions failed, by error',
          description: 'ECONNREFUSED: nobody listens. ETIMEDOUT, EHOSTUNREACH, ENETUNREACH: no way there. ECONNRESET: cut off.',
          unit: 'cps',
          queries: [
            { expr: filled(perSecond(kernel.sessionsFailed, { by: ['error_type'] }), 'error_type', OTHER), legend: '{{error_type}}' },
          ],
        }),
        networkIo(),
        lines({
          title: 'Network I/O, by protocol',
          description: 'Sent and received together.',
          unit: 'Bps',
          stacked: true,
          queries: [{ expr: perSecond(kernel.networkIo, { by: protocol }), legend: protocolLegend }],
        }),
        heatmap({
          title: 'How long sessions lasted',
          description: 'Sessions that ended, a second, by how long they had been. Of those whose beginning was seen.',
          unit: 's',
          expr: perSecond(kernel.sessionDurations, { by: ['le'] }),
        }),
        lines({
          title: 'How long sessions lasted, quantiles',
          description: 'Half, nine of ten, 99 of 100 were shorter.',
          unit: 's',
          queries: quantiles.map((q) => ({
            expr: quantile(q, perSecond(kernel.sessionDurations, { by: ['le'] })),
            legend: `p${q * 100}`,
          })),
        }),
      ],
    },
    {
      height: 8,
      perRow: 3,
      panels: [
        lines({
          title: 'Packets that arrive, by interface',
          description:
            'A second, whoever they are for; of the receiver packets. A device above others, such as a bridge, counts them again.',
          unit: 'pps',
          queries: [{ expr: largest(kernel.packets, ofInterface, { count: '$top' }), legend: `{{${ofInterface}}}` }],
        }),
        lines({
          title: 'Bytes that arrive, by interface',
          description: 'On the wire, with headers.',
          unit: 'Bps',
          queries: [{ expr: largest(kernel.packetIo, ofInterface, { count: '$top' }), legend: `{{${ofInterface}}}` }],
        }),
        lines({
          title: 'Packets that arrive, by protocol',
          description: 'All interfaces together. Without a protocol stand other ones and what does not say; other is not IP.',
          unit: 'pps',
          stacked: true,
          queries: [{ expr: perSecond(kernel.packets, { by: protocol }), legend: protocolLegend }],
        }),
      ],
    },
    {
      height: 9,
      perRow: 2,
      panels: [
        table({
          title: 'By network namespace',
          description: 'In the range that is shown; the cookie is what the kernel calls a namespace.',
          by: 'ringtail_netns_cookie',
          columns: [{ title: 'Network namespace', label: 'ringtail_netns_cookie' }, ...usage('ringtail_netns_cookie')],
          sortBy: 'Sent',
        }),
        table({
          title: 'By cgroup',
          description: 'In the range that is shown, containers or not.',
          by: 'ringtail_cgroup_id',
          facts: latest(
            ['ringtail_cgroup_id', 'container_name', 'container_id'],
            selectAny('ringtail_(session_count|network_io_bytes_total)', { ringtail_cgroup_id: isNot('') }),
            'ringtail_cgroup_id',
          ),
          columns: [
            { title: 'Cgroup', label: 'ringtail_cgroup_id' },
            { title: 'Container', label: 'container_name' },
            ...usage('ringtail_cgroup_id'),
          ],
          sortBy: 'Sent',
        }),
      ],
    },
  ],
});
