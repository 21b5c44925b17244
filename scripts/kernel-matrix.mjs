/**
 * Boots Debian's kernels under QEMU and runs the scenarios of test/kernel there.
 *
 * usage: kernel-matrix.mjs [--kernel SERIES]... [--only TEXT | --table] [--keep] [--check]
 *
 * --only runs the scenarios whose name has this text; --table runs none. Without --only the table of what each kernel gives (docs/kernels.gen.md) is written anew for
 * the kernels that ran and for the one of this machine; with --check it is compared instead. Writes the result to RINGTAIL_RESULTS, or
 * build/test-results/kernels.json. --keep keeps what the guests said.
 * exit codes: 0 all passed, 1 something failed
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, release as hostRelease } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { boot } from '../test/kernels/boot.mjs';
import { fetchKernels, kernels, scratchFolder } from '../test/kernels/fetch.mjs';
import { buildInitrd } from '../test/kernels/initrd.mjs';
import { pageWith, staleIn } from '../test/kernels/table.mjs';
import { buildWorkloads } from '../test/workloads/build.mjs';
import { inRoot, pinnedNode } from './lib/paths.mjs';
import { emptyResult } from './lib/results.mjs';
import { inParallel } from './lib/run.mjs';

/** Guests of one kernel, which share its scenarios: as short as they are, they fill the processors to the end. */
const PARTS = 2;
/** Several times what a kernel needs on a slow machine. */
const GUEST_TIMEOUT_MS = 1_200_000;

const { values } = parseArgs({
  options: {
    kernel: { type: 'string', multiple: true },
    only: { type: 'string' },
    table: { type: 'boolean' },
    keep: { type: 'boolean' },
    check: { type: 'boolean' },
  },
});
const say = (/** @type {string} */ line) => console.log(line);

const total = emptyResult();

/** @param {string} path */
const resultsIn = (path) => {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return []; // the guest was cut off in the middle of it
    }
  });
};

/** @param {string} series @param {string} name @param {'passed' | 'failed' | 'skipped'} outcome @param {string} detail @param {number} [seconds] */
const count = (series, name, outcome, detail, seconds) => {
  total[outcome]++;
  const note = { name: `${series}: ${name}`, reason: detail };
  if (outcome === 'skipped') total.skips.push(note);
  if (outcome === 'failed') total.failures.push(note);
  // what a scenario that passed has to say is why it failed at first
  if (outcome === 'passed' && detail !== '') total.flaky.push({ ...note, reason: detail.split('\n', 1)[0] ?? '' });
  const word = { passed: 'PASS', failed: 'FAIL', skipped: 'SKIP' }[outcome];
  const took = seconds === undefined ? '' : ` ${seconds.toFixed(1)} s`;
  say(`${word} ${series} ${name}${took}${detail === '' ? '' : `\n     ${detail.replaceAll('\n', '\n     ')}`}`);
};

/** What this machine's kernel gives. */
const describeHost = () => {
  const tracing = '/sys/kernel/tracing';
  if (!existsSync(`${tracing}/events`)) spawnSync('mount', ['-t', 'tracefs', 'tracefs', tracing]);
  const { status, stdout, stderr } = spawnSync(pinnedNode, [inRoot('test/kernels/describe.ts')], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`this machine's kernel cannot be described: ${stderr}`);
  return { series: hostRelease().split('.').slice(0, 2).join('.'), receivers: JSON.parse(stdout) };
};

/** @param {import('../test/kernels/table.mjs').KernelDescription[]} descriptions */
const judgeTable = (descriptions) => {
  const page = inRoot('docs/kernels.gen.md');
  const text = existsSync(page) ? readFileSync(page, 'utf8') : '';
  if (!values.check) {
    const fresh = pageWith(text, descriptions);
    if (fresh === text) return;
    writeFileSync(page, fresh);
    say('docs/kernels.gen.md has changed');
    return;
  }
  for (const series of staleIn(text, descriptions))
    count(series, 'docs/kernels.gen.md', 'failed', 'stale: run npm run test:kernels and commit it');
};

/** @param {string} work */
const runGuests = async (work) => {
  buildWorkloads();
  const images = fetchKernels(values.kernel ?? kernels.map(({ series }) => series), say);
  /** @type {import('../test/kernels/table.mjs').KernelDescription[]} */
  const descriptions = [];
  const parts = values.only === undefined && !values.table ? PARTS : 1;
  const initrd = buildInitrd({ work, kernels: images, guestArguments: { only: values.only, table: values.table } });
  /** @param {(typeof images)[number]} kernel @param {number} number @param {number} [from] @param {boolean} [again] */
  const runIn = async (kernel, number, from = 0, again = false) => {
    const { series, image, release } = kernel;
    const began = Date.now();
    const part = `${number}/${parts}`;
    const consolePath = join(work, `${series}-${number}-${from}.console`);
    const resultPath = join(work, `${series}-${number}-${from}.results`);
    const { late, how } = await boot({ image, initrd, part, from, consolePath, resultPath, timeoutMs: GUEST_TIMEOUT_MS });
    const results = resultsIn(resultPath);
    for (const { type, name, outcome, detail, description, seconds } of results) {
      if (type === 'kernel') descriptions.push({ series, receivers: description });
      if (type === 'case') count(series, name, outcome, detail, seconds);
    }
    say(`---- ${series} (${release}), part ${part}: ${Math.round((Date.now() - began) / 1000)} s`);
    if (results.some(({ type }) => type === 'end')) return;
    const said = readFileSync(consolePath, 'utf8');
    const reason = late ? `the guest did not end within ${GUEST_TIMEOUT_MS / 1000} s` : `the guest ended early (${how})`;
    const words = `${reason}; its last words:\n${said.slice(-3000)}`;
    // A guest whose kernel and Node did not say that they ended was ended by the emulator, which is not what is tested: one more guest goes on with the scenario
    // that ran.
    const isEmulators = !late && !again && !/@@RESULT|Kernel panic|Oops|BUG:/.test(said);
    if (!isEmulators) return count(series, 'all scenarios', 'failed', words);
    say(`AGAIN ${series}, part ${part}: ${words}`);
    return runIn(kernel, number, results.filter(({ type }) => type === 'case').length, true);
  };
  // one thread a guest
  await inParallel(
    images.flatMap((kernel) => Array.from({ length: parts }, (_, index) => () => runIn(kernel, index + 1))),
    availableParallelism(),
  );
  if (values.only === undefined) judgeTable([...descriptions, ...(values.kernel === undefined ? [describeHost()] : [])]);
};

const work = scratchFolder();
try {
  if (process.arch === 'x64') await runGuests(work);
  else count('all kernels', 'all scenarios', 'skipped', `the kernels are for x86-64, this is ${process.arch}`);
} finally {
  if (values.keep) say(`kept: ${work}`);
  else rmSync(work, { recursive: true, force: true });
}
const file = process.env['RINGTAIL_RESULTS'] ?? inRoot('build/test-results/kernels.json');
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(total, undefined, 2)}\n`);
say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
