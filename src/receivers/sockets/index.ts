/** Sessions of sockets: whom which process talks to, since when, how it ended and how much went through. */
import { Observable, share, tap } from 'rxjs';
import type { Batch } from '../../core/batch.ts';
import type { Health, Receiver, ReceiverFactory, Settings } from '../../core/component.ts';
import { RuntimeError } from '../../core/errors.ts';
import type { RuleSet } from '../../core/rules.ts';
import { cgroupFolderProblem } from '../../kernel/cgroup-folder.ts';
import type { KernelServices } from '../../kernel/services.ts';
import { planSessionRules } from '../../kernel/sockets/rule-plan.ts';
import type { SocketNeeds, SocketsClaim, SocketsStatus } from '../../kernel/sockets/needs.ts';
import { ruleFields } from '../shared/rule-fields.ts';
import { subscribeSessionEvents } from '../shared/session-events.ts';
import { subscribeSessionSpans } from '../shared/session-spans.ts';
import { statesOf } from '../shared/session-names.ts';
import { createSessionAttribution } from './attribution.ts';
import { joinCgroups, type CgroupChoice } from './cgroup-choice.ts';
import { socketsConfig, type SocketsConfig } from './config.ts';
import { createSessionMetrics } from './metrics.ts';
import { needsOf } from './needs.ts';
import { socketsWarnings } from './warnings.ts';

/** What is not as it should be, one sentence each: of the whole, then of its parts. */
const notesOf = ({ notes, hooks }: SocketsStatus): readonly string[] => [
  ...notes,
  ...hooks.flatMap(({ hook, rung, note }) => (note === '' ? [] : [`${hook} by ${rung}: ${note}`])),
];

const createSocketsReceiver = ({ id, logger, counters, kernel }: Settings<KernelServices>, config: SocketsConfig): Receiver => {
  const events = new Set(config.events);
  const needs: Omit<SocketNeeds, 'ruleSets'> = {
    ...needsOf(config),
    events,
    states: events.has('state') ? statesOf(config.states) : new Set(),
    counted: false,
  };
  const countOwners = createSessionAttribution(counters, kernel.processes);
  let ruleSets: readonly (RuleSet | undefined)[] = [];
  let claim: SocketsClaim | undefined;
  let counting: CgroupChoice | undefined;
  let tracing = 0;
  const isAsked = (): boolean => claim !== undefined || counting !== undefined || tracing > 0;

  // Only while somebody listens, so that of two instances that follow each other in a reload every batch reaches one.
  const logs$ = new Observable<Batch>((subscriber) => {
    const mine = (claim = kernel.needSockets({ ...needs, ruleSets }));
    const cgroups = joinCgroups(kernel, config.cgroup);
    const unsubscribe = subscribeSessionEvents(kernel.hub, {
      ...needs,
      showsCgroup: config.cgroup === undefined ? undefined : cgroups.shows,
      receiver: id,
      next(batch) {
        countOwners(batch);
        subscriber.next(batch);
      },
    });
    return () => {
      claim = undefined;
      mine.end();
      cgroups.leave();
      unsubscribe();
    };
  }).pipe(share());

  const spanNeeds = { ...needs, events: new Set(['end'] as const), states: new Set<number>() };
  const traces$ = new Observable<Batch>((subscriber) => {
    // no rule of a pipeline of logs counts here
    const mine = kernel.needSockets({ ...spanNeeds, ruleSets: [undefined] });
    const cgroups = joinCgroups(kernel, config.cgroup);
    tracing++;
    const unsubscribe = subscribeSessionSpans(kernel.hub, {
      ...spanNeeds,
      showsCgroup: config.cgroup === undefined ? undefined : cgroups.shows,
      receiver: id,
      traces: kernel.traces,
      next: (batch) => subscriber.next(batch),
    });
    return () => {
      tracing--;
      mine.end();
      cgroups.leave();
      unsubscribe();
    };
  }).pipe(share());

  const metrics$ = createSessionMetrics({
    receiver: id,
    config,
    kernel,
    logger,
    showsCgroup: config.cgroup === undefined ? undefined : (cgroup) => counting?.shows(cgroup) ?? false,
  }).pipe(
    tap({
      subscribe() {
        counting = joinCgroups(kernel, config.cgroup);
      },
      finalize() {
        counting?.leave();
        counting = undefined;
      },
    }),
    share(),
  );

  return {
    logs$,
    metrics$,
    traces$,
    narrow(next) {
      ruleSets = next;
      claim?.change({ ...needs, ruleSets });
    },
    async start() {
      const problem = config.cgroup === undefined ? undefined : await cgroupFolderProblem(config.cgroup);
      if (problem !== undefined) throw new RuntimeError(problem, { advice: `correct the cgroup of the receiver ${id}` });
      const status = kernel.sockets();
      const { rung, hooks, pushDown } = status;
      const notes = notesOf(status);
      const fields = {
        receiver: id,
        rung,
        ...(hooks.length === 0 ? {} : { hooks: Object.fromEntries(hooks.map((one) => [one.hook, one.rung])) }),
        ...(notes.length === 0 ? {} : { notes }),
        ...ruleFields(pushDown),
      };
      if (rung === 'none' && isAsked()) logger.warn(fields, 'this host tells of no sockets');
      else logger.info(fields, 'receiver started');
    },
    // what the kernel has written still comes, until the kernel side has stopped
    stop: async () => {},
    health(): Health {
      const status = kernel.sockets();
      const { rung, hooks } = status;
      return {
        status: rung === 'none' && isAsked() ? 'failed' : 'ok',
        message: notesOf(status).join('; '),
        details: { rung, ...Object.fromEntries(hooks.map((one) => [`hook_${one.hook}`, one.rung])) },
      };
    },
  };
};

export const socketsReceiver: ReceiverFactory = {
  kind: 'receiver',
  type: 'sockets',
  summary: 'Sessions of TCP, UDP, ICMP, raw and unix sockets: both ends, the process that owns them, bytes and result',
  signals: ['logs', 'metrics', 'traces'],
  config: socketsConfig,
  hostNeeds: ({ cgroup }: SocketsConfig) => [
    { kind: 'kernel' },
    ...(cgroup === undefined ? [] : [{ kind: 'cgroup', path: cgroup, option: ['cgroup'] } as const]),
  ],
  warnings: socketsWarnings,
  ruleSide: 'sockets',
  wantsAll: () => ['sockets'],
  pushDown: ({ mode }: SocketsConfig, ruleSets) => {
    const { report } = planSessionRules(ruleSets);
    if (mode !== 'procfs') return report;
    const why = 'the mode is procfs, which has no kernel side';
    return { places: report.places.map(({ rule }) => ({ rule, where: 'user', why })), refused: why };
  },
  create: createSocketsReceiver as ReceiverFactory['create'],
};
