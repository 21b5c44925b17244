/** What `syscalls` makes of the frames of the kernel side, live or out of a capture. */
import type { Batch, BatchResource } from '../../core/batch.ts';
import type { CallName } from '../../kernel/calls/needs.ts';
import type { KernelBatch } from '../../kernel/frames.ts';
import type { Hub } from '../../kernel/hub.ts';
import { callId } from '../../kernel/layouts.gen.ts';
import { lossBatch } from '../../otlp/loss.ts';
import { callSchemas, totalKind } from './call-schemas.ts';
import { kindsOf } from './call-names.ts';
import { viewOf } from './kernel-batch.ts';

/** Rows of calls that are wanted; undefined when all are. Another instance may have asked for others. */
const selectionOf = ({ rows, columns }: KernelBatch, isWanted: Uint8Array): Uint32Array | undefined => {
  const calls = columns['call'];
  if (calls === undefined) return undefined;
  let first = 0;
  while (first < rows && isWanted[calls[first]!] === 1) first++;
  if (first === rows) return undefined;
  const kept = new Uint32Array(rows);
  let count = 0;
  for (let row = 0; row < rows; row++) if (isWanted[calls[row]!] === 1) kept[count++] = row;
  return kept.subarray(0, count);
};

export type CallEventsOptions = {
  /** Id of the receiver, as it stands on the batches. */
  readonly receiver: string;
  /** Calls whose records are taken. */
  readonly calls: ReadonlySet<CallName>;
  /** Where the calls were made, as uname says. */
  readonly machine: string;
  /** Whether sums of reads and writes are taken too. */
  readonly withTotals: boolean;
  /** Of all batches, when it is not this host's. */
  readonly resource?: BatchResource | undefined;
  readonly next: (batch: Batch) => void;
};

/** Subscribes to the frames of a hub; returns a function that ends it. */
export const subscribeCallEvents = (
  hub: Pick<Hub, 'subscribe'>,
  { receiver, calls, machine, withTotals, resource, next }: CallEventsOptions,
): (() => void) => {
  const schemas = callSchemas(machine);
  const isWanted = new Uint8Array(callId.ids);
  for (const call of calls) isWanted[callId[call]] = 1;
  // sums of several calls
  if (withTotals) isWanted[callId.none] = 1;

  return hub.subscribe({
    kinds: [...kindsOf(calls), ...(withTotals ? Object.values(totalKind) : [])],
    onBatch(batch, frame) {
      const selection = selectionOf(batch, isWanted);
      if (selection?.length === 0) return;
      next(viewOf(batch, frame, { receiver, kind: schemas.get(batch.kind)!, selection, rowAttributes: [], resource }));
    },
    onLoss: (loss) => next({ ...lossBatch(receiver, loss), resource }),
  });
};
