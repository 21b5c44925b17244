/** The first rows of an order, without putting all the others into one. */

/** Below zero: `a` stands before `b`. Never 0 for two different ones, so that rows stay where they are while nothing changes. */
export type Compare<T> = (a: T, b: T) => number;

/** Puts `rows[place]` where it belongs among `from` to `to`, what is before it in front. Returns the place. */
const partition = <T>(rows: T[], from: number, to: number, compare: Compare<T>): number => {
  const middle = (from + to) >> 1;
  const [a, b, c] = [rows[from]!, rows[middle]!, rows[to]!];
  const isMiddle = compare(a, b) < 0 ? compare(b, c) < 0 : compare(b, c) > 0;
  const pivotAt = isMiddle ? middle : (compare(a, b) < 0 ? compare(a, c) < 0 : compare(a, c) > 0) ? to : from;
  const pivot = rows[pivotAt]!;
  rows[pivotAt] = rows[to]!;
  let place = from;
  for (let index = from; index < to; index++) {
    const row = rows[index]!;
    if (compare(row, pivot) < 0) {
      rows[index] = rows[place]!;
      rows[place++] = row;
    }
  }
  rows[to] = rows[place]!;
  rows[place] = pivot;
  return place;
};

/** Of `rows`, whose order changes: those from `offset` on, `limit` at most. */
export const pageOf = <T>(rows: T[], compare: Compare<T>, offset: number, limit: number): readonly T[] => {
  const end = Math.min(offset + limit, rows.length);
  if (end <= offset) return [];
  let from = 0;
  let to = rows.length - 1;
  // until what belongs in front of `end` stands there, in any order
  while (from < to && end < rows.length) {
    const place = partition(rows, from, to, compare);
    if (place === end || place === end - 1) break;
    if (place < end) from = place + 1;
    else to = place - 1;
  }
  return rows.slice(0, end).sort(compare).slice(offset);
};

/** A row, what it is sorted by, and what tells it from all others. */
export type Keyed<T> = { readonly row: T; readonly key: number | string; readonly id: string };

/** By key, then by id. */
export const byKey = <T>(descending: boolean): Compare<Keyed<T>> => {
  const sign = descending ? -1 : 1;
  return (a, b) => {
    if (a.key !== b.key) return a.key < b.key ? -sign : sign;
    return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
  };
};
