import { describe, expect, it } from 'vitest';
import { emptyResult, judgeFlaky, MOST_FLAKY, parseResult, skippedResult, summary, withExitCode } from '../../scripts/lib/results.mjs';

const good = { ...emptyResult(), passed: 3 };

describe('summary', () => {
  it('ends with the sum over all suites, behind the reasons', () => {
    const failed = { ...emptyResult(), passed: 1, failed: 1, failures: [{ name: 'adds', reason: 'expected 3' }] };
    const text = summary(
      new Map([
        ['unit', good],
        ['kernel', skippedResult('all of kernel', 'needs root')],
        ['e2e', failed],
      ]),
    );
    expect(text.split('\n')).toEqual([
      'Skipped:',
      '  kernel: all of kernel: needs root',
      'Failed:',
      '  e2e: adds: expected 3',
      'unit: 3 passed, 0 failed, 0 skipped',
      'kernel: 0 passed, 0 failed, 1 skipped',
      'e2e: 1 passed, 1 failed, 0 skipped',
      '4 passed, 1 failed, 1 skipped',
      '',
    ]);
  });
});

describe('what passed at the second attempt', () => {
  const flaky = (count: number) => ({
    ...good,
    flaky: Array.from({ length: count }, (_, number) => ({ name: `test ${number}`, reason: 'waited in vain' })),
  });

  it('is told', () => {
    expect(
      summary(new Map([['e2e', flaky(1)]]))
        .split('\n')
        .slice(0, 2),
    ).toEqual(['Flaky, passed at the second attempt:', '  e2e: test 0: waited in vain']);
    expect(parseResult('e2e', JSON.stringify(flaky(1))).flaky).toHaveLength(1);
  });

  it('is a failure when it is more than a few, over all suites', () => {
    const results = (more: number) =>
      new Map([
        ['kernel', flaky(1)],
        ['e2e', flaky(MOST_FLAKY - 1 + more)],
      ]);
    expect(judgeFlaky(results(0))).toBeUndefined();
    expect(judgeFlaky(results(1))).toMatchObject({ failed: 1, failures: [{ name: 'flaky tests' }] });
  });
});

describe('parseResult', () => {
  it('reads what a suite wrote', () => {
    expect(parseResult('unit', JSON.stringify(good))).toEqual(good);
  });

  it.each([
    ['nothing', undefined],
    ['no JSON', 'passed'],
    ['no counts', '{"passed":"3"}'],
    ['a skip without a reason', '{"passed":1,"failed":0,"skipped":1}'],
  ])('takes %s for a failure', (_, text) => {
    expect(parseResult('unit', text).failed).toBe(1);
  });
});

describe('withExitCode', () => {
  it.each([
    { result: good, code: 0, failed: 0 },
    { result: good, code: 139, failed: 1 },
    { result: { ...good, failed: 2 }, code: 1, failed: 2 },
  ])('counts $failed after exit code $code', ({ result, code, failed }) => {
    expect(withExitCode('kernel', result, code).failed).toBe(failed);
  });
});
