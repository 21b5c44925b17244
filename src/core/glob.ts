/** Patterns of shells as far as names need them: `*` stands for any text, `?` for one character; there is no way to take their meaning away. */

export const hasWildcard = (pattern: string): boolean => /[*?]/.test(pattern);

const QUESTION = 0x3f;
const STAR = 0x2a;

/** Whether the pattern matches the whole text: in time of their lengths multiplied at most, without memory. A character is a UTF-16 unit. */
export const globMatches = (pattern: string, text: string): boolean => {
  let [p, t] = [0, 0];
  // where to go on when what was tried behind the last star does not match
  let [star, from] = [-1, 0];
  while (t < text.length) {
    const wanted = p < pattern.length ? pattern.charCodeAt(p) : -1;
    if (wanted === STAR) {
      star = p++;
      from = t;
    } else if (wanted === QUESTION || wanted === text.charCodeAt(t)) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++from;
    } else return false;
  }
  while (p < pattern.length && pattern.charCodeAt(p) === STAR) p++;
  return p === pattern.length;
};
