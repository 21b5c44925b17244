import { rowsOf, type Attribute, type Batch, type EventSchema } from '../core/batch.ts';
import { headNames } from './actor-head.ts';
import { rowReaderOf } from './log-text.ts';
import { createRowSource } from './row-source.ts';

/** Each name once: of several values the one that stands last on the wire, so that what a row has goes before what its actor has. */
export const distinctAttributes = (attributes: readonly Attribute[]): readonly Attribute[] => [...new Map(attributes)];

/** Kinds without their fields, kept for as long as the kind, so that a writer prepares each once. */
const bareKinds = new WeakMap<EventSchema, EventSchema>();
const bareKindOf = (kind: EventSchema): EventSchema => {
  let bare = bareKinds.get(kind);
  if (bare === undefined) bareKinds.set(kind, (bare = { ...kind, fields: [] }));
  return bare;
};

/**
 * A view in which no record has a name twice; the batch itself where processors are known to have added none that may be there already
 * (`Batch.mayRepeat`). Otherwise each record is read and written anew, which is slow and rare: `resolve_user` behind `attributes` that sets the owner.
 */
export const distinctOf = (batch: Batch): Batch => {
  if (batch.mayRepeat !== true) return batch;
  const read = rowReaderOf(batch);
  const source = createRowSource();
  const ids = new Uint32Array(batch.rows);
  for (let i = 0; i < rowsOf(batch); i++) {
    const row = batch.selection?.[i] ?? i;
    ids[row] = source.add(distinctAttributes(read(row)));
  }
  return {
    ...batch,
    kind: bareKindOf(batch.kind),
    actorAttributes: [],
    rowAttributes: [{ source, ids }],
    omitted: headNames,
    mayRepeat: false,
  };
};
