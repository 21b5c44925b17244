import { describe, expect, it } from 'vitest';
import { interfacePatternProblem, matchInterfaces, patternsWithout } from '../../../src/kernel/packets/interface-match.ts';
import { globMatches } from '../../../src/core/glob.ts';
import { packetsConfig } from '../../../src/receivers/packets/config.ts';
import { packetsReceiver } from '../../../src/receivers/packets/index.ts';
import { packetsWarnings } from '../../../src/receivers/packets/warnings.ts';

describe('names of interfaces', () => {
  it.each([
    ['eth0', 'eth0', true],
    ['eth0', 'eth01', false],
    ['eth?', 'eth0', true],
    ['eth?', 'eth', false],
    ['eth*', 'eth', true],
    ['*', '', true],
    ['*0', 'eth10', true],
    ['v*h*0', 'veth-a0', true],
    ['v*h*0', 'veth-a1', false],
    ['**a**', 'bab', true],
    ['e.h0', 'eth0', false],
    ['?', '\u{e9}', true],
  ])('%s and %s: %s', (pattern, name, matches) => expect(globMatches(pattern, name)).toBe(matches));

  it('take no long time over hostile patterns', () => {
    expect(globMatches('*a'.repeat(120) + 'b', 'a'.repeat(4000))).toBe(false);
  });

  it('are all when none is named, and never those that are excluded', () => {
    expect(['lo', 'eth0'].filter(matchInterfaces({ interfaces: [], exclude: ['lo'] }))).toEqual(['eth0']);
    expect(['lo', 'eth0', 'eth1'].filter(matchInterfaces({ interfaces: ['eth*', 'lo'], exclude: ['*1'] }))).toEqual(['lo', 'eth0']);
    expect(patternsWithout(['eth*', 'wlan*'], ['eth0'])).toEqual(['wlan*']);
  });

  it.each([
    ['', 'an interface has a name'],
    ['eth 0', 'names of interfaces have no blanks, slashes and colons'],
    ['eth0:1', 'names of interfaces have no blanks, slashes and colons'],
    ['..', 'no interface is called so'],
    ['veth0123456789ab', 'names of interfaces have at most 15 bytes'],
    ['*0123456789abcde*', undefined],
  ])('%j: %s', (pattern, problem) => expect(interfacePatternProblem(pattern)).toBe(problem));
});

describe('the options', () => {
  it('have defaults', () => {
    expect(packetsConfig.parse({})).toEqual({
      interfaces: [],
      exclude: [],
      mode: 'auto',
      metrics: { collection_interval: 10_000, temporality: 'cumulative', max_series: 2000, expiry: 300_000 },
    });
  });

  it.each([
    [{ mode: 'ebpf' }, ['mode']],
    [{ interfaces: ['a/b'] }, ['interfaces', 0]],
    [{ interfaces: ['lo', 'lo'] }, ['interfaces']],
    [{ exclude: [''] }, ['exclude', 0]],
    [{ interfaces: Array.from({ length: 257 }, (_, i) => `e${i}`) }, ['interfaces']],
    [{ ports: [80] }, []],
  ])('%j is refused', (options, path) => {
    expect(packetsConfig.safeParse(options).error?.issues.map((issue) => issue.path)).toEqual([path]);
  });

  it('say when one takes back what the other says', () => {
    const warned = packetsWarnings(packetsConfig.parse({ interfaces: ['lo', 'eth0', 'v*', 'wlan0'], exclude: ['l?', 'v*', 'eth1'] }));
    expect(warned).toEqual([
      { option: ['interfaces', 0], message: 'without effect: l? is excluded' },
      { option: ['interfaces', 2], message: 'without effect: v* is excluded' },
    ]);
  });

  it('tell the host what they need', () => {
    const config = packetsConfig.parse({ interfaces: ['eth*'], exclude: ['eth1'], mode: 'xdp' });
    expect(packetsReceiver.hostNeeds?.(config as never)).toEqual([
      { kind: 'packets', interfaces: ['eth*'], exclude: ['eth1'], mode: 'xdp', option: [] },
    ]);
  });
});
