/** A `ringtail.loss` event: nobody did it, so its frame is made here. */
import { NO_ACTOR, type Batch, type EventSchema } from '../core/batch.ts';
import { createFrameBuilder } from '../core/frame-builder.ts';
import { attributeName, eventName } from './names.ts';

/** Records that were lost: `reason` as in signals.md, a window of Unix time in ms. */
export type Loss = { readonly reason: string; readonly lost: number; readonly startMs: number; readonly endMs: number };

export const lossSchema: EventSchema = {
  eventName: eventName.loss,
  fields: [
    { name: attributeName.receiver, type: 'string', column: 'receiver' },
    { name: attributeName.reason, type: 'string', column: 'reason' },
    { name: attributeName.lost, type: 'u64', column: 'lost' },
    { name: attributeName.windowStart, type: 'string', column: 'windowStart' },
    { name: attributeName.windowEnd, type: 'string', column: 'windowEnd' },
  ],
};

const KIND = 0;

/** `receiver`: whose records were lost; undefined when that is not known. `teller` is the component that tells it. */
export const lossBatch = (receiver: string | undefined, { reason, lost, startMs, endMs }: Loss, teller = receiver ?? ''): Batch => {
  const builder = createFrameBuilder({ wallOffsetNs: 0n });
  const columns = {
    receiver: receiver ?? '',
    reason,
    lost: BigInt(lost),
    windowStart: new Date(startMs).toISOString(),
    windowEnd: new Date(endMs).toISOString(),
  };
  builder.addRow(KIND, { bootNs: BigInt(Math.round(endMs)) * 1_000_000n, actor: NO_ACTOR, columns });
  const { batches, ...frame } = builder.build();
  const { rows, bootNsLo, bootNsHi, actor, columns: built } = batches[0]!;
  return {
    kind: lossSchema,
    receiver: teller,
    frame,
    rows,
    bootNsLo,
    bootNsHi,
    actor,
    columns: built,
    selection: undefined,
    actorAttributes: [],
    rowAttributes: [],
    resource: undefined,
    omitted: undefined,
  };
};
