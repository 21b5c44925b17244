/** The buffer that a request grows in. */
import type { RequestMemory } from './request-memory.ts';

/** `bytes` and `view` show the same memory and change when it grows; `at` is the end of what was written. */
export type Output = {
  bytes: Uint8Array;
  view: DataView;
  at: number;
  /** Makes room for `count` bytes behind `at`. */
  reserve(count: number): void;
  /** Gives what was written as it lies, and starts again in memory of the same size. The old memory is the caller's, to give back. */
  exchange(): Uint8Array;
  /** What was written, in memory that is its own from now on; the output is empty again. */
  take(): Buffer;
  /** A copy of what was written, no longer than that; the output is empty again and keeps its memory. */
  copy(): Buffer;
  /** Gives back the memory of what `take` or `exchange` gave, for later requests; nobody may look at it any more. */
  recycle(taken: Uint8Array): void;
};

const FIRST_BYTES = 64 * 1024;
/** Doubles as needed up to the size of a piece of `memory`. */
export const createOutput = (memory: RequestMemory): Output => {
  const most = memory.bytes;
  const allocate = (size: number): void => {
    output.bytes = new Uint8Array(size === most ? memory.take() : new ArrayBuffer(size));
    output.view = new DataView(output.bytes.buffer);
  };
  const output: Output = {
    bytes: new Uint8Array(0),
    view: new DataView(new ArrayBuffer(0)),
    at: 0,
    reserve(count) {
      const need = output.at + count;
      if (need <= output.bytes.length) return;
      const old = output.bytes;
      const doubled = Math.max(FIRST_BYTES, old.length * 2, need);
      // the last step goes to the full size, the only one that is kept as a spare
      allocate(need > most ? need : doubled * 2 > most ? most : doubled);
      output.bytes.set(old.subarray(0, output.at));
    },
    exchange() {
      const written = output.bytes.subarray(0, output.at);
      output.at = 0;
      allocate(output.bytes.length);
      return written;
    },
    copy() {
      const copied = Buffer.allocUnsafeSlow(output.at);
      copied.set(output.bytes.subarray(0, output.at));
      output.at = 0;
      if (output.bytes.length > most) allocate(FIRST_BYTES);
      return copied;
    },
    take() {
      if (output.at * 2 > output.bytes.length) {
        // mostly full: the memory itself goes, which saves a copy; what was not written of it is not resident
        const whole = Buffer.from(output.bytes.buffer as ArrayBuffer, 0, output.at);
        output.at = 0;
        allocate(Math.min(most, output.bytes.length));
        return whole;
      }
      return output.copy();
    },
    recycle: ({ buffer }) => memory.give(buffer),
  };
  return output;
};
