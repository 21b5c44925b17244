/** What happened between two readings of what the kernel adds up, by place. */
import { type PlaceCounts, type SessionSums, type SettledCounts, sumsByPlace } from '../../kernel/sockets/settled-counts.ts';
import type { Reading } from '../../kernel/sums.ts';

export type Differences = {
  /** Where anything is open or happened. Sums are those since the reading before. */
  readonly places: readonly PlaceCounts[];
  /** The programs were loaded anew: what happened between the reading before and that is missing. */
  readonly isCut: boolean;
};

export type DifferenceReader = {
  next(now: SettledCounts): Differences;
  /** Somebody took these entries out of the map: it goes on from nothing there, and what they had grown since is still told. */
  take(taken: Reading): void;
};

type Base = { -readonly [K in keyof SessionSums]: SessionSums[K] };

const names = ['opened', 'failed', 'closed', 'sent', 'received'] as const satisfies readonly (keyof SessionSums)[];
const noBase = (): Base => ({ opened: 0, failed: 0, closed: 0, sent: 0, received: 0 });

/** The first reading is what others are compared with. */
export const createDifferences = (first: SettledCounts): DifferenceReader => {
  let generation = first.generation;
  const bases = new Map<string, Base>();
  const emptyPlaces = new Map<string, PlaceCounts>();

  /** Sums that are smaller than before are of a session that was just ending: it is told the next time. */
  const grown = (base: Base, now: SessionSums): Base => {
    const more = noBase();
    for (const name of names) {
      more[name] = Math.max(0, now[name] - base[name]);
      base[name] = Math.max(base[name], now[name]);
    }
    return more;
  };
  const baseOf = (text: string): Base => {
    let base = bases.get(text);
    if (base === undefined) bases.set(text, (base = noBase()));
    return base;
  };

  for (const [text, { opened, failed, closed, sent, received }] of first.places)
    bases.set(text, { opened, failed, closed, sent, received });

  return {
    next(now) {
      const isCut = now.generation !== generation;
      if (isCut) bases.clear();
      generation = now.generation;
      const places: PlaceCounts[] = [];
      for (const [text, place] of now.places) {
        const more = grown(baseOf(text), place);
        if (place.states.size > 0 || names.some((name) => more[name] > 0)) places.push({ ...place, ...more });
      }
      // taken out, and nothing came since
      for (const [text, place] of emptyPlaces) {
        const base = bases.get(text);
        if (base === undefined || now.places.has(text)) continue;
        const more = grown(base, noBase());
        if (names.some((name) => more[name] > 0)) places.push({ ...place, ...more });
        if (names.every((name) => base[name] === 0)) bases.delete(text);
      }
      emptyPlaces.clear();
      return { places, isCut };
    },
    take(taken) {
      if (taken.generation !== generation) return;
      for (const [text, { sums, place }] of sumsByPlace(taken)) {
        const base = baseOf(text);
        for (const name of names) base[name] -= sums[name];
        emptyPlaces.set(text, { ...place, ...noBase(), states: new Map() });
      }
    },
  };
};
