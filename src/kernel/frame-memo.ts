import type { Actors, Frame } from '../core/batch.ts';

/**
 * What `compute` makes of the actors of a frame, kept until another frame is asked for or `version` changes: several pipelines ask for the
 * same. A frame is known by its actors, which those that a processor derived from it share.
 */
export const createFrameMemo = <T>(version: () => number, compute: (frame: Frame) => T): ((frame: Frame) => T) => {
  let memo: { readonly actors: Actors; readonly version: number; readonly value: T } | undefined;
  return (frame) => {
    if (memo === undefined || memo.actors !== frame.actors || memo.version !== version()) {
      const value = compute(frame);
      memo = { actors: frame.actors, version: version(), value };
    }
    return memo.value;
  };
};
