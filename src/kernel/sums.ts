/** Maps of the kernel that only add up, read at one go. */
import type { Sums } from './addon.ts';

/** A reading of one map. */
export type Reading = Sums & {
  /** Another one says that the programs were loaded anew and count from nothing. */
  readonly generation: number;
  /** Keys by which series are told apart, when these are not the keys of the map: as many, each of the bytes that the definition of the series says. */
  readonly seriesKeys?: Buffer;
};

let generations = 0;

/** A number for what has just been loaded; no other load of this process has it. */
export const nextGeneration = (): number => ++generations;
