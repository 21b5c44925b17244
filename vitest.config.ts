import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/kernel/**', 'test/kernels/**', 'test/e2e/**'],
          // property tests under the instruments of coverage, on a machine that does other things too
          testTimeout: 30_000,
        },
      },
      // One file at a time: they attach to the one kernel, and each counts what it sees there. What fails is tried once more, for the machine is part of what is
      // tested; scripts/test.mjs tells of it, and fails when it is more than a few.
      {
        extends: true,
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          fileParallelism: false,
          retry: 1,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // as bin/ringtail: a young generation of 48 MiB that is touched bit by bit looks like a leak
          execArgv: ['--max-semi-space-size=4'],
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          fileParallelism: false,
          retry: 1,
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
    ],
    passWithNoTests: true,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.gen.ts'],
      // Suites add up: scripts/test.mjs merges them and holds the threshold.
      reporter: ['json-summary'],
      reportsDirectory: 'build/coverage',
    },
  },
});
