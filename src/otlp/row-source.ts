/** Attributes made for one batch: sets of them, written once and given to rows by their number. */
import type { Attribute, AttributeSource } from '../core/batch.ts';
import { encodeAttributes, putBytes } from './wire.ts';

export type RowSource = AttributeSource & {
  /** Returns the id of the set; 0 for an empty one. */
  add(attributes: readonly Attribute[]): number;
};

/** `names`: all that sets may have, if that is known. Lives as long as its batch. It holds what its rows hold, so it is bounded by what a frame holds. */
export const createRowSource = (names?: ReadonlySet<string>): RowSource => {
  const sets: (readonly Attribute[])[] = [[]];
  const encoded: Uint8Array[] = [new Uint8Array(0)];
  return {
    names,
    add(attributes) {
      if (attributes.length === 0) return 0;
      encoded.push(encodeAttributes(attributes));
      return sets.push(attributes) - 1;
    },
    size: (id) => encoded[id]!.length,
    write: (id, out, at) => putBytes(out, at, encoded[id]!),
    entries: (id) => sets[id]!,
  };
};
