/** Values by ids that are counted from 0, forgotten all at once. */
export type IdMemo<T> = {
  /** Forgets everything; ids are below `count`. */
  open(count: number): void;
  get(id: number): T | undefined;
  set(id: number, value: T): void;
};

/** It keeps its memory: as much as the largest frame has strings. */
export const createIdMemo = <T>(): IdMemo<T> => {
  let stamps = new Uint32Array(0);
  let values: (T | undefined)[] = [];
  let stamp = 0;
  return {
    open(count) {
      if (count > stamps.length || stamp === 0xffff_ffff) {
        stamps = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(count, 64))));
        values = Array.from({ length: stamps.length });
        stamp = 0;
      }
      stamp++;
    },
    get: (id) => (stamps[id] === stamp ? values[id] : undefined),
    set(id, value) {
      stamps[id] = stamp;
      values[id] = value;
    },
  };
};
