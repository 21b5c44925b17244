/** "Did you mean": the nearest of some names, by edit distance. */

/** Names longer than this are not compared; no key is. */
const LONGEST_NAME = 64;

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment). */
export const editDistance = (a: string, b: string): number => {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      let cost = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + same);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        cost = Math.min(cost, before[column - 2]! + 1);
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length]!;
};

const plain = (name: string) => name.toLowerCase().replaceAll('-', '_');

/** The candidate that is nearest to `name`, if one is near enough to be meant: at most a third of its letters differ. */
export const nearest = (name: string, candidates: readonly string[]): string | undefined => {
  if (name.length > LONGEST_NAME) return undefined;
  let best: string | undefined;
  let least = Math.min(3, Math.max(1, Math.floor(name.length / 3))) + 1;
  for (const candidate of candidates) {
    if (candidate === name) continue;
    const distance = editDistance(plain(name), plain(candidate));
    if (distance < least && distance < Math.max(name.length, candidate.length)) {
      best = candidate;
      least = distance;
    }
  }
  return best;
};

/** `; did you mean "logs"?` or nothing. */
export const didYouMean = (name: string, candidates: readonly string[]): string => {
  const meant = nearest(name, candidates);
  return meant === undefined ? '' : `; did you mean "${meant}"?`;
};

/** `a`, `a or b`, `a, b or c`. */
export const oneOf = (names: readonly string[]): string =>
  names.length < 2 ? (names[0] ?? 'nothing') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
