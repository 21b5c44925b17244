import { describe, expect, it } from 'vitest';
import type { Attribute } from '../../../src/core/batch.ts';
import { attributesConfig } from '../../../src/processors/attributes/config.ts';
import { matcherOf } from '../../../src/processors/attributes/match.ts';

const parse = (include: object) => attributesConfig.safeParse({ actions: [{ key: 'a', action: 'delete' }], include });
const matcher = (include: object) => matcherOf(parse(include).data!.include!);
const record: readonly Attribute[] = [['owner', 'root'], ['pid', 42], ['wide', 2n ** 60n], ['flag', true], ['list', ['root']]]; // prettier-ignore

describe('include and exclude', () => {
  it.each([
    ['strict', 'owner', 'root', true],
    ['strict', 'owner', 'roo', false],
    ['strict', 'pid', 42, true],
    ['strict', 'pid', '42', false],
    ['strict', 'wide', 2 ** 60, true],
    ['strict', 'flag', true, true],
    ['strict', 'list', 'root', false],
    ['strict', 'owner', undefined, true],
    ['strict', 'other', undefined, false],
    ['regexp', 'owner', 'oo', true],
    ['regexp', 'owner', '^oo', false],
    ['regexp', 'pid', '^4', true],
    ['regexp', 'list', 'root', false],
  ])('%s: %s is like %s: %s', (match_type, key, value, expected) => {
    expect(matcher({ match_type, attributes: [{ key, ...(value !== undefined && { value }) }] }).record(record)).toBe(expected);
  });

  it('wants all attributes and one of the events', () => {
    const attributes = [{ key: 'owner', value: 'root' }, { key: 'pid', value: 1 }]; // prettier-ignore
    expect(matcher({ match_type: 'strict', attributes }).record(record)).toBe(false);
    const events = matcher({ match_type: 'regexp', event_names: ['exec$', '^other'] });
    expect(['ringtail.process.exec', 'other.one', 'ringtail.process.exit'].map(events.event)).toEqual([true, true, false]);
  });

  it.each([
    [{ match_type: 'strict' }, 'include: says nothing; it needs event_names or attributes'],
    [{ match_type: 'regexp', event_names: ['ok', '('] }, 'include.event_names.1: not a regular expression'],
    [{ match_type: 'regexp', attributes: [{ key: 'a', value: '\\1' }] }, 'include.attributes.0.value: not a regular expression'],
  ])('refuses %j', (include, expected) => {
    const problems = parse(include).error!.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    expect(problems).toEqual([expect.stringContaining(expected)]);
  });
});
