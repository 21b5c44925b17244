/** What a terminal shows, as `tmux capture-pane -e` writes it: text with codes of colour and style, a line a row. */

export type Style = {
  /** Number in the palette of 256, `#rrggbb`, or undefined: the terminal's own. */
  readonly foreground: number | string | undefined;
  readonly background: number | string | undefined;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
  readonly inverse: boolean;
};

/** Text of one style. */
export type Run = { readonly text: string; readonly style: Style };

export const plain: Style = {
  foreground: undefined,
  background: undefined,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  inverse: false,
};

const hex = (value: number): string => value.toString(16).padStart(2, '0');

/** `38;5;n`, `38;2;r;g;b`: the colour, and how many codes it took. */
const extended = (codes: readonly number[], at: number): readonly [colour: number | string | undefined, taken: number] => {
  if (codes[at + 1] === 5) return [codes[at + 2], 3];
  if (codes[at + 1] === 2) return [`#${[2, 3, 4].map((part) => hex(codes[at + part] ?? 0)).join('')}`, 5];
  return [undefined, codes.length - at];
};

const flags: Readonly<Record<number, Partial<Style>>> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  39: { foreground: undefined },
  49: { background: undefined },
};

const applied = (before: Style, codes: readonly number[]): Style => {
  let style = before;
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at]!;
    if (code === 0) style = plain;
    else if (code === 38 || code === 48) {
      const [colour, taken] = extended(codes, at);
      style = { ...style, [code === 38 ? 'foreground' : 'background']: colour };
      at += taken - 1;
    } else if (code >= 30 && code <= 37) style = { ...style, foreground: code - 30 };
    else if (code >= 40 && code <= 47) style = { ...style, background: code - 40 };
    else if (code >= 90 && code <= 97) style = { ...style, foreground: code - 90 + 8 };
    else if (code >= 100 && code <= 107) style = { ...style, background: code - 100 + 8 };
    else style = { ...style, ...flags[code] };
  }
  return style;
};

// oxlint-disable-next-line no-control-regex -- they are what is meant
const codes = /\u001b\[([\d;:]*)m/g;
// oxlint-disable-next-line no-control-regex -- they are what is meant
const other = /[\u0000-\u0009\u000b-\u001f\u007f]/;

/** Rows of runs. Styles go on over the ends of lines. Throws when there is anything but text and styles. */
export const readScreen = (text: string): readonly (readonly Run[])[] => {
  let style = plain;
  return text.split('\n').map((line) => {
    const runs: Run[] = [];
    let last = 0;
    const take = (end: number) => {
      if (end > last) runs.push({ text: line.slice(last, end), style });
    };
    for (const match of line.matchAll(codes)) {
      take(match.index);
      last = match.index + match[0].length;
      style = applied(style, match[1] === '' ? [0] : match[1]!.split(/[;:]/).map(Number));
    }
    take(line.length);
    const odd = runs.find((run) => other.test(run.text));
    if (odd !== undefined) throw new Error(`a screen has more than text and styles: ${JSON.stringify(odd.text)}`);
    return runs;
  });
};
