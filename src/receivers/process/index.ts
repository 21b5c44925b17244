/** Who ran what, when, as whom, from which parent, and how it ended; and how often. */
import { Observable, share, tap } from 'rxjs';
import type { Batch } from '../../core/batch.ts';
import type { Receiver, ReceiverFactory, Settings } from '../../core/component.ts';
import type { ProcessNeeds } from '../../kernel/process-programs.ts';
import type { KernelServices, KernelStatus } from '../../kernel/services.ts';
import { subscribeProcessEvents } from '../shared/process-events.ts';
import { processConfig, type ProcessConfig } from './config.ts';
import { createProcessMetrics } from './metrics.ts';
import { createProcessTraces } from './traces.ts';
import { processWarnings } from './traces-config.ts';

/** Of the lowest rung, when somebody asks for metrics. */
const PROCFS_METRICS = 'procfs tells how many processes are alive; execs and exits are not counted';

const createProcessReceiver = ({ id, logger, kernel }: Settings<KernelServices>, config: ProcessConfig): Receiver => {
  const needs: ProcessNeeds = {
    argsMaxBytes: config.args.enabled && config.events.includes('exec') ? config.args.max_bytes : 0,
    threads: config.threads && config.events.includes('fork'),
    failedExecs: config.failed_execs && config.events.includes('exec'),
  };

  // Only while somebody listens, so that of two instances that follow each other in a reload every batch reaches one.
  const logs$ = new Observable<Batch>((subscriber) => {
    const endings = [
      kernel.gate.require('process'), // for the caller of an exec
      kernel.needProcesses(needs),
      subscribeProcessEvents(kernel.hub, {
        receiver: id,
        config,
        processes: kernel.processes,
        next: (batch) => subscriber.next(batch),
      }),
    ];
    return () => {
      for (const end of endings) end();
    };
  }).pipe(share());

  let isCounting = false;
  const metrics$ = createProcessMetrics({ receiver: id, config, kernel, logger }).pipe(
    tap({ subscribe: () => void (isCounting = true), finalize: () => void (isCounting = false) }),
    share(),
  );

  const status = (): KernelStatus => {
    const { rung, notes } = kernel.status();
    return { rung, notes: rung === 'procfs' && isCounting ? [...notes, PROCFS_METRICS] : notes };
  };

  const traces$ = createProcessTraces({ receiver: id, config, kernel });

  return {
    logs$,
    metrics$,
    traces$,
    start: async () => {
      const { rung, notes } = status();
      logger.info({ receiver: id, rung, ...(notes.length > 0 ? { notes } : {}) }, 'receiver started');
    },
    // what the kernel has written still comes, until the kernel side has stopped
    stop: async () => {},
    health() {
      const { rung, notes } = status();
      return { status: 'ok', message: notes.join('; '), details: { rung } };
    },
  };
};

export const processReceiver: ReceiverFactory = {
  kind: 'receiver',
  type: 'process',
  summary: 'Processes: every exec, fork and exit on this host, from the kernel',
  signals: ['logs', 'metrics', 'traces'],
  config: processConfig,
  hostNeeds: () => [{ kind: 'kernel' }],
  warnings: processWarnings,
  // calls behind events of spans
  wantsAll: ({ traces }: ProcessConfig) => (traces.events.length === 0 ? [] : ['calls']),
  create: createProcessReceiver as ReceiverFactory['create'],
};
