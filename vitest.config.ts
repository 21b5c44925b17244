import { defineConfig } from 'vitest/config';

/** What `npm test` asks of unit, kernel and e2e tests together. */
const LINE_COVERAGE_PERCENT = 90;

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/kernel/**', 'test/kernels/**', 'test/e2e/**'] },
      },
      // One file at a time: they attach to the one kernel, and each counts what it sees there.
      {
        extends: true,
        test: { name: 'kernel', include: ['test/kernel/**/*.test.ts'], fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 },
      },
      {
        extends: true,
        test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], fileParallelism: false, testTimeout: 300_000, hookTimeout: 600_000 },
      },
    ],
    passWithNoTests: true,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.gen.ts'],
      reporter: ['text-summary', 'json-summary'],
      reportsDirectory: 'build/coverage',
      // Runs of one suite add their share; the threshold holds for all of them together (see scripts/test.mjs).
      ...(process.env['RINGTAIL_COVERAGE_OF_ALL'] === '1' ? { thresholds: { lines: LINE_COVERAGE_PERCENT } } : {}),
    },
  },
});
