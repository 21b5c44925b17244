/** Frames, drawn on a terminal that tells what it shows. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Part } from '../../../src/text/parts.ts';
import { drawFrame, type Frame, screenLine, type Shown, type Size } from '../../../src/text/screen/frame.ts';
import { textWidth } from '../../../src/text/width.ts';
import { hostileText, safeText } from './hostile-text.ts';
import { createTerminalModel } from './terminal-model.ts';

const partOf = (text: fc.Arbitrary<string>): fc.Arbitrary<Part> =>
  fc.record({ text, style: fc.constantFrom('dim' as const, ['bold', 'red'] as const) }, { requiredKeys: ['text'] }) as fc.Arbitrary<Part>;
const frameOf = (text: fc.Arbitrary<string>): fc.Arbitrary<Frame> => fc.array(fc.array(partOf(text), { maxLength: 6 }), { maxLength: 8 });
const sizes: fc.Arbitrary<Size> = fc.record({ columns: fc.integer({ min: 1, max: 60 }), rows: fc.integer({ min: 1, max: 8 }) });

/** Of a terminal that autowraps no more, as ours. */
const modelOf = ({ columns, rows }: Size, width?: (character: string) => number) => {
  const model = createTerminalModel(columns, rows, width);
  model.write('\u001b[?7l');
  return model;
};

const drawnFresh = (frame: Frame, size: Size, width?: (character: string) => number) => {
  const model = modelOf(size, width);
  model.write(drawFrame(frame, size, { before: undefined, colour: true }).bytes);
  return model;
};

/** What the terminals of this world think. */
const ours = '·–…←→▲▼';
const opinions: readonly ((character: string) => number)[] = [
  textWidth,
  () => 1,
  (character) => (character < '\u0080' ? 1 : 2),
  (character) => (character < '\u0080' || ours.includes(character) ? 1 : character.codePointAt(0)! % 3),
];

describe('a line', () => {
  it.each([
    ['plain', [{ text: 'ab' }, { text: 'cd' }], 'ab|cd|EL'],
    ['cut', [{ text: 'abcdefgh' }], 'LINE|abcde…'],
    ['full', [{ text: 'abcdef' }], 'abcdef'],
    ['nothing', [], 'EL'],
    ['wide at the edge', [{ text: 'abcde' }, { text: '日' }], 'LINE|abcde|…'],
    ['behind what is wide', [{ text: '日' }, { text: 'b' }], 'LINE|日|COL3|b'],
    ['a control character that got through', [{ text: 'a\u001bb' }], 'LINE|a\ufffdb'],
  ] as const)('%s', (_, parts, wanted) => {
    const bytes = wanted.replace('LINE', '\u001b[2K').replace('COL3', '\u001b[3G').replace('EL', '\u001b[K').replaceAll('|', '');
    expect(screenLine(parts, 6, false)).toBe(bytes);
  });

  it('keeps brightness without colours', () => {
    expect(
      screenLine(
        [
          { text: 'a', style: ['bold', 'red'] },
          { text: 'b', style: 'dim' },
        ],
        2,
        false,
      ),
    ).toBe('\u001b[1ma\u001b[22mb');
    expect(screenLine([{ text: 'a', style: ['bold', 'red'] }], 1, true)).toBe('\u001b[1m\u001b[31ma\u001b[39m\u001b[22m');
  });
});

describe('frames', () => {
  it('write what changed, and nothing when nothing did', () => {
    const size = { columns: 10, rows: 3 };
    const first = drawFrame([[{ text: 'a' }], [], [{ text: 'c' }]], size, { before: undefined, colour: false });
    expect(first.bytes).toBe('\u001b[?2026h\u001b[0m\u001b[2J\u001b[1;1Ha\u001b[K\u001b[3;1Hc\u001b[K\u001b[?2026l');
    expect(drawFrame([[{ text: 'a' }], [], [{ text: 'c' }]], size, { before: first.shown, colour: false }).bytes).toBe('');
    const changed = drawFrame([[{ text: 'a' }], [{ text: 'b' }]], size, { before: first.shown, colour: false });
    expect(changed.bytes).toBe('\u001b[?2026h\u001b[2;1Hb\u001b[K\u001b[3;1H\u001b[K\u001b[?2026l');
  });

  it.each(opinions.map((width, index) => [index, width] as const))(
    'one after the other show what each alone would show, on terminal %d',
    (_, width) => {
      fc.assert(
        fc.property(fc.array(frameOf(safeText), { minLength: 1, maxLength: 5 }), sizes, (frames, size) => {
          const model = modelOf(size, width);
          let before: Shown | undefined;
          for (const frame of frames) {
            const { bytes, shown } = drawFrame(frame, size, { before, colour: true });
            model.write(bytes);
            before = shown;
            expect(model.lines()).toEqual(drawnFresh(frame, size, width).lines());
          }
        }),
      );
    },
  );

  it('stay within the terminal, whatever is in them', () => {
    fc.assert(
      fc.property(frameOf(hostileText), sizes, (frame, size) => {
        // the model throws at control characters and at lines that are too long
        const model = createTerminalModel(size.columns, size.rows);
        model.write(drawFrame(frame, size, { before: undefined, colour: true }).bytes);
        for (const line of model.lines()) expect(textWidth(line)).toBeLessThanOrEqual(size.columns);
      }),
    );
  });

  it('put each part in its column, however wide the terminal thinks the text before is', () => {
    for (const width of opinions) {
      const size = { columns: 40, rows: 1 };
      const row = [{ text: '日本\u0301⚡…' }, { text: ' '.repeat(3) }, { text: 'HERE' }];
      const column = textWidth('日本\u0301⚡…') + 3;
      expect(drawnFresh([row], size, width).lines()[0]!.endsWith('HERE')).toBe(true);
      const line = drawnFresh([row], size, width);
      expect(line.cursor().column).toBe(column + 4);
    }
  });
});
