import { actorsOf, type Column } from '../core/batch.ts';
import type { KernelBatch, KernelFrame } from './frames.ts';
import { actorLayout, eventLayouts, type FieldLayout } from './layouts.gen.ts';

/** The columns that a field fills, in order. */
const columnNames = (field: FieldLayout): readonly string[] => {
  if (field.role === 'list') return [field.name, `${field.name}Kept`];
  return field.role === 'number' && field.width === 8 ? [`${field.name}Lo`, `${field.name}Hi`] : [field.name];
};

const actorColumnNames = actorLayout.fields.flatMap(columnNames);
const kindColumnNames = new Map(Object.values(eventLayouts).map(({ kind, fields }) => [kind as number, fields.flatMap(columnNames)]));

/** Columns before those of the fields: time in two halves, actor. See native/layout.h. */
const LEADING_COLUMNS = 3;

/** Words from one column of a table to the next: an odd number of cache lines. See `Stride` in native/frame.h. */
const strideOf = (rows: number): number => (((rows + 15) >>> 4) | 1) << 4;

/**
 * The frame that lies in an arena, as views of its memory: valid until the frame is given back. The directory at its start is described in
 * native/frame.h.
 */
export const decodeFrame = (arena: ArrayBuffer): KernelFrame => {
  const directory = new Uint32Array(arena, 0, 13);
  const word = (index: number) => directory[index]!;
  const actorStride = strideOf(word(0));
  const actorCount = word(5);
  const view = (place: number, index: number, stride: number, length: number): Column =>
    new Uint32Array(arena, place + 4 * stride * index, length);

  const entries = new Uint32Array(arena, 13 * 4, 4 * word(12));
  const batches: KernelBatch[] = [];
  for (let i = 0; i < entries.length; i += 4) {
    const kind = entries[i]!;
    const rows = entries[i + 1]!;
    const place = entries[i + 2]!;
    const contexts = entries[i + 3]!;
    const stride = strideOf(rows);
    const columns: Record<string, Column> = {};
    kindColumnNames.get(kind)!.forEach((name, index) => {
      columns[name] = view(place, LEADING_COLUMNS + index, stride, rows);
    });
    batches.push({
      kind,
      rows,
      bootNsLo: view(place, 0, stride, rows),
      bootNsHi: view(place, 1, stride, rows),
      actor: view(place, 2, stride, rows),
      columns,
      contexts: contexts === 0 ? undefined : view(contexts, 0, 0, rows),
    });
  }
  return {
    sequence: word(1) + word(2) * 2 ** 32,
    wallOffsetNs: BigInt.asIntN(64, (BigInt(word(4)) << 32n) | BigInt(word(3))),
    strings: {
      count: word(7),
      offsets: view(word(8), 0, 0, word(7)),
      lengths: view(word(9), 0, 0, word(7)),
      bytes: new Uint8Array(arena, word(10), word(11)),
    },
    actors: actorsOf(actorCount, (name) => view(word(6), actorColumnNames.indexOf(name), actorStride, actorCount)),
    batches,
  };
};
