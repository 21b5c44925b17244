import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatches, hasWildcard } from '../../src/core/glob.ts';

const asExpression = (pattern: string): RegExp =>
  new RegExp(
    `^${[...pattern].map((part) => (part === '*' ? '[^]*' : part === '?' ? '[^]' : part.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))).join('')}$`,
  );

describe('a pattern with wildcards', () => {
  it('matches as the regular expression of the same meaning', () => {
    const part = fc.constantFrom('*', '?', 'a', 'b', '/', '.', '\\', '[');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), fc.array(part, { maxLength: 12 }), (pattern, text) => {
        expect(globMatches(pattern.join(''), text.join(''))).toBe(asExpression(pattern.join('')).test(text.join('')));
      }),
      { numRuns: 5000 },
    );
  });

  it('takes no longer for being hostile', () => {
    expect(globMatches(`${'*a'.repeat(400)}b`, 'a'.repeat(4096))).toBe(false);
  });

  it('knows what a wildcard is', () => {
    expect(['a*', '?', 'a', '', '/etc/[x]'].map(hasWildcard)).toEqual([true, true, false, false, false]);
  });
});
