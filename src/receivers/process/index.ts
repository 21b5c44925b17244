/** Who ran what, when, as whom, from which parent, and how it ended. */
import { Observable, share } from 'rxjs';
import type { Batch } from '../../core/batch.ts';
import type { Receiver, ReceiverFactory, Settings } from '../../core/component.ts';
import type { ProcessNeeds } from '../../kernel/process-programs.ts';
import type { KernelServices } from '../../kernel/services.ts';
import { processConfig, type ProcessConfig } from '../shared/process-config.ts';
import { subscribeProcessEvents } from '../shared/process-events.ts';

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

  return {
    logs$,
    start: async () => {
      const { rung, notes } = kernel.status();
      logger.info({ receiver: id, rung, ...(notes.length > 0 ? { notes } : {}) }, 'receiver started');
    },
    // what the kernel has written still comes, until the kernel side has stopped
    stop: async () => {},
    health() {
      const { rung, notes } = kernel.status();
      return { status: 'ok', message: notes.join('; '), details: { rung } };
    },
  };
};

export const processReceiver: ReceiverFactory = {
  kind: 'receiver',
  type: 'process',
  summary: 'Processes: every exec, fork and exit on this host, from the kernel',
  signals: ['logs'],
  config: processConfig,
  hostNeeds: () => [{ kind: 'kernel' }],
  create: createProcessReceiver as ReceiverFactory['create'],
};
