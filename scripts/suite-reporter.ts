import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';
import { emptyResult, type SuiteResult } from './lib/results.mjs';

/** A counterexample of some batches; the report above has all of it. */
const LONGEST_PROPERTY = 4_000;

/** Of a property its seed and its counterexample too: the next run has others. */
const messageOf = (errors: readonly { readonly message: string }[]): string => {
  const lines = errors[0]?.message.split('\n') ?? ['no message'];
  if (!lines[0]!.startsWith('Property failed')) return lines[0]!;
  const end = lines.findIndex((line) => line.startsWith('Shrunk '));
  return lines
    .slice(0, end < 0 ? undefined : end)
    .map((line) => line.trim())
    .join(' ')
    .slice(0, LONGEST_PROPERTY);
};

/** Counts tests, and what failed outside of them, as one result. */
export const resultOf = (modules: readonly TestModule[], unhandled: readonly SerializedError[]): SuiteResult => {
  const result = emptyResult();
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const outcome = test.result();
      if (outcome.state === 'passed') {
        result.passed += 1;
        // the errors of a test that passed are those of its attempts before
        if (outcome.errors !== undefined && outcome.errors.length > 0)
          result.flaky.push({ name: test.fullName, reason: messageOf(outcome.errors) });
      } else if (outcome.state === 'skipped') result.skips.push({ name: test.fullName, reason: outcome.note ?? 'no reason given' });
      else if (outcome.state === 'failed') result.failures.push({ name: test.fullName, reason: messageOf(outcome.errors) });
      else result.failures.push({ name: test.fullName, reason: 'did not end' });
    }
    // A file that cannot be loaded, a hook that throws.
    const broken = [module, ...module.children.allSuites()].flatMap((part) => part.errors());
    if (broken.length > 0) result.failures.push({ name: module.moduleId, reason: messageOf(broken) });
  }
  for (const error of unhandled) result.failures.push({ name: 'outside of any test', reason: messageOf([error]) });
  result.failed = result.failures.length;
  result.skipped = result.skips.length;
  return result;
};

/** Writes the result where scripts/test.mjs looks for it. */
export default class SuiteReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const target = process.env['RINGTAIL_RESULTS'];
    if (target !== undefined) writeFileSync(target, JSON.stringify(resultOf(modules, unhandled), undefined, 2));
  }
}
