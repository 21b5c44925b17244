/** From what a terminal shows to a picture of it. */
import { describe, expect, it } from 'vitest';
import { plain, readScreen } from '../../scripts/screens/ansi.ts';
import { svgOf } from '../../scripts/screens/svg.ts';

const ESC = '\u001b';

describe('a screen', () => {
  it.each([
    ['plain text', 'a  b', [{ text: 'a  b', style: plain }]],
    ['nothing', '', []],
    [
      'colours',
      `${ESC}[31ma${ESC}[39mb`,
      [
        { text: 'a', style: { ...plain, foreground: 1 } },
        { text: 'b', style: plain },
      ],
    ],
    ['bright ones', `${ESC}[92;101ma`, [{ text: 'a', style: { ...plain, foreground: 10, background: 9 } }]],
    ['those of 256', `${ESC}[38;5;214ma`, [{ text: 'a', style: { ...plain, foreground: 214 } }]],
    ['true ones', `${ESC}[48;2;1;2;255ma`, [{ text: 'a', style: { ...plain, background: '#0102ff' } }]],
    [
      'several at once',
      `${ESC}[1;2;3;4;7ma${ESC}[0mb`,
      [
        { text: 'a', style: { ...plain, bold: true, dim: true, italic: true, underline: true, inverse: true } },
        { text: 'b', style: plain },
      ],
    ],
    [
      'an end of all without a number',
      `${ESC}[1ma${ESC}[mb`,
      [
        { text: 'a', style: { ...plain, bold: true } },
        { text: 'b', style: plain },
      ],
    ],
  ])('has %s', (_, text, runs) => {
    expect(readScreen(text)).toEqual([runs]);
  });

  it('takes styles over the ends of lines', () => {
    expect(readScreen(`${ESC}[1ma\nb`).map((runs) => runs.map(({ style }) => style.bold))).toEqual([[true], [true]]);
  });

  it.each([`${ESC}[2J`, 'a\rb', '\u0007'])('with %j is refused: it is no text', (text) => {
    expect(() => readScreen(text)).toThrow('more than text and styles');
  });
});

describe('a picture', () => {
  const of = (text: string) => svgOf({ title: 'a <b>', description: 'what & why', columns: 20, rows: 3, lines: readScreen(text) });

  it('is as large as its terminal, whatever is on it', () => {
    const sizeOf = (svg: string) => /width="(\d+)" height="(\d+)"/.exec(svg)!.slice(1);
    expect(sizeOf(of(''))).toEqual(sizeOf(of('x'.repeat(200).concat('\n'.repeat(40)))));
    expect(sizeOf(of(''))).toEqual(['196', '116']);
  });

  it('keeps the columns of words, wide ones too', () => {
    const svg = of('ab  长 c   d');
    expect(svg).toContain(
      '<tspan x="14" textLength="16.8">ab</tspan><tspan x="47.6" textLength="33.6">长 c</tspan><tspan x="106.4" textLength="8.4">d</tspan>',
    );
  });

  it('has grounds, inverse text and styles', () => {
    const svg = of(`${ESC}[7;1mab${ESC}[0m ${ESC}[38;5;231;2mc`);
    expect(svg).toContain('<rect x="14" y="48" width="16.8" height="18" fill="#d5dde5"/>');
    expect(svg).toContain(' fill="#0f1720" font-weight="bold">ab<');
    expect(svg).toContain(' fill="#ffffff" opacity=".62">c<');
  });

  it('is XML whatever stands on the screen', () => {
    const svg = of('<script>&"');
    expect(svg).toContain('&lt;script&gt;&amp;&quot;');
    expect(svg).toContain('<title>what &amp; why</title>');
    expect(svg).toContain('a &lt;b&gt;</text>');
  });
});
