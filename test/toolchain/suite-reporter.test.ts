import fc from 'fast-check';
import { expect, it } from 'vitest';
import { resultOf } from '../../scripts/suite-reporter.ts';

const reasonOf = (message: string): string => resultOf([], [{ message }]).failures[0]!.reason;

it('gives the first line of what went wrong', () => {
  expect(reasonOf('expected 3\n+ 4')).toBe('expected 3');
});

it('gives the seed and the counterexample of a property, so that it can be run again', () => {
  const message = fc.defaultReportMessage(fc.check(fc.property(fc.constant('a\nb'), () => false), { seed: 7 })) ?? ''; // prettier-ignore
  expect(reasonOf(message)).toBe('Property failed after 1 tests { seed: 7, path: "0", endOnFailure: true } Counterexample: ["a\\nb"]');
});
