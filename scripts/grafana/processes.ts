/** Programs and users: who starts what, who calls what, and what fails. */
import { callsByName, failuresByErrno, fileIo, kernelTargets, largest, readCalls, writeCalls } from './common.ts';
import { dashboard, topVariable } from './dashboard.ts';
import { kernel } from './metrics.ts';
import { lines, stat, table } from './panels.ts';
import { type Conditions, grown, isNot, like, now, perSecond, top } from './promql.ts';

type CallLabel = (typeof kernel.calls.labels)[number];

const failed = { error_type: isNot('') } as const;

const byUser = ['process_owner', 'process_user_id'] as const;
const userLegend = '{{process_owner}} ({{process_user_id}})';

const programs = (where?: Conditions<CallLabel>): string => top('$top', grown(kernel.calls, { where, by: ['process_executable_name'] }));
const networkCalls = (...names: readonly string[]): string => programs({ ringtail_syscall_name: like(...names) });
const bytes = (where: typeof readCalls): string => top('$top', grown(kernel.fileIo, { where, by: ['process_executable_name'] }));

export const processes = dashboard({
  name: 'processes',
  title: 'Processes',
  description: 'Programs that start and end by user, and system calls by program, as the kernel counted them.',
  variables: [...kernelTargets, topVariable],
  sections: [
    {
      height: 4,
      panels: [
        stat({ title: 'Programs started', description: 'Successful execs, a second.', unit: 'cps', queries: [{ expr: perSecond(kernel.execs) }] }),
        stat({ title: 'Processes ended', description: 'A second.', unit: 'cps', queries: [{ expr: perSecond(kernel.exits) }] }),
        stat({ title: 'Processes', description: 'Alive now.', unit: 'short', queries: [{ expr: now(kernel.processes) }] }),
        stat({ title: 'System calls', description: 'Of those that are counted, a second.', unit: 'cps', queries: [{ expr: perSecond(kernel.calls) }] }),
        stat({
          title: 'Failed share of calls',
          description: 'Of the system calls that are counted. It depends on the programs: what counts is a change.',
          unit: 'percentunit',
          queries: [{ expr: `${perSecond(kernel.calls, { where: failed })} / (${perSecond(kernel.calls)})` }],
        }),
      ],
    },
    {
      height: 8,
      perRow: 2,
      panels: [
        lines({ title: 'Programs started, by user', description: 'Execs a second, by the effective user.', unit: 'cps', queries: [{ expr: top('$top', perSecond(kernel.execs, { by: byUser })), legend: userLegend }] }),
        lines({ title: 'Processes ended, by user', description: 'A second.', unit: 'cps', queries: [{ expr: top('$top', perSecond(kernel.exits, { by: byUser })), legend: userLegend }] }),
        lines({
          title: 'System calls, by program',
          description: 'A second, of the programs that call most.',
          unit: 'cps',
          queries: [{ expr: largest(kernel.calls, 'process_executable_name', { count: '$top' }), legend: '{{process_executable_name}}' }],
        }),
        callsByName(),
        lines({
          title: 'Failed calls, by program',
          description: 'A second.',
          unit: 'cps',
          queries: [{ expr: largest(kernel.calls, 'process_executable_name', { where: failed, count: '$top' }), legend: '{{process_executable_name}}' }],
        }),
        failuresByErrno(),
        fileIo(),
        lines({ title: 'Processes alive', description: 'What only ever rises leaks processes.', unit: 'short', queries: [{ expr: now(kernel.processes), legend: 'processes' }] }),
      ],
    },
    {
      height: 10,
      panels: [
        table({
          title: 'Programs',
          description: 'System calls and bytes in the range that is shown: of each column the programs that have most.',
          by: 'process_executable_name',
          columns: [
            { title: 'Program', label: 'process_executable_name' },
            { title: 'Calls', expr: programs(), unit: 'short' },
            { title: 'Failed', expr: programs(failed), unit: 'short' },
            { title: 'Read', expr: bytes(readCalls), unit: 'bytes' },
            { title: 'Written', expr: bytes(writeCalls), unit: 'bytes' },
            { title: 'Connect', expr: networkCalls('connect'), unit: 'short' },
            { title: 'Accept', expr: networkCalls('accept4?'), unit: 'short' },
            { title: 'Send', expr: networkCalls('send.*'), unit: 'short' },
            { title: 'Receive', expr: networkCalls('recv.*'), unit: 'short' },
            { title: 'Close', expr: networkCalls('close'), unit: 'short' },
          ],
          sortBy: 'Calls',
        }),
      ],
    },
  ],
}); // prettier-ignore
