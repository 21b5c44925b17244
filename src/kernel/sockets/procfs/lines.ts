import { closeSync, openSync, readSync } from 'node:fs';
import { readFailure, type ReadFailure } from '../../procfs/read.ts';
import type { Breath } from './breath.ts';

/** Far longer than any line of the kernel's; what is longer is left out. */
const MAX_LINE_BYTES = 65_536;
const NEWLINE = 10;

/** A line without its newline is `bytes[start..end)`, valid during the call only. */
export type OnLine = (bytes: Uint8Array, start: number, end: number) => void;

export type LinesResult = { readonly ok: true } | ReadFailure;

/** The buffer of the last reader that ended; those that run at the same time have their own. */
let spare: Uint8Array | undefined;

export type LinesOptions = {
  /** The first line names the columns, and is left out. */
  readonly hasTitle: boolean;
  /** Asked once the file is open; false makes it `gone`. */
  readonly isStill?: () => boolean;
};

/** Every line of a table in procfs. The kernel makes it a page at a time while it changes: a row may be missing, or come twice. */
export const readLines = async (path: string, breath: Breath, options: LinesOptions, onLine: OnLine): Promise<LinesResult> => {
  const { hasTitle, isStill = () => true } = options;
  const buffer = spare ?? new Uint8Array(MAX_LINE_BYTES);
  spare = undefined;
  let file: number | undefined;
  try {
    // Synchronous: procfs is made in memory, and a page of it costs less than the way to the pool of threads and back.
    file = openSync(path, 'r');
    if (!isStill()) return { ok: false, reason: 'gone' };
    let kept = 0;
    let skips = hasTitle;
    for (;;) {
      const read = readSync(file, buffer, kept, buffer.length - kept, null);
      if (read === 0) return { ok: true };
      const filled = kept + read;
      const text = buffer.subarray(0, filled);
      let start = 0;
      for (let end = text.indexOf(NEWLINE, kept); end >= 0; end = text.indexOf(NEWLINE, start)) {
        if (!skips) onLine(buffer, start, end);
        skips = false;
        start = end + 1;
      }
      kept = filled - start;
      if (kept === buffer.length) {
        kept = 0;
        skips = true;
      } else if (start > 0) buffer.copyWithin(0, start, filled);
      if (breath.isDue()) await breath.take();
    }
  } catch (error) {
    return readFailure(error);
  } finally {
    if (file !== undefined) closeSync(file);
    spare = buffer;
  }
};
