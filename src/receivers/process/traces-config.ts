import { z } from 'zod';
import type { ConfigUse, ConfigWarning } from '../../core/component.ts';
import { duration } from '../../core/config-types.ts';

const texts = z.array(z.string().min(1)).max(256).default([]);

const roots = z.strictObject({
  executables: texts.describe(
    'Programs that begin a trace, by the name of the executable or its whole path; `*` stands for any characters, `?` for one.',
  ),
  cgroups: z
    .array(z.string().startsWith('/', 'a path of a cgroup begins with /'))
    .max(256)
    .default([])
    .describe('Paths of cgroups, as in /proc/<pid>/cgroup: all that runs in one, or below it, is one trace.'),
  containers: texts.describe('Names or ids of containers, with `*` and `?`; `*` is each of them. A container is one trace.'),
  sessions: z.boolean().default(false).describe('Whether each leader of a session begins a trace: logins, cron jobs, daemons.'),
  users: texts.describe('Names or numbers of users whose programs begin traces.'),
  pids: z.array(z.int().min(1)).max(256).default([]).describe('Processes that begin a trace when they run a program.'),
  host: z.boolean().default(false).describe('Whether all that belongs to no other trace is one trace, that of the host.'),
});

export const tracesOption = z
  .strictObject({
    roots: roots.prefault({}),
    traceparent: z
      .enum(['off', 'roots', 'all'])
      .default('off')
      .describe(
        'Whose TRACEPARENT counts, the variable of the environment. `roots`: a trace hangs below the span that its root names. `all`: besides, each program that names a span of another trace begins one below it.',
      ),
    sampling: z
      .strictObject({
        ratio: z
          .number()
          .min(0)
          .max(1)
          .default(1)
          .describe('Share of traces that are told, chosen by their ids; traces of others are told when these were sampled.'),
        traces_per_second: z.number().min(0).default(0).describe('Of these at most so many begin in a second; 0: no limit.'),
        keep_errors: z.boolean().default(false).describe('Whether the others are told when a program or a connection of them fails.'),
        keep_slower_than: duration()
          .prefault('0s')
          .describe('They are told as well when their root takes at least so long; `0s`: that does not count.'),
        window: duration({ minMs: 1 }).prefault('30s').describe('So long a trace may wait for that.'),
        max_spans: z
          .int()
          .min(1)
          .max(1_000_000)
          .default(20_000)
          .describe('Most spans that wait, of all traces; the oldest trace gives way.'),
      })
      .prefault({}),
    events: z
      .array(z.enum(['files', 'failures']))
      .default([])
      .describe(
        'What is told as events of spans: files that are opened and unlinked, calls of files, network and processes that failed; 128 a span.',
      ),
    mark_after: duration()
      .prefault('10s')
      .describe('A program that runs for longer is told by a span that only marks it, since its own comes with its end; `0s`: none is.'),
  })
  .prefault({});

export type TracesConfig = z.output<typeof tracesOption>;

const isEmpty = (value: unknown): boolean => value === false || (Array.isArray(value) && value.length === 0);

export const processWarnings = ({ traces }: { readonly traces: TracesConfig }, { pipelines, graph }: ConfigUse): readonly ConfigWarning[] => {
  const isTraced = graph.some(({ id, signal }) => signal === 'traces' && pipelines.includes(id));
  const hasRoots = !Object.values(traces.roots).every(isEmpty);
  if (isTraced && !hasRoots && traces.traceparent !== 'all') return [{ option: ['traces', 'roots'], message: 'nothing begins a trace; name programs, cgroups, containers or others' }];
  if (isTraced) return [];
  return [
    ...(hasRoots ? [{ option: ['traces', 'roots'], message: 'no pipeline of traces names this receiver; they have no effect' }] : []),
    ...(traces.traceparent !== 'off' ? [{ option: ['traces', 'traceparent'], message: 'no pipeline of traces names this receiver; it has no effect' }] : []),
  ];
}; // prettier-ignore
