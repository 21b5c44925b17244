import { spawnSync } from 'node:child_process';
import type { TestContext } from 'vitest';

const hasPromtool: boolean = spawnSync('promtool', ['--version'], { stdio: 'ignore' }).status === 0;

/** Skips the test, with the reason, where Prometheus's own tool is not. */
export const needPromtool = ({ skip }: TestContext): void => {
  if (!hasPromtool) skip('promtool is not installed; the package prometheus has it');
};
