import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_VALUES, readQuery } from '../../src/live/query.ts';
import { QueryError } from '../../src/live/route.ts';

/** The message of a QueryError; empty: there was none. What else is thrown goes on. */
const refusalOf = (work: () => void): string => {
  try {
    work();
    return '';
  } catch (error) {
    if (error instanceof QueryError) return error.message;
    throw error;
  }
};

const names = ['port', 'search', 'sort', 'interval', 'listening'];
const read = (query: string) => readQuery(new URLSearchParams(query), names);
const range = { min: 1, max: 65_535 };

describe('parameters of a query', () => {
  it('are read as what they are', () => {
    const reader = read('port=80&port=443&search=a+b&sort=age&interval=1.5s&listening=true');
    expect(reader.list('port')).toEqual(['80', '443']);
    expect(reader.integers('port', range)).toEqual([80, 443]);
    expect(reader.text('search', '')).toBe('a b');
    expect(reader.choice('sort', 'rate', ['rate', 'age'])).toBe('age');
    expect(reader.choices('sort', ['rate', 'age'])).toEqual(['age']);
    expect(reader.durationMs('interval', 0, { min: 0, max: 5000 })).toBe(1500);
    expect(reader.flag('listening', false)).toBe(true);
  });

  it('have defaults', () => {
    const reader = read('');
    expect([
      reader.list('port'),
      reader.integer('port', 7, range),
      reader.text('search', 'x'),
      reader.choice('sort', 'rate', ['rate']),
      reader.flag('listening', true),
      reader.durationMs('interval', 9, { min: 0, max: 10 }),
    ]).toEqual([[], 7, 'x', 'rate', true, 9]);
  });

  it.each([
    ['prt=1', 'there is no parameter "prt"; did you mean "port"?; allowed are port, search, sort, interval, listening'],
    ['port=0', 'port: "0" is not a whole number from 1 to 65535'],
    ['port=1e3', 'port: "1e3" is not a whole number from 1 to 65535'],
    ['port=', 'port: "" is not a whole number from 1 to 65535'],
    ['sort=x', 'sort: "x" is none of them; allowed is rate or age'],
    ['sort=age&sort=rate', 'sort: stands 2 times; once is allowed'],
    ['interval=5', 'interval: "5" is not a duration; write it with a unit, as in 500ms, 5s or 1m'],
    ['interval=2m', 'interval: "2m" is out of range; allowed is 0ms to 5s'],
    ['listening=yes', 'listening: "yes" is none of them; allowed is true or false'],
    [`search=${'x'.repeat(2000)}`, 'search: longer than 1024 characters'],
    ['port=1&'.repeat(MAX_VALUES + 1), `port: stands ${MAX_VALUES + 1} times; at most ${MAX_VALUES} are allowed`],
    ['search=%1b%5b2J&%1b=1', 'there is no parameter "\\\\u001b"; allowed are port, search, sort, interval, listening'],
  ])('%s is refused with what is allowed', (query, message) => {
    const all = () => {
      const reader = read(query);
      reader.integers('port', range);
      reader.choice('sort', 'rate', ['rate', 'age']);
      reader.durationMs('interval', 0, { min: 0, max: 5000 });
      reader.flag('listening', false);
    };
    expect(all).toThrow(QueryError);
    expect(all).toThrow(message);
  });

  it('of any kind are read or refused, and nothing of them reaches a terminal as it is', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.integer().map(String),
      fc.constantFrom('5s', 'true', 'age', '1e9'),
    );
    const query = fc.array(fc.tuple(fc.oneof(fc.constantFrom(...names), fc.string({ unit: 'binary', maxLength: 8 })), value), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(query, (pairs) => {
        const told = refusalOf(() => {
          const reader = readQuery(new URLSearchParams(pairs), names);
          reader.integers('port', range);
          reader.choice('sort', 'rate', ['rate', 'age']);
          reader.durationMs('interval', 0, { min: 0, max: 5000 });
        });
        // oxlint-disable-next-line no-control-regex -- they are what is meant
        expect(told).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/u);
      }),
      { numRuns: 2000 },
    );
  });
});
