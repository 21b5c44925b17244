/** A picture of a terminal: text stays text, so that it is small and can be searched. */
import { textWidth } from '../../src/text/width.ts';
import type { Run, Style } from './ansi.ts';

const CELL = { width: 8.4, height: 18 } as const;
const FONT_SIZE = 14;
const PAD = 14;
const BAR = 34;
const GROUND = '#0f1720';
const BAR_GROUND = '#1c2733';
const TEXT = '#d5dde5';

/** The first sixteen, chosen to be read on the dark ground. */
const palette = [
  '#3b4754', '#f0716f', '#8ccf7e', '#e5c76b', '#6cb0f5', '#c792ea', '#67cbe7', '#d5dde5',
  '#7a8896', '#ff8f8d', '#a6e59a', '#f5dc8c', '#8cc5ff', '#dcb2f5', '#8ee2f7', '#ffffff',
] as const; // prettier-ignore

/** The cube and the greys of the palette of 256. */
const colourOf = (colour: number | string): string => {
  if (typeof colour === 'string') return colour;
  if (colour < 16) return palette[colour]!;
  const level = (step: number) => (step === 0 ? 0 : 55 + step * 40);
  const at = colour - 16;
  const parts =
    colour < 232
      ? [Math.floor(at / 36), Math.floor(at / 6) % 6, at % 6].map(level)
      : Array.from({ length: 3 }, () => 8 + (colour - 232) * 10);
  return `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
};

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const inks = ({ foreground, background, inverse }: Style): { readonly ink: string; readonly ground: string | undefined } => {
  const ink = foreground === undefined ? TEXT : colourOf(foreground);
  const ground = background === undefined ? undefined : colourOf(background);
  return inverse ? { ink: ground ?? GROUND, ground: ink } : { ink, ground };
};

const number = (value: number): string => String(Math.round(value * 10) / 10);

const attributesOf = (style: Style): string =>
  [
    inks(style).ink === TEXT ? '' : ` fill="${inks(style).ink}"`,
    style.bold ? ' font-weight="bold"' : '',
    style.dim ? ' opacity=".62"' : '',
    style.italic ? ' font-style="italic"' : '',
    style.underline ? ' text-decoration="underline"' : '',
  ].join('');

/** Words keep their columns whatever font there is: each has its place and its length. */
const lineOf = (runs: readonly Run[], top: number): string => {
  let column = 0;
  const grounds: string[] = [];
  const texts: string[] = [];
  for (const { text, style } of runs) {
    const { ground } = inks(style);
    const columns = textWidth(text);
    if (ground !== undefined)
      grounds.push(
        `<rect x="${number(PAD + column * CELL.width)}" y="${number(top)}" width="${number(columns * CELL.width)}" height="${CELL.height}" fill="${ground}"/>`,
      );
    // columns stand apart by two spaces or more
    for (const { 0: words, index } of text.matchAll(/\S+(?: \S+)*/g)) {
      const at = column + textWidth(text.slice(0, index));
      const place = `x="${number(PAD + at * CELL.width)}" textLength="${number(textWidth(words) * CELL.width)}"`;
      texts.push(`<tspan ${place}${attributesOf(style)}>${escapeXml(words)}</tspan>`);
    }
    column += columns;
  }
  if (texts.length === 0) return grounds.join('');
  return `${grounds.join('')}<text y="${number(top + CELL.height - 4.5)}">${texts.join('')}</text>`;
};

export type Picture = {
  /** What was called, in the bar above. */
  readonly title: string;
  /** For who cannot see it. */
  readonly description: string;
  readonly columns: number;
  readonly rows: number;
  readonly lines: readonly (readonly Run[])[];
};

/** Its size depends on columns and rows alone. */
export const svgOf = ({ title, description, columns, rows, lines }: Picture): string => {
  const width = Math.ceil(columns * CELL.width + 2 * PAD);
  const height = BAR + rows * CELL.height + 2 * PAD;
  const body = lines.slice(0, rows).map((runs, row) => lineOf(runs, BAR + PAD + row * CELL.height));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeXml(description)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${GROUND}"/>`,
    `<path d="M0 ${BAR}V8a8 8 0 0 1 8-8h${width - 16}a8 8 0 0 1 8 8v${BAR - 8}z" fill="${BAR_GROUND}"/>`,
    ...['#f0716f', '#e5c76b', '#8ccf7e'].map((fill, index) => `<circle cx="${18 + index * 18}" cy="${BAR / 2}" r="5.5" fill="${fill}"/>`),
    `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="${FONT_SIZE}" fill="${TEXT}">`,
    `<text x="${width / 2}" y="${BAR / 2 + 5}" text-anchor="middle" fill="#9fb0c0">${escapeXml(title)}</text>`,
    ...body.filter((line) => line !== ''),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
};
