/** A terminal that knows what we write and nothing else: anything more throws. */
import { textWidth } from '../../../src/text/width.ts';

export type TerminalModel = {
  write(text: string): void;
  resize(columns: number, rows: number): void;
  /** What can be seen, without blanks at the ends. */
  lines(): readonly string[];
  /** Styles of a row, a number for each column. */
  styles(row: number): readonly string[];
  cursor(): { readonly row: number; readonly column: number };
  readonly modes: ReadonlySet<string>;
};

type Cell = { readonly text: string; readonly style: string };

/** A sequence of ours, a character, or a control character, which is none. */
// oxlint-disable-next-line no-control-regex -- they are what is meant
const token = /\u001b\[(\??)([\d;]*)([A-Za-z])|[\s\S]/gu;

/** `width`: how wide this one thinks that characters are. */
const ends: Readonly<Record<number, (code: number) => boolean>> = {
  0: () => true,
  22: (code) => code === 1 || code === 2,
  24: (code) => code === 4,
  27: (code) => code === 7,
  39: (code) => code >= 30 && code < 38,
};

/** Codes that hold, with `;` between them. */
const styleAfter = (style: string, code: number): string => {
  const codes = style === '' ? [] : style.split(';').map(Number);
  const isOver = ends[code];
  return (isOver === undefined ? [...codes, code] : codes.filter((one) => !isOver(one))).join(';');
};

export const createTerminalModel = (columns: number, rows: number, width: (character: string) => number = textWidth): TerminalModel => {
  const modes = new Set(['7', '25']);
  const blank: Cell = { text: ' ', style: '' };
  let screen: Cell[][] = [];
  let [row, column, style] = [0, 0, ''];
  const clear = (): void => void (screen = Array.from({ length: rows }, () => Array.from({ length: columns }, () => blank)));
  const put = (line: Cell[], at: number, cell: Cell): void => {
    // half of a wide character is none
    if (line[at]?.text === '' && at > 0) line[at - 1] = blank;
    if (line[at + 1]?.text === '' && cell.text !== '') line[at + 1] = blank;
    line[at] = cell;
  };
  const print = (character: string): void => {
    const line = screen[row]!;
    const wide = width(character);
    if (wide === 0) {
      const before = Math.max(0, column - 1);
      const at = line[before]?.text === '' ? before - 1 : before;
      if (line[at] !== undefined) line[at] = { ...line[at], text: line[at].text + character };
      return;
    }
    if (column + wide > columns) {
      if (modes.has('7')) throw new Error('a line goes on in the next one');
      if (wide > 1) return; // there is no room for it
      column = columns - 1;
    }
    put(line, column, { text: character, style });
    if (wide === 2) put(line, column + 1, { text: '', style });
    column = Math.min(columns, column + wide);
  };
  const erase = (from: number, to: number): void => {
    const line = screen[row]!;
    for (let at = from; at < to; at++) put(line, at, blank);
  };
  const obey = (mark: string, parameters: string, final: string): void => {
    const [first = 0, second = 0] = parameters.split(';').map(Number);
    const known = `${mark}${final}`;
    if (known === '?h' || known === '?l') {
      if (final === 'h') modes.add(parameters);
      else modes.delete(parameters);
      if (parameters === '1049') clear();
    } else if (known === 'H') [row, column] = [Math.min(rows, Math.max(1, first)) - 1, Math.min(columns, Math.max(1, second)) - 1];
    else if (known === 'G') column = Math.min(columns, Math.max(1, first)) - 1;
    else if (known === 'K' && first === 0) erase(column, columns);
    else if (known === 'K' && first === 2) erase(0, columns);
    else if (known === 'J' && first === 2) clear();
    else if (known === 'm') style = styleAfter(style, first);
    else throw new Error(`what is ${JSON.stringify(`ESC [ ${mark}${parameters}${final}`)}?`);
  };
  clear();
  return {
    write(text) {
      for (const [all, mark, parameters, final] of text.matchAll(token)) {
        if (final !== undefined) obey(mark!, parameters!, final);
        else if (/[\p{C}\p{Zl}\p{Zp}]/u.test(all)) throw new Error(`${JSON.stringify(all)} reached the terminal`);
        else print(all);
      }
    },
    resize(wantedColumns, wantedRows) {
      [columns, rows] = [wantedColumns, wantedRows];
      clear();
      [row, column] = [0, 0];
    },
    lines: () => screen.map((line) => line.map(({ text }) => text).join('').trimEnd()), // prettier-ignore
    styles: (wanted) => screen[wanted]!.map((cell) => cell.style),
    cursor: () => ({ row, column }),
    modes,
  };
};
