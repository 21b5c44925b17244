import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildPath, loadAddon } from '../../src/kernel/addon.ts';
import { buildWorkloads } from '../workloads/build.mjs';
import { casesOf, runCase } from './harness/runner.ts';
import { Skip } from './harness/scenario.ts';
import { scenarios } from './scenarios/index.ts';

buildWorkloads();

// The rung `tp` finds its tracepoints there; a machine without systemd has it not mounted.
const TRACING = '/sys/kernel/tracing';
const isMounted = existsSync(`${TRACING}/events`);
beforeAll(() => {
  if (!isMounted) spawnSync('mount', ['-t', 'tracefs', 'tracefs', TRACING]);
});
afterAll(() => {
  if (!isMounted) spawnSync('umount', [TRACING]);
});

/** Nothing but a bound for what hangs: hundreds of starts take a minute. */
const TIMEOUT_MS = 300_000;

// A run under sanitizers that loads another addon would pass for nothing.
test('the addon is the one that was asked for', () => {
  const wanted = process.env['RINGTAIL_ADDON'] ?? buildPath('native/ringtail.node');
  loadAddon();
  expect(readFileSync('/proc/self/maps', 'utf8')).toContain(wanted);
});

const cases = casesOf(scenarios).map((one) => [one.name, one] as const);

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
