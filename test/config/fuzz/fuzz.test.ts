/** Ten thousand mutated configurations and the worst of texts: an error or a configuration, soon and in bounded memory, never a throw. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { CaseReport } from './child.ts';

const CASES = 10_000;
/** A case that takes longer than this on any machine hangs. */
const HANG_MS = 20_000;
const WARM_UP_CASES = 500;

const runCases = (first: number, count: number): Promise<readonly CaseReport[]> =>
  new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('child.ts', import.meta.url)), [String(first), String(count)], { execArgv: [] });
    const reports: CaseReport[] = [];
    const hangs = () => {
      child.kill('SIGKILL');
      reject(new Error(`the case of seed ${first + reports.length} hangs`));
    };
    let watchdog = setTimeout(hangs, HANG_MS);
    child.on('message', (report) => {
      reports.push(report as CaseReport);
      clearTimeout(watchdog);
      watchdog = setTimeout(hangs, HANG_MS);
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(watchdog);
      if (code === 0 && reports.length === count) resolve(reports);
      else reject(new Error(`the child ended with ${signal ?? code} in the case of seed ${first + reports.length}`));
    });
  });

it('ten thousand mutated configurations end in an error or a configuration', { timeout: 120_000 }, async () => {
  const reports = await runCases(1, CASES);
  expect(reports.filter(({ end }) => end === 'fault').map(({ seed, why }) => `${seed}: ${why}`)).toEqual([]);
  // CPU time, so that a busy machine does not count.
  expect(reports.reduce((slowest, report) => (report.cpuMs > slowest.cpuMs ? report : slowest)).cpuMs).toBeLessThan(1000);
  const warm = reports[WARM_UP_CASES]!.rssBytes;
  expect((Math.max(...reports.map(({ rssBytes }) => rssBytes)) - warm) / 2 ** 20).toBeLessThan(200);
  // Both happen often, or the mutations are too weak or too strong.
  expect(reports.filter(({ end }) => end === 'valid').length).toBeGreaterThan(CASES / 50);
  expect(reports.filter(({ end }) => end === 'wrong').length).toBeGreaterThan(CASES / 2);
});
