/** Parameters of a query of the control socket: checked, bounded, with errors that say what is allowed. */
import { formatDuration, parseDurationMs } from '../core/config-types.ts';
import { didYouMean, oneOf } from '../core/nearest.ts';
import { printable } from '../core/printable.ts';
import { QueryError } from './route.ts';

/** Values of one parameter; nobody types more, and each is compared with what comes. */
export const MAX_VALUES = 64;
export const LONGEST_VALUE = 1024;

export type Range = { readonly min: number; readonly max: number };

export type QueryReader = {
  /** All values of a name, in order. */
  list(name: string): readonly string[];
  integers(name: string, range: Range): readonly number[];
  /** The value of a name that stands once; `byDefault` when it is not there. */
  text(name: string, byDefault: string): string;
  integer(name: string, byDefault: number, range: Range): number;
  choice<T extends string>(name: string, byDefault: T, values: readonly T[]): T;
  /** Several of a closed set. */
  choices<T extends string>(name: string, values: readonly T[]): readonly T[];
  flag(name: string, byDefault: boolean): boolean;
  /** Milliseconds of `5s`. */
  durationMs(name: string, byDefault: number, range: Range): number;
};

const wholeNumber = /^-?\d{1,15}$/;

const shown = (value: string): string => JSON.stringify(printable(value.length > 64 ? `${value.slice(0, 64)}…` : value));

/** Throws a QueryError for a name that is not among `names`, and for too much; so do the methods for what they cannot read. */
export const readQuery = (query: URLSearchParams, names: readonly string[]): QueryReader => {
  for (const [name, value] of query) {
    if (!names.includes(name))
      throw new QueryError(
        `there is no parameter ${shown(name)}${didYouMean(name, names)}; allowed are ${names.length === 0 ? 'none here' : names.join(', ')}`,
      );
    if (value.length > LONGEST_VALUE) throw new QueryError(`${name}: longer than ${LONGEST_VALUE} characters`);
  }
  const list = (name: string): readonly string[] => {
    const values = query.getAll(name);
    if (values.length > MAX_VALUES) throw new QueryError(`${name}: stands ${values.length} times; at most ${MAX_VALUES} are allowed`);
    return values;
  };
  const one = (name: string): string | undefined => {
    const values = query.getAll(name);
    if (values.length > 1) throw new QueryError(`${name}: stands ${values.length} times; once is allowed`);
    return values[0];
  };
  const integerOf = (name: string, value: string, { min, max }: Range): number => {
    const number = wholeNumber.test(value) ? Number(value) : Number.NaN;
    if (!(number >= min && number <= max)) throw new QueryError(`${name}: ${shown(value)} is not a whole number from ${min} to ${max}`);
    return number;
  };
  const choiceOf = <T extends string>(name: string, value: string, values: readonly T[]): T => {
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw new QueryError(`${name}: ${shown(value)} is none of them; allowed is ${oneOf(values)}`);
    return found;
  };
  return {
    list,
    integers: (name, range) => list(name).map((value) => integerOf(name, value, range)),
    text: (name, byDefault) => one(name) ?? byDefault,
    integer(name, byDefault, range) {
      const value = one(name);
      return value === undefined ? byDefault : integerOf(name, value, range);
    },
    choice(name, byDefault, values) {
      const value = one(name);
      return value === undefined ? byDefault : choiceOf(name, value, values);
    },
    choices: (name, values) => list(name).map((value) => choiceOf(name, value, values)),
    flag(name, byDefault) {
      const value = one(name);
      return value === undefined ? byDefault : choiceOf(name, value, ['true', 'false']) === 'true';
    },
    durationMs(name, byDefault, { min, max }) {
      const value = one(name);
      if (value === undefined) return byDefault;
      const ms = parseDurationMs(value);
      if (ms === undefined) throw new QueryError(`${name}: ${shown(value)} is not a duration; write it with a unit, as in 500ms, 5s or 1m`);
      if (ms < min || ms > max)
        throw new QueryError(`${name}: ${shown(value)} is out of range; allowed is ${formatDuration(min)} to ${formatDuration(max)}`);
      return ms;
    },
  };
};
