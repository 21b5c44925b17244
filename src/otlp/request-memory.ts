/**
 * Memory that requests were written into, for the next ones. Fresh memory costs a fault a page, and the garbage collector counts it: every ten
 * or so megabytes make it go through the whole heap, which took more time than writing the requests.
 */

/** Of one size. What is held here was all in use at the same time, so the most that requests held bounds it. */
export type RequestMemory = {
  /** Of every piece: a usual request, with room for its last record. */
  readonly bytes: number;
  /** Zeroed or not; nobody else has it. */
  take(): ArrayBuffer;
  /** Nobody may look at it any more. Memory of another size is let go of. */
  give(memory: ArrayBufferLike): void;
  /** To be called now and then: lets go of what was not needed for a while. */
  trim(nowMs: number): void;
};

/** Beyond the usual size, room for the last record of a request. A buffer that one huge record made larger than that is let go of. */
const RECORD_ROOM_BYTES = 256 * 1024;
/** So many stay also when they are not needed. */
const KEPT = 2;
/** What nobody needed for so long goes. */
const IDLE_MS = 1000;

export const createRequestMemory = (usualBytes: number): RequestMemory => {
  const bytes = usualBytes + RECORD_ROOM_BYTES;
  const spares: ArrayBuffer[] = [];
  /** The fewest spares since `sinceMs`: as many were needed by nobody. */
  let fewest = 0;
  let sinceMs = 0;
  return {
    bytes,
    take() {
      const spare = spares.pop();
      fewest = Math.min(fewest, spares.length);
      return spare ?? new ArrayBuffer(bytes);
    },
    give(memory) {
      if (memory.byteLength === bytes) spares.push(memory as ArrayBuffer);
    },
    trim(nowMs) {
      if (spares.length <= KEPT || nowMs - sinceMs < IDLE_MS) return;
      spares.length -= Math.min(fewest, spares.length - KEPT);
      fewest = spares.length;
      sinceMs = nowMs;
    },
  };
};
