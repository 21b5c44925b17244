import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createExpander, type Environment } from '../../src/config/expand.ts';
import { parseId, parsePipelineId } from '../../src/config/ids.ts';
import { didYouMean, editDistance, nearest, oneOf } from '../../src/core/nearest.ts';
import { formatPath } from '../../src/config/problems.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { printable } from '../../src/core/printable.ts';
import { fakeFactories } from './fakes.ts';

describe('edit distance', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['ab', 'ba', 1],
    ['debgu', 'debug', 1],
  ])('of %j and %j is %d', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  it('is symmetric, zero for equals only, and at most the longer length', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });

  it('suggests only what is near', () => {
    expect(nearest('otlp-grpc', ['debug', 'otlp_grpc'])).toBe('otlp_grpc');
    expect(nearest('kafka', ['debug', 'otlp_grpc'])).toBeUndefined();
    expect(nearest('x'.repeat(100), [`${'x'.repeat(100)}y`])).toBeUndefined();
    expect(nearest('debug', ['debug'])).toBeUndefined();
    expect(didYouMean('exporter', ['exporters'])).toBe('; did you mean "exporters"?');
    expect(didYouMean('zzz', ['exporters'])).toBe('');
  });

  it('lists alternatives', () => {
    expect([oneOf([]), oneOf(['a']), oneOf(['a', 'b']), oneOf(['a', 'b', 'c'])]).toEqual(['nothing', 'a', 'a or b', 'a, b or c']);
  });
});

const expandReferences = (text: string, environment: Environment) => createExpander(environment, '.')(text);

describe('references', () => {
  it('leaves text without a dollar alone and gives every dollar back', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { text: out, problems } = expandReferences(text.replaceAll('$', '$$$$'), {});
        expect(out).toBe(text);
        expect(problems).toEqual([]);
      }),
    );
  });

  it('does not take a variable from a prototype', () => {
    expect(expandReferences('${env:toString}', {}).problems).toHaveLength(1);
  });

  it('tells whether the whole scalar is one reference', () => {
    expect(expandReferences('${env:A}', { A: '1' })).toMatchObject({ text: '1', whole: '${env:A}', outside: ['1'] });
    expect(expandReferences('x${env:A}', { A: '1' })).toMatchObject({ text: 'x1', whole: undefined, outside: ['1'] });
  });
});

describe('ids', () => {
  it('takes type and name apart', () => {
    expect(parseId('otlp_grpc')).toEqual({ type: 'otlp_grpc', name: '' });
    expect(parseId('otlp/a/b')).toEqual({ type: 'otlp', name: 'a/b' });
    expect(parsePipelineId('logs/x')).toEqual({ signal: 'logs' });
  });

  it.each(['', '/', '/a', 'a/', 'a b', 'a/b c', '1a', 'a/\n'])('does not take %j', (id) => {
    expect(parseId(id)).toHaveProperty('message');
    expect(parsePipelineId(id)).toHaveProperty('message');
  });
});

describe('paths', () => {
  it('are written so that they can be read', () => {
    expect(formatPath(['a', 'b/c', 0, 'd.e', 'f g'])).toBe('a.b/c[0]["d.e"]["f g"]');
    expect(printable('a\u001b[31m\n\t\u202e\u0085é😀')).toBe(String.raw`a\u001b[31m\n\t\u202e\u0085é😀`);
  });
});

describe('the registry', () => {
  it('finds by name and alias', () => {
    const registry = createRegistry(fakeFactories);
    expect(registry.find('exporter', 'otlp')).toBe(registry.find('exporter', 'otlp_grpc'));
    expect(registry.find('receiver', 'otlp')).toBeUndefined();
    expect(registry.names('exporter')).toEqual(['debug', 'otlp', 'otlp_grpc']);
  });

  it('does not take two components of one name, nor names that are not snake_case', () => {
    const first = fakeFactories[0]!;
    expect(() => createRegistry([first, first])).toThrow('two components are called receiver process');
    expect(() => createRegistry([first, { ...first, type: 'other', aliases: ['process'] }])).toThrow('two components are called');
    expect(() => createRegistry([{ ...first, type: 'Process' }])).toThrow('is not snake_case');
  });
});
