import { withActorAttributes, type AttributeColumn, type Batch, type Frame } from '../../core/batch.ts';
import { createFrameMemo } from '../../kernel/frame-memo.ts';
import { unattributedSource } from '../../kernel/lifecycle/process-attributes.ts';
import { lookupsOf, type KernelLookups } from '../../kernel/service-types.ts';

/** Id 1 for each actor without a slot; undefined when there is none. */
const unattributedIds = (slots: Uint32Array): Uint32Array | undefined =>
  slots.includes(0) ? slots.map((slot) => (slot === 0 ? 1 : 0)) : undefined;

type Lookups = Pick<KernelLookups, 'processes' | 'cgroups'>;

/** The columns of frames whose actors `lookups` knows. */
const createColumns = ({ processes, cgroups }: Lookups, ancestors: number): ((frame: Frame) => readonly AttributeColumn[]) => {
  const ancestorSource = processes.ancestorSource(ancestors);
  const unattributedOf = createFrameMemo(
    () => processes.version,
    (frame: Frame) => unattributedIds(processes.resolve(frame)),
  );
  return (frame) => {
    const unattributed = unattributedOf(frame);
    return [
      { source: processes.source, ids: processes.resolve(frame) },
      ...(unattributed === undefined ? [] : [{ source: unattributedSource, ids: unattributed }]),
      { source: cgroups.source, ids: cgroups.resolve(frame).paths },
      ...(ancestors === 0 ? [] : [{ source: ancestorSource, ids: processes.resolveParents(frame) }]),
    ];
  };
};

/** Adds the columns of this processor. They are computed once a frame, however many batches and pipelines it has. */
export const createProcessColumns = (own: KernelLookups, ancestors: number): ((batch: Batch) => Batch) => {
  const columnsByLookups = new WeakMap<Lookups, (frame: Frame) => readonly AttributeColumn[]>();
  return (batch) => {
    const lookups = lookupsOf(batch.frame, own);
    let columnsOf = columnsByLookups.get(lookups);
    if (columnsOf === undefined) {
      columnsOf = createColumns(lookups, ancestors);
      columnsByLookups.set(lookups, columnsOf);
    }
    return columnsOf(batch.frame).reduce(withActorAttributes, batch);
  };
};
