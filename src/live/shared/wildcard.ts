/** Names as people write them: `*` is anything, `?` one character. */

/** Whether the whole text matches; linear but for what is behind the last `*`, which is tried again. */
const matches = (pattern: string, text: string): boolean => {
  let at = 0;
  let star = -1;
  let retry = 0;
  let index = 0;
  while (index < text.length) {
    const wanted = pattern[at];
    if (wanted === '*') {
      star = at++;
      retry = index;
    } else if (wanted === '?' || (wanted !== undefined && wanted === text[index])) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++retry;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
};

/** True of a text that one of the patterns is about; of all without patterns. */
export const wildcardTest = (patterns: readonly string[]): ((text: string) => boolean) => {
  if (patterns.length === 0) return () => true;
  const plain = new Set(patterns.filter((pattern) => !/[*?]/.test(pattern)));
  const others = patterns.filter((pattern) => !plain.has(pattern));
  return (text) => plain.has(text) || others.some((pattern) => matches(pattern, text));
};
