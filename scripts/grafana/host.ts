/** What goes on on a host, in one look. */
import { byContainer, callsByName, failuresByErrno, fileIo, HOST, kernelTargets, networkIo, networkStats, openByState } from './common.ts';
import { dashboard } from './dashboard.ts';
import { kernel } from './metrics.ts';
import { lines, stat } from './panels.ts';
import { filled, now, perSecond } from './promql.ts';

export const host = dashboard({
  name: 'host',
  title: 'Host',
  description: 'Sessions, bytes, processes and system calls of hosts, as the kernel counted them.',
  variables: kernelTargets,
  sections: [
    {
      height: 4,
      panels: [
        ...networkStats(),
        stat({ title: 'Programs started', description: 'Successful execs, a second.', unit: 'cps', queries: [{ expr: perSecond(kernel.execs) }] }),
        stat({ title: 'Processes', description: 'Alive now.', unit: 'short', queries: [{ expr: now(kernel.processes) }] }),
        stat({
          title: 'System calls',
          description: 'Of those that are counted, a second.',
          unit: 'cps',
          queries: [{ expr: perSecond(kernel.calls) }],
        }),
      ],
    },
    {
      height: 8,
      perRow: 2,
      panels: [
        lines({
          title: 'Sessions opened and failed',
          description: 'A rise of failures without one of sessions: a service that is gone, or a network that is.',
          unit: 'cps',
          queries: [
            { expr: perSecond(kernel.sessionsOpened), legend: 'opened' },
            { expr: perSecond(kernel.sessionsFailed), legend: 'failed' },
          ],
        }),
        openByState(),
        networkIo(),
        lines({
          title: 'Network I/O, by container',
          description: 'Sent and received together; what is in no container stands as one.',
          unit: 'Bps',
          stacked: true,
          queries: [{ expr: filled(byContainer(kernel.networkIo, { count: 10 }), 'container', HOST), legend: '{{container}}' }],
        }),
        lines({
          title: 'Programs started and ended',
          description: 'Execs and ends of processes, a second. Many of both: a script that forks for each item, or a crash loop.',
          unit: 'cps',
          queries: [
            { expr: perSecond(kernel.execs), legend: 'started' },
            { expr: perSecond(kernel.exits), legend: 'ended' },
          ],
        }),
        fileIo(),
        callsByName(),
        failuresByErrno(),
      ],
    },
  ],
}); // prettier-ignore
