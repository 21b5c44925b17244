import { describe, expect, it } from 'vitest';
import { actionList } from '../../../src/processors/shared/actions-config.ts';

const problemsOf = (entry: object) =>
  actionList.safeParse([entry]).error?.issues.map(({ path, message }) => `${path.slice(1).join('.')}: ${message}`) ?? [];

describe('a list of actions', () => {
  it.each([
    { key: 'a', action: 'insert', value: '' },
    { key: 'a', action: 'update', value: ['x', 'y'] },
    { key: 'a', action: 'upsert', from_attribute: 'b', default_value: false },
    { action: 'delete', pattern: '^a' },
    { key: 'a', action: 'hash', pattern: '^b' },
    { key: 'a', action: 'extract', pattern: '(?P<one>x)(?:y)(?<two>z)' },
    { key: 'a', action: 'convert', converted_type: 'double' },
  ])('takes %j', (entry) => expect(problemsOf(entry)).toEqual([]));

  it.each([
    [{ action: 'insert', value: 1 }, ['action: insert needs a key']],
    [{ action: 'delete' }, ['action: delete needs a key or a pattern']],
    [{ key: 'a', action: 'upsert' }, ['action: upsert needs a value or from_attribute']],
    [
      { key: 'a', action: 'upsert', value: 1, from_attribute: 'b' },
      ['from_attribute: one of value and from_attribute is allowed, not both'],
    ],
    [
      { key: '', action: 'convert', value: {} },
      [
        expect.any(String),
        expect.any(String),
        'value: convert does not use it; allowed are key, action and converted_type',
        'action: convert needs a converted_type: int, double or string',
      ],
    ],
    [{ key: 5, action: 'extract', pattern: 5 }, [expect.any(String), expect.any(String)]],
    [{ action: 'no such', value: 1 }, [expect.stringContaining('action: ')]],
    [{ key: 'a', action: 'hash', value: 1 }, ['value: hash does not use it; allowed are key, action and pattern']],
    [{ key: 'a', action: 'convert' }, ['action: convert needs a converted_type: int, double or string']],
    [{ key: 'a', action: 'extract' }, ['action: extract needs a pattern']],
    [{ key: 'a', action: 'extract', pattern: 'a(b)' }, [expect.stringContaining('has a group without a name')]],
    [{ key: 'a', action: 'extract', pattern: 'ab' }, [expect.stringContaining('has no group')]],
    [{ key: 'a', action: 'delete', pattern: '(?=a)' }, [expect.stringMatching(/^pattern: not a regular expression: .*RE2/)]],
    [{ key: 'a', action: 'delete', pattern: '('.repeat(5000) }, [expect.stringContaining('longer than 4096')]],
    [{ key: 'a', action: 'insert', from_context: 'x', value: 1 }, [expect.stringContaining('from_context')]],
  ])('refuses %j', (entry, expected) => expect(problemsOf(entry)).toEqual(expected));
});
