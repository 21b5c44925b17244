/** The rows of a view, put together by what they belong to, so that a request changes from one resource to another once a batch and not once a row. */

export type GroupOrder<T> = {
  /** Sorts the rows of a view by the groups of their `ids`; those of one group stay in their order. What it finds stands below until the next call. */
  sort(ids: Uint32Array, rows: number, selection: Uint32Array | undefined, groupOf: (id: number) => T): void;
  /** Different groups, in the order of their first rows, `count` of them. */
  readonly groups: readonly T[];
  /** Rows of `groups[i]` are `rows[starts[i], starts[i + 1])`. */
  readonly starts: readonly number[];
  readonly count: number;
  /** Undefined: there is one group at most, and the rows are those of the view. */
  readonly rows: Uint32Array | undefined;
};

const FIRST_IDS = 256;
const FIRST_ROWS = 1024;

const grown = (size: number): number => 2 ** Math.ceil(Math.log2(size));

/** Its memory grows to the largest batch and id that there were. */
export const createGroupOrder = <T>(): GroupOrder<T> => {
  /** For each id the place of its group in `groups`, plus one; 0: not seen. */
  let places = new Uint32Array(FIRST_IDS);
  let buffer = new Uint32Array(FIRST_ROWS);
  const seen: number[] = [];
  const placeOf = new Map<T, number>();
  const groups: T[] = [];
  const starts: number[] = [];
  const ends: number[] = [];

  const placeOfNew = (id: number, groupOf: (id: number) => T): number => {
    if (id >= places.length) {
      const more = new Uint32Array(grown(id + 1));
      more.set(places);
      places = more;
    }
    const group = groupOf(id);
    let place = placeOf.get(group);
    if (place === undefined) {
      place = groups.push(group);
      placeOf.set(group, place);
      ends[place - 1] = 0;
    }
    seen.push(id);
    places[id] = place;
    return place;
  };

  const clear = (): void => {
    for (const id of seen) places[id] = 0;
    seen.length = 0;
    placeOf.clear();
    groups.length = 0;
  };

  const distribute = (ids: Uint32Array, total: number, selection: Uint32Array | undefined): Uint32Array => {
    if (buffer.length < total) buffer = new Uint32Array(grown(total));
    for (let i = 0; i < total; i++) {
      const row = selection === undefined ? i : selection[i]!;
      buffer[ends[places[ids[row]!]! - 1]!++] = row;
    }
    return buffer;
  };

  const order = {
    groups,
    starts,
    count: 0,
    rows: undefined as Uint32Array | undefined,
    sort(ids: Uint32Array, rows: number, selection: Uint32Array | undefined, groupOf: (id: number) => T): void {
      const total = selection === undefined ? rows : selection.length;
      clear();
      for (let i = 0; i < total; i++) {
        const id = ids[selection === undefined ? i : selection[i]!]!;
        const place = places[id];
        ends[(place === undefined || place === 0 ? placeOfNew(id, groupOf) : place) - 1]!++;
      }
      const count = groups.length;
      let at = 0;
      for (let i = 0; i < count; i++) {
        starts[i] = at;
        at += ends[i]!;
        ends[i] = starts[i]!;
      }
      starts[count] = at;
      order.count = count;
      order.rows = count > 1 ? distribute(ids, total, selection) : undefined;
    },
  };
  return order;
};
