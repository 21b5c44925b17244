import { describe, expect, it } from 'vitest';
import { definedNames, withoutClashes } from '../../scripts/lib/vmlinux.mjs';

describe('definedNames', () => {
  it('finds tags and enumerators, and neither uses nor comments', () => {
    const text = [
      'enum path_flags {',
      '\tPATH_DELETED = 1 << 0, /* unlinked, gone */',
      '\tPATH_PSEUDO, // enum other {',
      '};',
      'struct exec_record {',
      '\tstruct exec_event event;',
      '};',
      'enum { LIMIT = 3 };',
    ].join('\n');
    expect(definedNames([text])).toEqual({ tags: ['exec_record', 'path_flags'], enumerators: ['LIMIT', 'PATH_DELETED', 'PATH_PSEUDO'] });
  });
});

describe('withoutClashes', () => {
  const ours = { tags: ['path_flags'], enumerators: ['PATH_DELETED', 'LIMIT'] };

  it.each([
    ['a definition', 'enum path_flags {', 'enum path_flags___kernel {'],
    ['a use', '\tenum path_flags flags;', '\tenum path_flags___kernel flags;'],
    ['an enumerator', '\tPATH_DELETED = 65536,', '\tPATH_DELETED___kernel = 65536,'],
    ['a last enumerator', '\tLIMIT = -1', '\tLIMIT___kernel = -1'],
  ])('moves %s away', (_, before, after) => {
    expect(withoutClashes(before, ours)).toBe(after);
  });

  it.each([
    ['a member of that name', '\tu32 path_flags;'],
    ['a longer name', 'enum path_flags_two {'],
    ['another enumerator', '\tPATH_PSEUDO = 1,'],
  ])('leaves %s alone', (_, text) => {
    expect(withoutClashes(text, ours)).toBe(text);
  });
});
