/** What processes do: files, descriptors, connections; a record for each system call. */
import { machine } from 'node:os';
import { Observable, share, tap } from 'rxjs';
import type { Batch } from '../../core/batch.ts';
import type { Receiver, ReceiverFactory, Settings } from '../../core/component.ts';
import type { RuleSet } from '../../core/rules.ts';
import type { CallNeeds, CallsClaim } from '../../kernel/calls/needs.ts';
import { planRules } from '../../kernel/calls/rules/plan.ts';
import type { KernelServices } from '../../kernel/services.ts';
import { subscribeCallEvents } from '../shared/call-events.ts';
import { callGroups, callsOf, recordedCalls } from '../shared/call-names.ts';
import { ruleFields } from '../shared/rule-fields.ts';
import { createCallMetrics } from './metrics.ts';
import { syscallsConfig, type SyscallsConfig } from './config.ts';
import { totalsOf } from './totals.ts';
import { syscallsWarnings } from './warnings.ts';

/** What records are asked for; nothing is counted for them. */
const needsOf = ({ calls, rate_limit: limit, aggregate }: SyscallsConfig): Omit<CallNeeds, 'ruleSets'> => ({
  ...recordedCalls(callsOf(calls)),
  limit: limit.enabled ? { per: limit.per, perSecond: limit.events_per_second, burst: limit.burst } : undefined,
  aggregateWindowMs: aggregate.enabled ? aggregate.interval : undefined,
  counted: new Set(),
});

const createSyscallsReceiver = ({ id, logger, kernel }: Settings<KernelServices>, config: SyscallsConfig): Receiver => {
  const needs = needsOf(config);
  const hasIo = callGroups.io.some((call) => needs.events.has(call));
  const totals = totalsOf(kernel, logger);
  let ruleSets: readonly (RuleSet | undefined)[] = [];
  let claim: CallsClaim | undefined;
  let isCounting = false;
  const isAsked = (): boolean => claim !== undefined || isCounting;

  // Only while somebody listens, so that of two instances that follow each other in a reload every batch reaches one.
  const logs$ = new Observable<Batch>((subscriber) => {
    const leaveTotals = hasIo && config.aggregate.enabled ? totals.join(config.aggregate.interval) : () => {};
    const mine = (claim = kernel.needCalls({ ...needs, ruleSets }));
    const unsubscribe = subscribeCallEvents(kernel.hub, {
      receiver: id,
      calls: new Set([...needs.events, ...needs.failures]),
      machine: machine(),
      withTotals: hasIo,
      next: (batch) => subscriber.next(batch),
    });
    return () => {
      claim = undefined;
      mine.end();
      leaveTotals();
      unsubscribe();
    };
  }).pipe(share());

  const metrics$ = createCallMetrics({ receiver: id, config, calls: callsOf(config.calls), kernel, logger }).pipe(
    tap({ subscribe: () => void (isCounting = true), finalize: () => void (isCounting = false) }),
    share(),
  );

  return {
    logs$,
    metrics$,
    narrow(next) {
      ruleSets = next;
      claim?.change({ ...needs, ruleSets });
    },
    start: async () => {
      // what was added up for the receiver that this one replaces
      if (hasIo && !config.aggregate.enabled && claim !== undefined) totals.drain();
      const { rung, notes, pushDown } = kernel.calls();
      const fields = { receiver: id, rung, ...(notes.length > 0 ? { notes } : {}), ...ruleFields(pushDown) };
      if (rung === 'none' && isAsked()) logger.warn(fields, 'this kernel tells of no system calls');
      else logger.info(fields, 'receiver started');
    },
    // what the kernel has written still comes, until the kernel side has stopped
    stop: async () => {},
    health() {
      const { rung, notes } = kernel.calls();
      return { status: rung === 'none' && isAsked() ? 'failed' : 'ok', message: notes.join('; '), details: { rung } };
    },
  };
};

export const syscallsReceiver: ReceiverFactory = {
  kind: 'receiver',
  type: 'syscalls',
  summary: 'System calls: files, descriptors and connections of every process on this host',
  signals: ['logs', 'metrics'],
  config: syscallsConfig,
  hostNeeds: () => [{ kind: 'kernel' }],
  warnings: syscallsWarnings,
  ruleSide: 'calls',
  pushDown: (_config: SyscallsConfig, ruleSets) => planRules(ruleSets).report,
  create: createSyscallsReceiver as ReceiverFactory['create'],
};
