import { describe, expect, it } from 'vitest';
import { emptyResult, parseResult, skippedResult, summary, withExitCode } from '../../scripts/lib/results.mjs';

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
