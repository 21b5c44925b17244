/**
 * Sets up, runs test suites one after another, and adds up their results. Its last line is `N passed, N failed, N skipped`.
 *
 * usage: test.mjs [unit] [kernel] [asan] [kernels] [e2e] [-- filter]     all of them when none is named; `filter` goes to vitest
 * exit codes: 0 nothing failed, 1 something did, 3 the machine lacks something (see setup.mjs)
 *
 * kernels is a program of its own, test/kernels/run.sh, which writes its result to the file that RINGTAIL_RESULTS names.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { runMain } from './lib/errors.mjs';
import { inRoot, pinnedNode } from './lib/paths.mjs';
import { failedResult, judgeFlaky, parseResult, skippedResult, summary, withExitCode } from './lib/results.mjs';
import { run, runVisibly } from './lib/run.mjs';
import { toolEnv } from './lib/tools.mjs';
import { setup } from './setup.mjs';
import { build } from './build.mjs';

/**
 * @typedef {import('./lib/results.mjs').SuiteResult} SuiteResult
 * @typedef {'unit' | 'kernel' | 'asan' | 'kernels' | 'e2e'} SuiteName
 * @typedef {{ groups: import('./lib/system-packages.mjs').Group[], needsRoot: boolean }} Suite
 */

/** In the order in which they run. @type {Readonly<Record<SuiteName, Suite>>} */
const suites = {
  unit: { groups: ['unit'], needsRoot: false },
  kernel: { groups: [], needsRoot: true },
  asan: { groups: [], needsRoot: true },
  kernels: { groups: ['kernels'], needsRoot: true },
  e2e: { groups: ['unit', 'e2e'], needsRoot: true },
};
const suiteNames = /** @type {SuiteName[]} */ (Object.keys(suites));

/** What unit, kernel and e2e tests must cover together. */
const LINE_COVERAGE_PERCENT = 90;

const vitest = inRoot('node_modules/vitest/vitest.mjs');
const blobs = inRoot('build/test-results/blobs');

/** @param {string} suite */
const resultFile = (suite) => inRoot('build/test-results', `${suite}.json`);

/**
 * What a run of vitest under the sanitizers needs: their libraries first in the process, since node itself is built without them. Leaks are not
 * looked for: V8 never frees all.
 */
const sanitizerEnv = async () => {
  const libraries = await Promise.all(
    ['libasan.so', 'libubsan.so'].map(async (name) => (await run('g++', [`-print-file-name=${name}`])).trim()),
  );
  return {
    RINGTAIL_ADDON: inRoot('build/native-asan/ringtail.node'),
    LD_PRELOAD: libraries.join(' '),
    // freed memory is kept back up to a size that is reached early, so that growth over many rounds is growth
    ASAN_OPTIONS: 'detect_leaks=0:quarantine_size_mb=8',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  };
};

/**
 * @param {SuiteName} suite
 * @param {{ coverage: boolean, filter: readonly string[] }} options
 * @returns {Promise<SuiteResult>}
 */
const runSuite = async (suite, { coverage, filter }) => {
  if (suites[suite].needsRoot && process.getuid?.() !== 0) return skippedResult(`all of ${suite}`, 'needs root');
  const file = resultFile(suite);
  rmSync(file, { force: true });
  mkdirSync(dirname(file), { recursive: true });
  const env = { ...toolEnv(), RINGTAIL_RESULTS: file };
  if (suite === 'kernels') {
    const script = inRoot('test/kernels/run.sh');
    if (!existsSync(script)) return skippedResult('all of kernels', 'test/kernels/run.sh does not exist');
    const code = await runVisibly(script, [...filter], env);
    return withExitCode(suite, parseResult(suite, readIfThere(file)), code);
  }
  const args = [
    'run',
    '--project',
    suite === 'asan' ? 'kernel' : suite,
    '--reporter=default',
    `--reporter=${inRoot('scripts/suite-reporter.ts')}`,
  ];
  if (coverage && suite !== 'asan') args.push('--coverage', '--reporter=blob', `--outputFile.blob=${blobs}/${suite}.json`);
  const extra = suite === 'asan' ? await sanitizerEnv() : {};
  const code = await runVisibly(pinnedNode, [vitest, ...args, ...filter], { ...env, ...extra });
  return withExitCode(suite, parseResult(suite, readIfThere(file)), code);
};

/** @param {string} file */
const readIfThere = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);

/** Line coverage of src/ by all suites together. @returns {Promise<SuiteResult | undefined>} a failure, or nothing */
const judgeCoverage = async () => {
  const file = inRoot('build/coverage/coverage-summary.json');
  rmSync(file, { force: true });
  const merged = inRoot('build/test-results/merged.json');
  const args = ['run', `--merge-reports=${blobs}`, '--coverage', '--reporter=json', `--outputFile.json=${merged}`];
  // Fails when a suite failed, which is counted already; what it wrote is judged here.
  const code = await runVisibly(pinnedNode, [vitest, ...args], toolEnv());
  const text = readIfThere(file);
  if (text === undefined) return failedResult('line coverage of src/', `the reports could not be merged (exit code ${code})`);
  const percent = JSON.parse(text).total.lines.pct;
  process.stdout.write(`\nline coverage of src/: ${percent} %, at least ${LINE_COVERAGE_PERCENT} % wanted\n`);
  return percent >= LINE_COVERAGE_PERCENT
    ? undefined
    : failedResult('line coverage of src/', `${percent} % is below ${LINE_COVERAGE_PERCENT} %`);
};

await runMain(async () => {
  const words = process.argv.slice(2);
  const cut = words.indexOf('--');
  const named = cut < 0 ? words : words.slice(0, cut);
  const filter = cut < 0 ? [] : words.slice(cut + 1);
  const unknown = named.filter((name) => !(name in suites));
  if (unknown.length > 0) {
    process.stderr.write(`no such suite: ${unknown.join(', ')}; there are ${suiteNames.join(', ')}\n`);
    return 2;
  }
  const chosen = named.length === 0 ? suiteNames : suiteNames.filter((name) => named.includes(name));
  await setup(chosen.flatMap((name) => suites[name].groups));
  if (chosen.includes('asan')) await build((line) => process.stderr.write(`ringtail build: ${line}\n`), { sanitize: true });
  rmSync(blobs, { recursive: true, force: true });
  /** @type {Map<string, SuiteResult>} */
  const results = new Map();
  // Coverage is judged over everything, so it is taken when everything runs.
  const coverage = named.length === 0;
  for (const suite of chosen) {
    process.stdout.write(`\n== ${suite}\n`);
    results.set(suite, await runSuite(suite, { coverage, filter }));
  }
  if (coverage) {
    const verdict = await judgeCoverage();
    if (verdict !== undefined) results.set('coverage', verdict);
  }
  const unsteady = judgeFlaky(results);
  if (unsteady !== undefined) results.set('flaky', unsteady);
  process.stdout.write(`\n${summary(results)}`);
  return [...results.values()].some(({ failed }) => failed > 0) ? 1 : 0;
});
