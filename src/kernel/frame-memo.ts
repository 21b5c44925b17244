import type { Frame } from '../core/batch.ts';

/** What `compute` makes of a frame, kept until another frame is asked for or `version` changes: several pipelines ask for the same. */
export const createFrameMemo = <T>(version: () => number, compute: (frame: Frame) => T): ((frame: Frame) => T) => {
  let memo: { readonly frame: Frame; readonly version: number; readonly value: T } | undefined;
  return (frame) => {
    if (memo === undefined || memo.frame !== frame || memo.version !== version()) {
      const value = compute(frame);
      memo = { frame, version: version(), value };
    }
    return memo.value;
  };
};
