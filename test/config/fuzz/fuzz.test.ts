/** Ten thousand mutated configurations and the worst of texts: an error or a configuration, soon and in bounded memory, never a throw. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { CaseReport } from './child.ts';
import { LONG, worstTexts } from './worst.ts';

const CASES = 10_000;
/** A case that takes longer than this on any machine hangs. */
const HANG_MS = 60_000;
const WARM_UP_CASES = 500;

const runCases = (first: number, count: number): Promise<readonly CaseReport[]> =>
  new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('child.ts', import.meta.url)), [String(first), String(count)], { execArgv: ['--expose-gc'] });
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
      if (code === 0 && reports.length === (count || worstTexts.length)) resolve(reports);
      else reject(new Error(`the child ended with ${signal ?? code} in the case of seed ${first + reports.length}`));
    });
  });

const MOST_GROWTH_BYTES = 200 * 2 ** 20;

const growthBytes = (reports: readonly CaseReport[]): number => Math.max(...reports.map(({ rssBytes }) => rssBytes)) - reports[0]!.rssBytes;

const faults = (reports: readonly CaseReport[]) => reports.filter(({ end }) => end === 'fault').map(({ seed, why }) => `${seed}: ${why}`);

/** CPU time, so that a busy machine does not count. */
const slow = (reports: readonly CaseReport[], mostMs = 1000) =>
  reports.filter(({ cpuMs }) => cpuMs > mostMs).map(({ seed, cpuMs }) => `${seed}: ${cpuMs} ms`);

it('ten thousand mutated configurations end in an error or a configuration', { timeout: 300_000 }, async () => {
  const reports = await runCases(1, CASES);
  expect(faults(reports)).toEqual([]);
  expect(slow(reports)).toEqual([]);
  expect(growthBytes(reports.slice(WARM_UP_CASES))).toBeLessThan(MOST_GROWTH_BYTES);
  // Both happen often, or the mutations are too weak or too strong.
  expect(reports.filter(({ end }) => end === 'valid').length).toBeGreaterThan(CASES / 50);
  expect(reports.filter(({ end }) => end === 'wrong').length).toBeGreaterThan(CASES / 2);
});

it('bombs and the worst of texts end in an error', { timeout: 300_000 }, async () => {
  const reports = await runCases(0, 0);
  expect(faults(reports)).toEqual([]);
  expect(reports.map(({ end }) => end)).toEqual(worstTexts.map(() => 'wrong'));
  const isLong = ({ seed }: CaseReport): boolean => worstTexts[seed]![0].endsWith(`, ${LONG}`);
  const long = reports.filter(isLong);
  const others = reports.filter((report) => !isLong(report));
  const named = (lines: readonly string[]) => lines.map((line) => `${worstTexts[Number.parseInt(line, 10)]![0]}, ${line}`);
  expect([long.length, others.length].every((length) => length > 20)).toBe(true);
  expect(named(slow(others))).toEqual([]);
  expect(named(slow(long, 6000))).toEqual([]);
  expect(Math.max(...others.map(({ grownBytes }) => grownBytes))).toBeLessThan(MOST_GROWTH_BYTES);
  expect(Math.max(...long.map(({ grownBytes }) => grownBytes))).toBeLessThan(2 * MOST_GROWTH_BYTES);
});
