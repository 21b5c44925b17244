import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { buildPath, loadAddon } from '../../src/kernel/addon.ts';
import { buildWorkloads } from '../workloads/build.mjs';
import { casesOf, runCase } from './harness/runner.ts';
import { Skip } from './harness/scenario.ts';
import { scenarios } from './scenarios/index.ts';

buildWorkloads();

// The rung `tp` finds its tracepoints there; a machine without systemd has it not mounted. It stays: others may use it by then.
const TRACING = '/sys/kernel/tracing';
beforeAll(() => {
  if (!existsSync(`${TRACING}/events`)) spawnSync('mount', ['-t', 'tracefs', 'tracefs', TRACING]);
});

/** Nothing but a bound for what hangs: hundreds of starts take a minute on a machine that does nothing else. */
const TIMEOUT_MS = 900_000;

// A run under sanitizers that loads another addon would pass for nothing.
test('the addon is the one that was asked for', () => {
  const wanted = process.env['RINGTAIL_ADDON'] ?? buildPath('native/ringtail.node');
  loadAddon();
  expect(readFileSync('/proc/self/maps', 'utf8')).toContain(wanted);
});

const isSanitized = process.env['RINGTAIL_ADDON'] !== undefined;
const cases = casesOf(scenarios, isSanitized).map((one) => [one.name, one] as const);

test.for(cases)('%s', { timeout: TIMEOUT_MS }, async ([, one], context) => {
  const outcome = await runCase(one).then(
    () => 'passed',
    (error: unknown) => {
      if (error instanceof Skip) return error;
      throw error;
    },
  );
  if (outcome instanceof Skip) return context.skip(outcome.message);
  expect(outcome).toBe('passed');
});
