import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKeyDecoder, type Key } from '../../../src/text/screen/keys.ts';

const words = (keys: readonly Key[]): readonly string[] => keys.map((key) => (key.name === 'text' ? `'${key.text}'` : key.name));
const decode = (...chunks: readonly (string | Uint8Array)[]): readonly string[] => {
  const decoder = createKeyDecoder();
  return chunks.flatMap((chunk) => words(decoder.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)));
};

const typed: readonly (readonly [bytes: string, keys: readonly string[]])[] = [
  ['q', ["'q'"]],
  ['aé日🦝 ', ["'a'", "'é'", "'日'", "'🦝'", "' '"]],
  ['\u001b[A\u001b[B\u001b[C\u001b[D', ['up', 'down', 'right', 'left']],
  ['\u001bOA\u001bOB\u001bOH\u001bOF\u001bOM', ['up', 'down', 'home', 'end', 'enter']],
  ['\u001b[1~\u001b[4~\u001b[7~\u001b[8~\u001b[H\u001b[F', ['home', 'end', 'home', 'end', 'home', 'end']],
  ['\u001b[2~\u001b[3~\u001b[5~\u001b[6~', ['insert', 'delete', 'page-up', 'page-down']],
  ['\u001b[1;5A\u001b[5;2~', ['up', 'page-up']],
  ['\u001b[Z\t', ['back-tab', 'tab']],
  ['\r\n', ['enter', 'enter']],
  ['\u007f\b', ['backspace', 'backspace']],
  ['\u0003\u0004\u001a\u000c\u0015\u0017', ['interrupt', 'end-of-input', 'suspend', 'redraw', 'kill-line', 'kill-word']],
  ['\u0002\u0006', ['page-up', 'page-down']],
  ['\u001b\u001b[A', ['escape', 'up']],
  // what nobody knows: F1 here and there, Alt-x, a mouse, focus, answers of the terminal, keys with protocols of their own
  ['\u001b[11~\u001bOPx', ["'x'"]],
  ['\u001b[[Ax', ["'x'"]],
  ['\u001bxy', ["'y'"]],
  ['\u001b[<0;10;5Mx', ["'x'"]],
  ['\u001b[Ix\u001b[O', ["'x'"]],
  ['\u001b[?1;2cx\u001b[24;80R', ["'x'"]],
  ['\u001b]11;rgb:00/00/00\u0007x', ["'x'"]],
  ['\u001b]0;\u001b\\x', ["'x'"]],
  ['\u001bP1$r0m\u001b\\x', ["'x'"]],
  ['\u001b[97ux', ["'x'"]],
  // a sequence that another key breaks
  ['\u001b[1\u0003', ['interrupt']],
  // nothing to see
  ['\u0000\u0001\u0005x\u200b\u202e\u2028', ["'x'"]],
];

describe('keys', () => {
  it.each(typed.map(([bytes, keys]) => [JSON.stringify(bytes), bytes, keys] as const))('%s', (_, bytes, keys) => {
    expect(decode(bytes)).toEqual(keys);
  });

  it('are the same wherever the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...typed), { maxLength: 6 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
        (list, lengths) => {
          const bytes = Buffer.from(list.map(([text]) => text).join(''));
          const chunks: Uint8Array[] = [];
          for (let at = 0; at < bytes.length;) {
            const length = lengths.next().value;
            chunks.push(bytes.subarray(at, at + length));
            at += length;
          }
          expect(decode(...chunks)).toEqual(list.flatMap(([, keys]) => keys));
        },
      ),
    );
  });

  it('of an escape alone are told when nothing follows', () => {
    const decoder = createKeyDecoder();
    expect(decoder.push(Buffer.from('\u001b'))).toEqual([]);
    expect(decoder.isPending()).toBe(true);
    expect(words(decoder.flush())).toEqual(['escape']);
    expect(decoder.isPending()).toBe(false);
  });

  it('of half a sequence or half a character are none', () => {
    for (const half of ['\u001b[', '\u001b[1;', '\u001bO', '\u001b]0;x', '\u00e9']) {
      const decoder = createKeyDecoder();
      const bytes = Buffer.from(half);
      expect(decoder.push(half === '\u00e9' ? bytes.subarray(0, 1) : bytes)).toEqual([]);
      expect(decoder.isPending()).toBe(true);
      expect(decoder.flush()).toEqual([]);
      expect(words(decoder.push(Buffer.from('x')))).toEqual(["'x'"]);
    }
  });

  it('out of any bytes: nothing is kept for ever, and what is text can be seen', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (chunks) => {
        const decoder = createKeyDecoder();
        for (const chunk of chunks) {
          const texts = decoder.push(chunk).map((key) => (key.name === 'text' ? key.text : 'x'));
          expect(texts.join('')).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
        }
        decoder.flush();
        expect(decoder.isPending()).toBe(false);
      }),
    );
  });

  it('of answers without an end are thrown away', () => {
    expect(decode(`\u001b]${'x'.repeat(100)}`, `\u001b[${'1'.repeat(100)}`, 'q')).toEqual(["'q'"]);
  });
});
