/**
 * Where the secrets of commands were found that ran not long ago: hosts run the same ones again and again. Only a hash of each command is
 * kept, so that no secret stays in memory. The hash has 64 bits and a seed: that two commands have the same one by chance does not happen, and
 * nobody can make one for a secret that he does not know.
 */
import { randomInt } from 'node:crypto';
import { LENGTH_MASK, type StringTable } from '../../core/batch.ts';
import type { Spans } from './redactor.ts';

export type CommandMemo = {
  /** What was found in the command of `count` strings from `first`; undefined when it is not known. Without an entry for a string: nothing. */
  get(strings: StringTable, first: number, count: number, isCut: boolean): readonly Spans[] | undefined;
  /** Keeps what was found in the command that `get` was called with last. */
  keep(spans: readonly Spans[]): void;
};

/** Commands that are remembered. Each has a few places; one that finds all taken takes one of them in turn. */
const PLACES = 4096;
const WAYS = 4;
/** With more strings or spans a command is not remembered, so that the memory is bounded. */
const MOST_STRINGS = 64;
const MOST_SPANS = 16;

const NOTHING: readonly Spans[] = [];
const seed = (): number => randomInt(2 ** 32) | 1;

export const createCommandMemo = (): CommandMemo => {
  const [seedLo, seedHi] = [seed(), seed()];
  const keysLo = new Int32Array(PLACES);
  const keysHi = new Int32Array(PLACES);
  const values: (readonly Spans[] | undefined)[] = Array.from({ length: PLACES }, () => undefined);
  let lo = 0;
  let hi = 0;
  let isSmall = true;
  let turn = 0;
  return {
    get({ bytes, offsets, lengths }, first, count, isCut) {
      isSmall = count <= MOST_STRINGS;
      if (!isSmall) return undefined;
      lo = seedLo ^ count;
      hi = seedHi ^ (isCut ? 1 : 0);
      for (let id = first; id < first + count; id++) {
        const start = offsets[id]!;
        const length = lengths[id]! & LENGTH_MASK;
        lo = Math.imul(lo ^ length, 0x9e37_79b1);
        hi = Math.imul(hi + length, 0x85eb_ca77);
        for (let i = start; i < start + length; i++) {
          const byte = bytes[i]!;
          lo = Math.imul(lo ^ byte, 0x0100_0193);
          lo ^= lo >>> 15;
          hi = Math.imul(hi + byte, 0xc2b2_ae3d);
          hi ^= hi >>> 13;
        }
      }
      const set = (lo ^ (hi >>> 7)) & (PLACES - WAYS);
      for (let place = set; place < set + WAYS; place++) {
        if (keysLo[place] === lo && keysHi[place] === hi) return values[place];
      }
      return undefined;
    },
    keep(spans) {
      if (!isSmall) return;
      const some = spans.reduce((sum, { length }) => sum + length, 0);
      if (some > 2 * MOST_SPANS) return;
      const set = (lo ^ (hi >>> 7)) & (PLACES - WAYS);
      let place = set;
      while (place < set + WAYS && values[place] !== undefined) place++;
      if (place === set + WAYS) place = set + (turn++ & (WAYS - 1));
      keysLo[place] = lo;
      keysHi[place] = hi;
      values[place] = some === 0 ? NOTHING : spans;
    },
  };
};
