/** How much room text takes on a terminal. Good enough for what stands in command lines; where terminals differ, rather too much than too little. */

/** East Asian wide and fullwidth blocks, and pictures. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f64f}\u{1f680}-\u{1faff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/u;
/** They stand on the character before; spacing marks take room of their own. */
const mark = /[\p{Mn}\p{Me}]/u;
/** Makes some characters before it wide. */
const PICTURE_SELECTOR = '\ufe0f';

const widthOf = (character: string): number =>
  character < '\u0300' ? 1 : character === PICTURE_SELECTOR ? 1 : mark.test(character) ? 0 : wide.test(character) ? 2 : 1;

export const textWidth = (text: string): number => {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
};

/** Cuts text to `width` columns, the last of them an ellipsis when something is missing. Looks no further than that. */
export const cutText = (text: string, width: number): string => {
  let used = 0;
  let at = 0;
  let cutAt = 0;
  for (const character of text) {
    used += widthOf(character);
    if (used > width) return width > 0 ? `${text.slice(0, cutAt)}…` : '';
    at += character.length;
    if (used < width) cutAt = at;
  }
  return text;
};

export const padText = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - textWidth(text)));
