import { describe, expect, it } from 'vitest';
import { mapLayout } from '../../../src/kernel/layouts.gen.ts';
import { createExecutables, NAMED_KEY_BYTES, nameIn } from '../../../src/receivers/syscalls/executables.ts';
import { readingOf } from '../../support/sums.ts';
import { callCountsOf, callNamesOf, type CountInput } from './maps.ts';

const counted = (...inputs: readonly CountInput[]) => readingOf(callCountsOf(inputs), mapLayout.callCount.size);
const input = (inode: number, name: string): CountInput => ({ inode, call: 'read', name, calls: 1 });
const namesOf = ({ seriesKeys, count }: ReturnType<ReturnType<typeof createExecutables>['name']>): readonly string[] =>
  Array.from({ length: count }, (_, entry) => nameIn(seriesKeys!, entry * NAMED_KEY_BYTES));

describe('names of executables', () => {
  it('stand behind the keys, which stay as they are', () => {
    const { nameAll } = createExecutables();
    const counts = counted(input(1, 'cat'), input(2, 'dd'), input(0, ''));
    const named = nameAll(counts, () => callNamesOf([input(2, 'dd'), input(1, 'cat')]));
    expect(namesOf(named)).toEqual(['cat', 'dd', '']);
    expect(named.keys).toBe(counts.keys);
    const { keyBytes } = counts;
    for (const entry of [0, 1, 2])
      expect(named.seriesKeys!.subarray(entry * NAMED_KEY_BYTES, entry * NAMED_KEY_BYTES + keyBytes)).toEqual(
        counts.keys.subarray(entry * keyBytes, (entry + 1) * keyBytes),
      );
  });

  it('are read when there is one that was not met, and not for kernel threads', () => {
    const { nameAll } = createExecutables();
    let reads = 0;
    const all = [input(1, 'cat'), input(2, 'dd')];
    const read = () => {
      reads++;
      return callNamesOf(all);
    };
    nameAll(counted(input(0, '')), read);
    expect(reads).toBe(0);
    nameAll(counted(input(0, ''), all[0]!), read);
    nameAll(counted(input(0, ''), all[0]!), read);
    expect(reads).toBe(1);
    nameAll(counted(input(0, ''), ...all), read);
    expect(reads).toBe(2);
  });

  it('stay what they were when the kernel forgets them or has others, for as long as they are counted', () => {
    const { nameAll, name } = createExecutables();
    expect(namesOf(nameAll(counted(input(1, 'cat'), input(2, '')), () => callNamesOf([input(1, 'cat')])))).toEqual(['cat', '']);
    const others = () => callNamesOf([input(1, 'other'), input(2, 'late'), input(3, 'new')]);
    expect(namesOf(nameAll(counted(input(3, ''), input(2, ''), input(1, '')), others))).toEqual(['new', '', 'cat']);
    expect(namesOf(name(counted(input(1, ''))))).toEqual(['cat']);
    nameAll(counted(), others);
    expect(namesOf(nameAll(counted(input(1, '')), others))).toEqual(['other']);
  });

  it('are as long as the kernel keeps them, and many', () => {
    const { nameAll } = createExecutables();
    const all = Array.from({ length: 300 }, (_, at) => input(1 + at, `${at} `.padEnd(63, 'x')));
    expect(namesOf(nameAll(counted(...all), () => callNamesOf(all)))).toEqual(all.map(({ name }) => name));
  });
});
