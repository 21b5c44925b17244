/** Texts that try to leave their place. */
import fc from 'fast-check';
import { escapeText } from '../../../src/text/escape.ts';

const nasty = [
  '\u001b[2J', '\u001b]0;title\u0007', '\r', '\n', '\t', '\u0007', '\b', '\u009b31m', '\u202e', '\u200d', '\ufeff', '\u2028', '\ud800', '\udfff',
  '日本語', 'ｗｉｄｅ', '👩‍👩‍👧', '🇩🇪', 'a\u0301\u0301\u0301', '\u0338', 'ा', '\u1160', '⚡', '\\', "'", ' ', '…', '[CTR]',
]; // prettier-ignore

/** As it comes from a kernel. */
export const hostileText = fc
  .array(fc.oneof(fc.constantFrom(...nasty), fc.string({ maxLength: 8 }), fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 8 })
  .map((pieces) => pieces.join(''));

/** As it gets to the screen. */
export const safeText = hostileText.map(escapeText);
