import type { Column, Columns, Frame } from '../core/batch.ts';

/** The rows of one kernel kind as they came out of the ring, before a receiver gives them a name. `kind` is `enum event_kind`. */
export type KernelBatch = {
  readonly kind: number;
  readonly rows: number;
  readonly bootNsLo: Column;
  readonly bootNsHi: Column;
  /** Index into `frame.actors`. */
  readonly actor: Column;
  readonly columns: Columns;
  /** String ids of where in a trace the thread was, see `Batch.contexts`; undefined: nowhere, in any row. */
  readonly contexts?: Column | undefined;
};

/** In the order of their numbers, each kind at most once: lifecycle kinds come first, but for those of cgroups, which the gate alone looks at. */
export type KernelFrame = Frame & {
  readonly batches: readonly KernelBatch[];
  /** Set when the records were made from /proc and not by the kernel side; it is then the attribution of what they tell. */
  readonly attribution?: 'procfs';
};
