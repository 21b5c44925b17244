/** What is kept of each row of a metric. One object whose arrays grow, so that loops over it stay monomorphic. */
import type { Attribute } from '../../../core/batch.ts';

export const rowState = {
  /** Nobody's. */
  free: 0,
  /** In the kernel's map, and not a series of its own. */
  waiting: 1,
  /** A series of its own. */
  told: 2,
  /** What found no room in a map of the kernel, of one class. */
  rest: 3,
} as const;

export type Columns = {
  /** Words of a value. */
  readonly width: number;
  /** As the kernel has it, in this reading. */
  raw: Float64Array;
  /** The most of it that was counted: what is above is new. Below zero: what was taken out of the kernel's map and not counted yet. */
  high: Float64Array;
  /** Of the series. */
  value: Float64Array;
  /** The value as it was told last. */
  told: Float64Array;
  /** When it moved last, Unix time in ms. */
  movedMs: Float64Array;
  /** 0: not known, or of none. */
  cgroup: Float64Array;
  state: Uint8Array;
  /** Whether units of it are in a series that it is not in now. */
  spilled: Uint8Array;
  classes: Uint8Array;
  /** Number of the reading since which each one had it, and of the last one that did. */
  born: Uint32Array;
  seen: Uint32Array;
  /** And of the last one that had it in another map than the first. */
  elsewhere: Uint32Array;
  /** Where the last reading has it: part of the metric, and entry. */
  part: Uint8Array;
  entry: Uint32Array;
  readonly startNs: bigint[];
  readonly attributes: (readonly Attribute[])[];
};

const FIRST_ROWS = 64;

export const createColumns = (width: number): Columns => ({
  width,
  raw: new Float64Array(FIRST_ROWS * width),
  high: new Float64Array(FIRST_ROWS * width),
  value: new Float64Array(FIRST_ROWS * width),
  told: new Float64Array(FIRST_ROWS * width),
  movedMs: new Float64Array(FIRST_ROWS),
  cgroup: new Float64Array(FIRST_ROWS),
  state: new Uint8Array(FIRST_ROWS),
  spilled: new Uint8Array(FIRST_ROWS),
  classes: new Uint8Array(FIRST_ROWS),
  born: new Uint32Array(FIRST_ROWS),
  seen: new Uint32Array(FIRST_ROWS),
  elsewhere: new Uint32Array(FIRST_ROWS),
  part: new Uint8Array(FIRST_ROWS),
  entry: new Uint32Array(FIRST_ROWS),
  startNs: [],
  attributes: [],
});

const longer = <T extends Float64Array | Uint32Array | Uint8Array>(column: T): T => {
  const next = new (column.constructor as new (length: number) => T)(column.length * 2);
  next.set(column);
  return next;
};

/** Makes room for a row. */
export const growFor = (columns: Columns, row: number): void => {
  while (row >= columns.state.length) {
    for (const name of ['raw', 'high', 'value', 'told', 'movedMs', 'cgroup'] as const) columns[name] = longer(columns[name]);
    for (const name of ['state', 'spilled', 'classes', 'part'] as const) columns[name] = longer(columns[name]);
    for (const name of ['born', 'seen', 'elsewhere', 'entry'] as const) columns[name] = longer(columns[name]);
  }
};

/** Of a row that is handed out: nothing of whoever had it before. */
export const clearRow = (columns: Columns, row: number): void => {
  const { width } = columns;
  for (const name of ['raw', 'high', 'value', 'told'] as const) columns[name].fill(0, row * width, (row + 1) * width);
  columns.spilled[row] = 0;
  columns.seen[row] = 0;
  columns.elsewhere[row] = 0;
  columns.startNs[row] = 0n;
  columns.attributes[row] = [];
};
