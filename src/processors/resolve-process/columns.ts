import { withActorAttributes } from '../../core/actor-attributes.ts';
import type { AttributeColumn, Batch, Frame } from '../../core/batch.ts';
import { createFrameMemo } from '../../kernel/frame-memo.ts';
import { unattributedSource } from '../../kernel/lifecycle/process-attributes.ts';
import { attributeName } from '../../otlp/names.ts';
import { lookupsOf, type KernelLookups } from '../../kernel/service-types.ts';

/** Id 1 for each actor without a slot; undefined when there is none. */
const unattributedIds = (slots: Uint32Array): Uint32Array | undefined =>
  slots.includes(0) ? slots.map((slot) => (slot === 0 ? 1 : 0)) : undefined;

type Lookups = Pick<KernelLookups, 'processes' | 'cgroups'>;

type Columns = (frame: Frame) => readonly AttributeColumn[];

/** True when records of this kind say themselves where their process is known from. */
const isAttributed = ({ kind }: Batch): boolean => kind.fields.some(({ name }) => name === attributeName.attribution);

/** The columns of frames whose actors `lookups` knows. */
const createColumns = ({ processes, cgroups }: Lookups, ancestors: number): Record<'attributed' | 'others', Columns> => {
  const ancestorSource = processes.ancestorSource(ancestors);
  const unattributedOf = createFrameMemo(
    () => processes.version,
    (frame: Frame) => unattributedIds(processes.resolve(frame)),
  );
  const more: Columns = (frame) => [
    { source: cgroups.source, ids: cgroups.resolve(frame).paths },
    ...(ancestors === 0 ? [] : [{ source: ancestorSource, ids: processes.resolveParents(frame) }]),
  ];
  return {
    attributed: (frame) => [{ source: processes.programSource, ids: processes.resolve(frame) }, ...more(frame)],
    others(frame) {
      const unattributed = unattributedOf(frame);
      return [
        { source: processes.source, ids: processes.resolve(frame) },
        ...(unattributed === undefined ? [] : [{ source: unattributedSource, ids: unattributed }]),
        ...more(frame),
      ];
    },
  };
};

/** Adds the columns of this processor. They are computed once a frame, however many batches and pipelines it has. */
export const createProcessColumns = (own: KernelLookups, ancestors: number): ((batch: Batch) => Batch) => {
  const columnsByLookups = new WeakMap<Lookups, ReturnType<typeof createColumns>>();
  return (batch) => {
    const lookups = lookupsOf(batch.frame, own);
    let columnsOf = columnsByLookups.get(lookups);
    if (columnsOf === undefined) {
      columnsOf = createColumns(lookups, ancestors);
      columnsByLookups.set(lookups, columnsOf);
    }
    return columnsOf[isAttributed(batch) ? 'attributed' : 'others'](batch.frame).reduce(withActorAttributes, batch);
  };
};
