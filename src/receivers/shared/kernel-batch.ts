import type { AttributeColumn, Batch, BatchResource, EventSchema } from '../../core/batch.ts';
import type { KernelBatch, KernelFrame } from '../../kernel/frames.ts';

export type KernelBatchView = {
  /** Id of the receiver, as it stands on the batch. */
  readonly receiver: string;
  readonly kind: EventSchema;
  /** Undefined: all rows. */
  readonly selection: Uint32Array | undefined;
  readonly rowAttributes: readonly AttributeColumn[];
  /** When it is not this host's. */
  readonly resource: BatchResource | undefined;
  /** See `Batch.omitted`. */
  readonly omitted?: ReadonlySet<string>;
};

/** Rows of the kernel as a receiver emits them. Batches of all receivers have one shape. */
export const viewOf = (
  { rows, bootNsLo, bootNsHi, actor, columns, contexts }: KernelBatch,
  frame: KernelFrame,
  { receiver, kind, selection, rowAttributes, resource, omitted }: KernelBatchView,
): Batch => ({
  kind,
  receiver,
  frame,
  rows,
  bootNsLo,
  bootNsHi,
  actor,
  columns,
  selection,
  actorAttributes: [],
  rowAttributes,
  resource,
  omitted,
  contexts: contexts === undefined ? undefined : { strings: frame.strings, ids: contexts },
});
