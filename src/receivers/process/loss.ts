/** A `ringtail.loss` event: nobody did it, so its frame is made here. */
import { NO_ACTOR, type Batch } from '../../core/batch.ts';
import { createFrameBuilder } from '../../core/frame-builder.ts';
import type { Loss } from '../../kernel/hub.ts';
import { lossSchema } from './schemas.ts';

const KIND = 0;

export const lossBatch = (receiver: string, { reason, lost, startMs, endMs }: Loss): Batch => {
  const builder = createFrameBuilder({ wallOffsetNs: 0n });
  const columns = {
    receiver,
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
    receiver,
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
