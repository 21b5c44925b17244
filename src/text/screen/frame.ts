/** Frames into bytes: only lines that changed are written, and no line can leave its place. */
import { styleText } from 'node:util';
import type { Part, Style } from '../parts.ts';
import { cutText, textWidth } from '../width.ts';
import { beginUpdate, endUpdate, eraseLine, eraseRest, eraseScreen, goTo, goToColumn } from './codes.ts';

export type Size = { readonly columns: number; readonly rows: number };

/** Lines from the top; those that are missing are empty. */
export type Frame = readonly (readonly Part[])[];

/** What a screen shows: one text a row, as it was written. */
export type Shown = { readonly size: Size; readonly lines: readonly string[] };

/** The last line of defence: texts are made safe where they come from. */
const control = /[\p{C}\p{Zl}\p{Zp}]/gu;
const plain = /^[ -~]*$/;
/** What we draw with: as wide as we think, or wider. */
const neverNarrower = /^[ -~·–…←→▲▼]*$/;

/** What `colour: false` leaves: who reads it is told apart by brightness. */
const kept: ReadonlySet<string> = new Set(['bold', 'inverse', 'underline']);

const styled = (text: string, style: Style | undefined, colour: boolean): string => {
  if (style === undefined) return text;
  const wanted = colour ? style : ([style].flat() as string[]).filter((name) => kept.has(name));
  return wanted.length === 0 ? text : styleText(wanted as Style, text, { validateStream: false });
};

/**
 * One line, at most `columns` wide. Terminals do not agree about how wide some characters are: behind such text the next part is put where it
 * belongs, and where it may be narrower than we think the line is emptied first.
 */
export const screenLine = (parts: readonly Part[], columns: number, colour: boolean): string => {
  let line = '';
  let column = 0;
  let isSure = true;
  let mayHaveGaps = false;
  for (const part of parts) {
    if (part.text === '') continue;
    const text = part.text.replace(control, '\ufffd');
    const shown = cutText(text, columns - column);
    if (shown === '') break;
    if (!isSure) line += goToColumn(column);
    isSure = plain.test(shown);
    mayHaveGaps ||= !neverNarrower.test(shown);
    line += styled(shown, part.style, colour);
    column += isSure ? shown.length : textWidth(shown);
    if (shown !== text) break;
  }
  // what is too wide for the last column is not shown there
  if (mayHaveGaps || (column === columns && !isSure)) return eraseLine + line;
  return column < columns ? line + eraseRest : line;
};

/** `before`: what the screen shows; undefined: nobody knows. `bytes` is empty when nothing changed. */
export const drawFrame = (
  frame: Frame,
  size: Size,
  { before, colour }: { readonly before: Shown | undefined; readonly colour: boolean },
): { readonly bytes: string; readonly shown: Shown } => {
  const isSame = before?.size.columns === size.columns && before.size.rows === size.rows;
  const lines = Array.from({ length: size.rows }, (_, row) => screenLine(frame[row] ?? [], size.columns, colour));
  let bytes = isSame ? '' : eraseScreen;
  lines.forEach((line, row) => {
    if (isSame ? before.lines[row] !== line : line !== eraseRest) bytes += goTo(row, 0) + line;
  });
  return { bytes: bytes === '' ? '' : beginUpdate + bytes + endUpdate, shown: { size, lines } };
};
