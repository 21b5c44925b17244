/**
 * Boots Debian's kernels under QEMU and runs the scenarios of test/kernel there.
 *
 * usage: kernel-matrix.mjs [--kernel SERIES]... [--only TEXT] [--keep] [--check]
 * Writes the result to RINGTAIL_RESULTS, or build/test-results/kernels.json.
 * exit codes: 0 all passed, 1 something failed
 *
 * @typedef {import('./lib/results.mjs').Note} Note
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { boot } from '../test/kernels/boot.mjs';
import { fetchKernels, kernels, scratchFolder } from '../test/kernels/fetch.mjs';
import { buildInitrd } from '../test/kernels/initrd.mjs';
import { buildWorkloads } from '../test/workloads/build.mjs';
import { inRoot } from './lib/paths.mjs';

/** Several times what a kernel needs on a slow machine. */
const GUEST_TIMEOUT_MS = 600_000;

const { values } = parseArgs({
  options: { kernel: { type: 'string', multiple: true }, only: { type: 'string' }, keep: { type: 'boolean' }, check: { type: 'boolean' } },
});
const say = (/** @type {string} */ line) => console.log(line);

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

buildWorkloads();
const wanted = values.kernel ?? kernels.map(({ series }) => series);
const images = fetchKernels(wanted, say);
const work = scratchFolder();
/** @type {{ passed: number, failed: number, skipped: number, skips: Note[], failures: Note[] }} */
const total = { passed: 0, failed: 0, skipped: 0, skips: [], failures: [] };
try {
  const initrd = buildInitrd({ work, guestArguments: values.only === undefined ? [] : [values.only] });
  for (const { series, image, release } of images) {
    const began = Date.now();
    const consolePath = join(work, `${series}.console`);
    const resultPath = join(work, `${series}.results`);
    const ended = await boot({ image, initrd, consolePath, resultPath, timeoutMs: GUEST_TIMEOUT_MS });
    const results = resultsIn(resultPath);
    for (const { type, name, outcome, detail } of results) {
      if (type !== 'case') continue;
      total[/** @type {'passed' | 'failed' | 'skipped'} */ (outcome)]++;
      const note = { name: `${series}: ${name}`, reason: detail };
      if (outcome === 'skipped') total.skips.push(note);
      if (outcome === 'failed') total.failures.push(note);
      say(
        `${outcome === 'passed' ? 'PASS' : outcome === 'skipped' ? 'SKIP' : 'FAIL'} ${series} ${name}${detail === '' ? '' : `\n     ${detail.replaceAll('\n', '\n     ')}`}`,
      );
    }
    if (!results.some(({ type }) => type === 'end')) {
      const reason = ended ? 'the guest ended early' : `the guest did not end within ${GUEST_TIMEOUT_MS / 1000} s`;
      total.failed++;
      total.failures.push({ name: series, reason });
      say(`FAIL ${series}: ${reason}; its last words:\n${readFileSync(consolePath, 'utf8').slice(-3000)}`);
    }
    say(`---- ${series} (${release}): ${Math.round((Date.now() - began) / 1000)} s`);
  }
} finally {
  if (values.keep) say(`kept: ${work}`);
  else rmSync(work, { recursive: true, force: true });
}
const file = process.env['RINGTAIL_RESULTS'] ?? inRoot('build/test-results/kernels.json');
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(total, undefined, 2)}\n`);
say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
