/** Chance that can be repeated: the same seed gives the same numbers. */
export const createRandom = (seed: number) => {
  let state = seed >>> 0;
  /** mulberry32 */
  const next = (): number => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number): number => (limit <= 1 ? 0 : next() % limit);
  const edges = [0, 1, 2, 7, 8, 95, 96, 0x7f, 0xff, 0x100, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fff8];
  return {
    below,
    /** A number of 32 bits where things go wrong. */
    interesting: (): number => (below(2) === 0 ? edges[below(edges.length)]! : next()),
    bytes: (length: number): Buffer => Buffer.from(Uint8Array.from({ length }, () => next())),
    /** Flips bits, or sets bytes, at so many places. */
    mutate(bytes: Uint8Array, places: number): void {
      for (let i = 0; i < places && bytes.length > 0; i++) {
        const at = below(bytes.length);
        bytes[at] = below(2) === 0 ? bytes[at]! ^ (1 << below(8)) : next();
      }
    },
  };
};
