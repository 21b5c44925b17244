import { expect, test } from 'vitest';
import { wildcardTest } from '../../../src/live/shared/wildcard.ts';

test.each([
  [[], 'anything', true],
  [['nginx'], 'nginx', true],
  [['nginx'], 'nginx2', false],
  [['ngin?'], 'nginx', true],
  [['ngin?'], 'ngin', false],
  [['*'], '', true],
  [['n*x'], 'nginx', true],
  [['n*x'], 'nginx-x-y', false],
  [['/usr/*/python3.?'], '/usr/local/bin/python3.9', true],
  [['a*b*c'], 'a1b2b3c', true],
  [['*a'], 'banana', true],
  [['x', '*web*'], 'my-web-1', true],
  [['.*'], 'abc', false],
] as const)('%j and %j: %j', (patterns, text, expected) => {
  expect(wildcardTest(patterns)(text)).toBe(expected);
});

test('a pattern of nothing but stars takes no time', () => {
  expect(wildcardTest([`${'*a'.repeat(200)}b`])('a'.repeat(1000))).toBe(false);
});
