/** Lines of parts, put together. */
import type { Part } from '../../text/parts.ts';
import { cutText, textWidth } from '../../text/width.ts';

export const widthOf = (parts: readonly Part[]): number => parts.reduce((sum, { text }) => sum + textWidth(text), 0);

/** Cut to a width. */
export const cutParts = (parts: readonly Part[], width: number): readonly Part[] => {
  const shown: Part[] = [];
  let room = width;
  for (const part of parts) {
    const text = cutText(part.text, room);
    if (text !== '') shown.push({ ...part, text });
    room -= textWidth(text);
    if (text !== part.text) break;
  }
  return shown;
};

/** One part at the left edge and one at the right; the left one is cut when there is no room for both, the right one left out before. */
export const spread = (left: readonly Part[], right: readonly Part[], width: number, leastLeft = 16): readonly Part[] => {
  const rightWidth = widthOf(right);
  const room = width - rightWidth - 1;
  if (right.length === 0 || room < Math.min(leastLeft, widthOf(left))) return cutParts(left, width);
  const shown = cutParts(left, room);
  return [...shown, { text: ' '.repeat(width - rightWidth - widthOf(shown)) }, ...right];
};

/** As many as there is room for, with a gap between them. */
export const fitted = (groups: readonly (readonly Part[])[], gap: Part, width: number): readonly Part[] => {
  let line: readonly Part[] = [];
  for (const group of groups) {
    const longer = line.length === 0 ? group : [...line, gap, ...group];
    if (widthOf(longer) > width) break;
    line = longer;
  }
  return line;
};

/** Words in lines of at most `width`; a word that is longer is cut. */
export const wrapWords = (text: string, width: number): readonly string[] => {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (textWidth(longer) <= width) line = longer;
    else {
      if (line !== '') lines.push(line);
      line = cutText(word, width);
    }
  }
  return line === '' ? lines : [...lines, line];
};
