/** Attributes that were added to single rows. */
import type { AttributeColumn } from '../core/batch.ts';

/** Writes those of a row; returns the position behind them. */
export const putRowAttributes = (columns: readonly AttributeColumn[], row: number, out: Uint8Array, start: number): number => {
  let at = start;
  for (let i = 0; i < columns.length; i++) {
    const { source, ids } = columns[i]!;
    if (ids[row] !== 0) at = source.write(ids[row]!, out, at);
  }
  return at;
};

/** Most bytes that `putRowAttributes` writes. */
export const rowAttributesBound = (columns: readonly AttributeColumn[], row: number): number => {
  let bytes = 0;
  for (let i = 0; i < columns.length; i++) {
    const { source, ids } = columns[i]!;
    if (ids[row] !== 0) bytes += source.size(ids[row]!);
  }
  return bytes;
};
