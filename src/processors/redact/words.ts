/** A script cut roughly into words, as a shell would. */

/** `[start, end)` in the text; a word that stands in quotes as a whole is without them. A separator of commands is a word of its own. */
export type Word = { readonly start: number; readonly end: number; readonly isSeparator: boolean };

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09 || code === 0x0d;
/** newline ; | & ( ) */
const isSeparatorCode = (code: number): boolean =>
  code === 0x0a || code === 0x3b || code === 0x7c || code === 0x26 || code === 0x28 || code === 0x29 || code === 0x60;

/** Where the quote that opens at `at` is closed; the end of the text when it is not. */
const closing = (text: string, at: number, end: number): number => {
  const quote = text.charCodeAt(at);
  for (let i = at + 1; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5c && quote === 0x22) i++;
    else if (code === quote) return i;
  }
  return end;
};

/** Words of `text[from, to)`. Linear in its length. */
export const wordsIn = (text: string, from = 0, to = text.length): readonly Word[] => {
  const words: Word[] = [];
  let at = from;
  while (at < to) {
    const code = text.charCodeAt(at);
    if (isBlank(code)) {
      at++;
    } else if (isSeparatorCode(code)) {
      words.push({ start: at, end: at + 1, isSeparator: true });
      at++;
    } else {
      const start = at;
      let quoted = -1;
      while (at < to) {
        const next = text.charCodeAt(at);
        if (next === 0x5c) at = Math.min(to, at + 2);
        else if (next === 0x22 || next === 0x27) {
          const close = closing(text, at, to);
          if (at === start) quoted = close;
          at = Math.min(to, close + 1);
        } else if (next === 0x24 && text.charCodeAt(at + 1) === 0x28) {
          // $( begins a command inside the word; $((, an expression, does no harm
          break;
        } else if (isBlank(next) || isSeparatorCode(next)) break;
        else at++;
      }
      if (at === start) {
        words.push({ start: at, end: at + 1, isSeparator: true });
        at++;
      } else if (quoted >= 0 && at >= quoted && at <= quoted + 1)
        words.push({ start: start + 1, end: Math.min(quoted, at), isSeparator: false });
      else words.push({ start, end: at, isSeparator: false });
    }
  }
  return words;
};
