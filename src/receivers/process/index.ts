/** Who ran what, when, as whom, from which parent, and how it ended. */
import { Subject } from 'rxjs';
import type { AttributeColumn, Batch, EventSchema } from '../../core/batch.ts';
import type { Receiver, ReceiverFactory, Settings } from '../../core/component.ts';
import type { KernelBatch, KernelFrame } from '../../kernel/frames.ts';
import { eventKind, forkFlag } from '../../kernel/layouts.gen.ts';
import type { KernelServices } from '../../kernel/services.ts';
import { lossBatch } from '../../otlp/loss.ts';
import { processConfig, type ProcessConfig } from './config.ts';
import { execSchema, exitSchema, failedExecSchema, forkSchema } from './schemas.ts';

/** Which kinds of the kernel this configuration turns into which events. */
const schemasOf = ({ events, args, failed_execs: failedExecs, threads }: ProcessConfig): ReadonlyMap<number, EventSchema> =>
  new Map<number, EventSchema>([
    ...(events.includes('exec') ? [[eventKind.exec, execSchema(args.enabled)] as const] : []),
    ...(events.includes('exec') && failedExecs ? [[eventKind.execFailed, failedExecSchema] as const] : []),
    ...(events.includes('fork') ? [[eventKind.fork, forkSchema(threads)] as const] : []),
    ...(events.includes('exit') ? [[eventKind.exit, exitSchema] as const] : []),
  ]);

/** Rows that are not of threads; undefined when all are kept. Another instance may have asked for threads. */
const withoutThreads = (batch: KernelBatch): Uint32Array | undefined => {
  const flags = batch.columns['forkFlags'];
  if (flags === undefined || !flags.some((value) => (value & forkFlag.thread) !== 0)) return undefined;
  const kept = new Uint32Array(batch.rows);
  let count = 0;
  for (let row = 0; row < batch.rows; row++) if ((flags[row]! & forkFlag.thread) === 0) kept[count++] = row;
  return kept.subarray(0, count);
};

const createProcessReceiver = ({ id, logger, kernel }: Settings<KernelServices>, config: ProcessConfig): Receiver => {
  const logs$ = new Subject<Batch>();
  const schemas = schemasOf(config);
  kernel.gate.require('process'); // for the caller of an exec
  kernel.needProcesses({
    argsMaxBytes: config.args.enabled && config.events.includes('exec') ? config.args.max_bytes : 0,
    threads: config.threads && config.events.includes('fork'),
    failedExecs: config.failed_execs && config.events.includes('exec'),
  });

  /** The program that called exec stands on the exec record alone. */
  const callers = (batch: KernelBatch, frame: KernelFrame): readonly AttributeColumn[] => {
    if (batch.kind !== eventKind.exec) return [];
    const slots = kernel.processes.resolve(frame);
    const ids = new Uint32Array(batch.rows);
    for (let row = 0; row < batch.rows; row++) ids[row] = slots[batch.actor[row]!]!;
    return [{ source: kernel.processes.callerSource, ids }];
  };

  const onBatch = (batch: KernelBatch, frame: KernelFrame): void => {
    const kind = schemas.get(batch.kind)!;
    const selection = batch.kind === eventKind.fork && !config.threads ? withoutThreads(batch) : undefined;
    if (selection?.length === 0) return;
    const { rows, bootNsLo, bootNsHi, actor, columns } = batch;
    logs$.next({
      kind,
      receiver: id,
      frame,
      rows,
      bootNsLo,
      bootNsHi,
      actor,
      columns,
      selection,
      actorAttributes: [],
      rowAttributes: callers(batch, frame),
      resource: undefined,
      omitted: undefined,
    });
  };

  // from the beginning: the kernel side starts before the receivers
  const unsubscribe = kernel.hub.subscribe({
    kinds: [...schemas.keys()],
    onBatch,
    onLoss: (loss) => logs$.next(lossBatch(id, loss)),
  });
  return {
    logs$: logs$.asObservable(),
    start: async () => {
      const { rung, notes } = kernel.status();
      logger.info({ receiver: id, rung, ...(notes.length > 0 ? { notes } : {}) }, 'receiver started');
    },
    stop: async (deadlineMs) => {
      await kernel.quiesce(deadlineMs);
      unsubscribe();
      logs$.complete();
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
