import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTokens } from '../../src/otlp/json-tokens.ts';
import { ProtoError } from '../../src/otlp/proto-cursor.ts';
import { createRandom } from '../support/random.ts';

const tokensOf = (text: string) => createTokens(Buffer.from(text, 'utf8'));
/** Whether it is JSON and nothing more. */
const isTaken = (text: string): boolean => {
  const tokens = tokensOf(text);
  try {
    tokens.skip(100);
  } catch (error) {
    if (error instanceof ProtoError) return false;
    throw error;
  }
  return tokens.isAtEnd();
};
const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('tokens', () => {
  it('are the strings that JSON.parse gives, however they are escaped', () => {
    const escapedFully = (text: string) =>
      `"${Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`;
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const json of [JSON.stringify(text), escapedFully(text), ` ${JSON.stringify(text)}\n`]) {
          const tokens = tokensOf(json);
          expect(tokens.stringBound()).toBeLessThanOrEqual(Buffer.byteLength(json));
          expect(tokens.text()).toBe((JSON.parse(json) as string).toWellFormed());
          expect(tokens.isAtEnd()).toBe(true);
        }
      }),
    );
  });

  it('take all that is JSON', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), fc.constantFrom(undefined, 2, '\t'), (json, space) => {
        expect(isTaken(json)).toBe(true);
        expect(isTaken(JSON.stringify(JSON.parse(json), null, space))).toBe(true);
      }),
    );
  });

  it('take nothing that JSON.parse does not, and all that it does', () => {
    const random = createRandom(3);
    const base = '{"a":[1,-2.5e+10,0,true,false,null,"x\\n\\u00e9\\ud83d\\ude00\\"\\\\"],"b":{},"c":[],"d":{"e":"é"}}';
    let taken = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = Buffer.from(base);
      // within ASCII, so that the text stays UTF-8
      for (let change = 0; change <= random.below(3); change++) {
        const at = random.below(bytes.length);
        if (bytes[at]! < 0x80) bytes[at] = '{}[],:"\\0123456789-+.eEtruefalsn \n\tu'.charCodeAt(random.below(38));
      }
      const text = bytes.toString('utf8');
      expect([text, isTaken(text)]).toEqual([text, isJson(text)]);
      if (isJson(text)) taken++;
    }
    expect(taken).toBeGreaterThan(1_000);
    expect(taken).toBeLessThan(19_000);
  });

  it('are not nested more than was said', () => {
    expect(() => tokensOf('[[[]]]').skip(2)).toThrow('nested');
    expect(() => tokensOf('[[]]').skip(2)).not.toThrow();
    expect(() => tokensOf('['.repeat(1_000_000)).skip(64)).toThrow('nested');
  });
});
