/** Texts that begin other texts. */

/** Calls `visit` for each text with the longest other text that begins it, which was visited before. */
export const walkNested = (texts: Iterable<string>, visit: (text: string, outer: string | undefined) => void): void => {
  const open: string[] = [];
  for (const text of [...texts].toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))) {
    while (open.length > 0 && !text.startsWith(open.at(-1)!)) open.pop();
    visit(text, open.at(-1));
    open.push(text);
  }
};

/** Those that begin with more than `most` others. */
export const nestedDeeply = (texts: Iterable<string>, most: number): ReadonlySet<string> => {
  const depths = new Map<string, number>();
  const deep = new Set<string>();
  walkNested(texts, (text, outer) => {
    const depth = outer === undefined ? 0 : depths.get(outer)! + 1;
    depths.set(text, depth);
    if (depth > most) deep.add(text);
  });
  return deep;
};
