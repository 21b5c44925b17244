import { viewOf } from './copy.ts';

/** Memory that doubles, for what many small things are written into one behind the other. `bytes` and `view` show the same and change when it grows. */
export type Arena = {
  bytes: Uint8Array;
  view: DataView;
  /** The end of what was written. */
  at: number;
  /** Makes room for `count` bytes behind `at`. */
  reserve(count: number): void;
};

const FIRST_BYTES = 64 * 1024;

export const createArena = (): Arena => {
  const bytes = new Uint8Array(FIRST_BYTES);
  const arena: Arena = {
    bytes,
    view: viewOf(bytes),
    at: 0,
    reserve(count) {
      const need = arena.at + count;
      if (need <= arena.bytes.length) return;
      const written = arena.bytes.subarray(0, arena.at);
      arena.bytes = new Uint8Array(Math.max(2 * arena.bytes.length, need));
      arena.view = viewOf(arena.bytes);
      arena.bytes.set(written);
    },
  };
  return arena;
};
