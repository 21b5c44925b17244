/**
 * What a suite hands over: build/test-results/<suite>.json.
 * @typedef {{ name: string, reason: string }} Note
 * @typedef {{ passed: number, failed: number, skipped: number, skips: Note[], failures: Note[], flaky: Note[] }} SuiteResult
 */

/** Tests of the whole run that may pass at the second attempt only; more are a failure, for then something is wrong that no single one shows. */
export const MOST_FLAKY = 8;

/** @returns {SuiteResult} */
export const emptyResult = () => ({ passed: 0, failed: 0, skipped: 0, skips: [], failures: [], flaky: [] });

/** @param {string} name @param {string} reason @returns {SuiteResult} */
export const failedResult = (name, reason) => ({ ...emptyResult(), failed: 1, failures: [{ name, reason }] });

/** @param {string} name @param {string} reason @returns {SuiteResult} */
export const skippedResult = (name, reason) => ({ ...emptyResult(), skipped: 1, skips: [{ name, reason }] });

/**
 * Reads a result file; what is not one, or says that it counted otherwise than it lists, is a failure of the suite.
 * @param {string} suite
 * @param {string | undefined} text
 * @returns {SuiteResult}
 */
export const parseResult = (suite, text) => {
  if (text === undefined) return failedResult(suite, 'the suite ended without a result');
  try {
    const { passed, failed, skipped, skips = [], failures = [], flaky = [] } = JSON.parse(text);
    if (![passed, failed, skipped].every((count) => Number.isSafeInteger(count) && count >= 0))
      return failedResult(suite, 'the result has no counts');
    if (skips.length !== skipped) return failedResult(suite, `${skipped} skipped, but ${skips.length} reasons given`);
    return { passed, failed, skipped, skips, failures, flaky };
  } catch {
    return failedResult(suite, 'the result is not JSON');
  }
};

/**
 * A suite whose process failed while its result says that all is well has failed too.
 * @param {string} suite @param {SuiteResult} result @param {number} exitCode
 * @returns {SuiteResult}
 */
export const withExitCode = (suite, result, exitCode) =>
  exitCode === 0 || result.failed > 0
    ? result
    : { ...result, failed: 1, failures: [{ name: suite, reason: `ended with exit code ${exitCode} though no test failed` }] };

/**
 * A failure, when more tests were flaky than may be.
 * @param {ReadonlyMap<string, SuiteResult>} results
 * @returns {SuiteResult | undefined}
 */
export const judgeFlaky = (results) => {
  const count = [...results.values()].reduce((sum, { flaky }) => sum + flaky.length, 0);
  return count > MOST_FLAKY ? failedResult('flaky tests', `${count}, at most ${MOST_FLAKY} may be`) : undefined;
};

/**
 * What `npm test` prints at its end: failures, skips and what passed at the second attempt only, with their reasons, a line a suite, and the sum as the very last line.
 * @param {ReadonlyMap<string, SuiteResult>} results
 * @returns {string}
 */
export const summary = (results) => {
  const lines = [];
  for (const [title, key] of /** @type {const} */ ([
    ['Skipped', 'skips'],
    ['Flaky, passed at the second attempt', 'flaky'],
    ['Failed', 'failures'],
  ])) {
    const notes = [...results].flatMap(([suite, result]) => result[key].map(({ name, reason }) => `  ${suite}: ${name}: ${reason}`));
    if (notes.length > 0) lines.push(`${title}:`, ...notes);
  }
  for (const [suite, result] of results) lines.push(`${suite}: ${countLine(result)}`);
  const all = [...results.values()];
  /** @param {'passed' | 'failed' | 'skipped'} key */
  const sum = (key) => all.reduce((total, result) => total + result[key], 0);
  lines.push(countLine({ passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') }));
  return `${lines.join('\n')}\n`;
};

/** @param {{ passed: number, failed: number, skipped: number }} counts */
export const countLine = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;
