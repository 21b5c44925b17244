import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { TestModule } from 'vitest/node';
import { resultOf } from '../../scripts/suite-reporter.ts';

const reasonOf = (message: string): string => resultOf([], [{ message }]).failures[0]!.reason;

it('gives the first line of what went wrong', () => {
  expect(reasonOf('expected 3\n+ 4')).toBe('expected 3');
});

it('gives the seed and the counterexample of a property, so that it can be run again', () => {
  const message = fc.defaultReportMessage(fc.check(fc.property(fc.constant('a\nb'), () => false), { seed: 7 })) ?? ''; // prettier-ignore
  expect(reasonOf(message)).toBe('Property failed after 1 tests { seed: 7, path: "0", endOnFailure: true } Counterexample: ["a\\nb"]');
});

it('tells apart what passed at once, what passed at the second attempt, and what failed twice', () => {
  const outcomes = [
    { state: 'passed', errors: [] },
    { state: 'passed', errors: [{ message: 'waited in vain\nat some line' }] },
    { state: 'failed', errors: [{ message: 'one' }, { message: 'two' }] },
    { state: 'skipped', note: 'no cgroup v2' },
  ];
  const tests = outcomes.map((outcome, number) => ({ fullName: `test ${number}`, result: () => outcome }));
  const module = { moduleId: 'file', errors: () => [], children: { allTests: () => tests, allSuites: () => [] } } as unknown as TestModule;
  expect(resultOf([module], [])).toEqual({
    passed: 2,
    failed: 1,
    skipped: 1,
    failures: [{ name: 'test 2', reason: 'one' }],
    skips: [{ name: 'test 3', reason: 'no cgroup v2' }],
    flaky: [{ name: 'test 1', reason: 'waited in vain' }],
  });
});
