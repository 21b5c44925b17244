import { withActorAttributes, type AttributeColumn, type Batch, type Frame } from '../../core/batch.ts';
import { createFrameMemo } from '../../kernel/frame-memo.ts';
import { unattributedSource } from '../../kernel/lifecycle/process-attributes.ts';
import type { KernelLookups } from '../../kernel/service-types.ts';

/** Id 1 for each actor without a slot; undefined when there is none. */
const unattributedIds = (slots: Uint32Array): Uint32Array | undefined =>
  slots.includes(0) ? slots.map((slot) => (slot === 0 ? 1 : 0)) : undefined;

/** Adds the columns of this processor. They are computed once a frame, however many batches and pipelines it has. */
export const createProcessColumns = (
  { processes, cgroups }: Pick<KernelLookups, 'processes' | 'cgroups'>,
  ancestors: number,
): ((batch: Batch) => Batch) => {
  const ancestorSource = processes.ancestorSource(ancestors);
  const unattributedOf = createFrameMemo(
    () => processes.version,
    (frame: Frame) => unattributedIds(processes.resolve(frame)),
  );
  const columnsOf = ({ frame }: Batch): readonly AttributeColumn[] => {
    const unattributed = unattributedOf(frame);
    return [
      { source: processes.source, ids: processes.resolve(frame) },
      ...(unattributed === undefined ? [] : [{ source: unattributedSource, ids: unattributed }]),
      { source: cgroups.source, ids: cgroups.resolve(frame).paths },
      ...(ancestors === 0 ? [] : [{ source: ancestorSource, ids: processes.resolveParents(frame) }]),
    ];
  };
  return (batch) => columnsOf(batch).reduce(withActorAttributes, batch);
};
