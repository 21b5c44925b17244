/** What `process` makes of the frames of the kernel side, live or out of a capture. */
import type { AttributeColumn, Batch, BatchResource, EventSchema } from '../../core/batch.ts';
import type { KernelBatch, KernelFrame } from '../../kernel/frames.ts';
import type { Hub } from '../../kernel/hub.ts';
import { eventKind, forkFlag } from '../../kernel/layouts.gen.ts';
import type { KernelLookups } from '../../kernel/service-types.ts';
import { lossBatch } from '../../otlp/loss.ts';
import type { ProcessConfig } from './process-config.ts';
import { execSchema, exitSchema, failedExecSchema, forkSchema } from './process-schemas.ts';
import { viewOf } from './kernel-batch.ts';

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

export type ProcessEventsOptions = {
  /** Id of the receiver, as it stands on the batches. */
  readonly receiver: string;
  readonly config: ProcessConfig;
  readonly processes: KernelLookups['processes'];
  /** Of all batches, when it is not this host's. */
  readonly resource?: BatchResource | undefined;
  readonly next: (batch: Batch) => void;
};

/** Subscribes to the frames of a hub; returns a function that ends it. */
export const subscribeProcessEvents = (
  hub: Pick<Hub, 'subscribe'>,
  { receiver, config, processes, resource, next }: ProcessEventsOptions,
): (() => void) => {
  const schemas = schemasOf(config);

  /** The program that called exec stands on the exec record alone. */
  const callers = (batch: KernelBatch, frame: KernelFrame): readonly AttributeColumn[] => {
    if (batch.kind !== eventKind.exec) return [];
    const slots = processes.resolve(frame);
    const ids = new Uint32Array(batch.rows);
    for (let row = 0; row < batch.rows; row++) ids[row] = slots[batch.actor[row]!]!;
    return [{ source: processes.callerSource, ids }];
  };

  return hub.subscribe({
    kinds: [...schemas.keys()],
    onBatch(batch, frame) {
      const selection = batch.kind === eventKind.fork && !config.threads ? withoutThreads(batch) : undefined;
      if (selection?.length === 0) return;
      const rowAttributes = callers(batch, frame);
      next(viewOf(batch, frame, { receiver, kind: schemas.get(batch.kind)!, selection, rowAttributes, resource }));
    },
    onLoss: (loss) => next({ ...lossBatch(receiver, loss), resource }),
  });
};
