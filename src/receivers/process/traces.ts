/** Programs as spans: each tree of processes that begins at a root is a trace. */
import { Observable, share } from 'rxjs';
import type { Batch } from '../../core/batch.ts';
import type { GateNeed } from '../../kernel/questions.ts';
import type { ProcessNeeds } from '../../kernel/process-programs.ts';
import type { KernelServices } from '../../kernel/services.ts';
import { machine } from 'node:os';
import type { CallNeeds } from '../../kernel/calls/needs.ts';
import { callsOf } from '../shared/call-names.ts';
import { createProgramEvents, type ProgramEventChoice } from '../shared/program-events.ts';
import type { Sampling } from '../../kernel/traces/sampling.ts';
import { processSpanBatch } from '../shared/process-spans.ts';
import type { ProcessConfig } from './config.ts';

export type ProcessTracesOptions = {
  /** Id of the receiver, as it stands on the batches. */
  readonly receiver: string;
  readonly config: ProcessConfig;
  readonly kernel: Pick<KernelServices, 'gate' | 'needCalls' | 'needProcesses' | 'traces'>;
};

const gateNeedsOf = ({ roots: { cgroups, containers, users }, traceparent }: ProcessConfig['traces']): readonly GateNeed[] => [
  'process',
  ...(traceparent === 'off' ? [] : (['traceparent'] as const)),
  ...(cgroups.length > 0 ? (['cgroup'] as const) : []),
  ...(containers.length > 0 ? (['container'] as const) : []),
  ...(users.length > 0 ? (['user'] as const) : []),
];

const samplingOf = (sampling: ProcessConfig['traces']['sampling']): Sampling => ({
  ratio: sampling.ratio,
  tracesPerSecond: sampling.traces_per_second,
  keepErrors: sampling.keep_errors,
  keepSlowerThanMs: sampling.keep_slower_than,
  windowMs: sampling.window,
  maxSpans: sampling.max_spans,
});

/** Calls behind `traces.events`. */
const eventNeedsOf = (events: ProcessConfig['traces']['events']): ProgramEventChoice => ({
  calls: events.includes('files') ? callsOf(['files']) : new Set(),
  failures: events.includes('failures') ? callsOf(['files', 'network', 'process']) : new Set(),
});

/** Closes do not fail in a way that says anything, and are many. */
const callNeedsOf = ({ calls, failures }: ProgramEventChoice): CallNeeds => ({
  events: calls,
  failures: new Set([...failures].filter((call) => !calls.has(call) && !['close', 'execve', 'execveat'].includes(call))),
  limit: undefined,
  aggregateWindowMs: undefined,
  counted: new Set(),
  ruleSets: [undefined],
});

/** Only while somebody listens. */
export const createProcessTraces = ({ receiver, config, kernel }: ProcessTracesOptions): Observable<Batch> => {
  const { args, traces } = config;
  const needs: ProcessNeeds = {
    argsMaxBytes: args.enabled ? args.max_bytes : 0,
    threads: false,
    failedExecs: false,
    traceparent: traces.traceparent !== 'off',
  };
  return new Observable<Batch>((subscriber) => {
    const events = traces.events.length === 0 ? undefined : eventNeedsOf(traces.events);
    const endings = [
      ...gateNeedsOf(traces).map((need) => kernel.gate.require(need)),
      kernel.needProcesses({ ...needs, failedExecs: events?.failures.has('execve') ?? false }),
      ...(events === undefined ? [] : [kernel.needCalls(callNeedsOf(events)).end]),
      kernel.traces.claim({
        owner: receiver,
        roots: traces.roots,
        traceparent: traces.traceparent,
        markAfterMs: traces.mark_after,
        sampling: samplingOf(traces.sampling),
        ...(events && { eventsOf: createProgramEvents(events, machine()) }),
        onSpans: (spans, wallOffsetNs) => subscriber.next(processSpanBatch(spans, { receiver, wallOffsetNs, args: args.enabled })),
      }),
    ];
    return () => {
      for (const end of endings) end();
    };
  }).pipe(share());
};
