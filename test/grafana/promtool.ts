/** Whether Prometheus's own tool is here; the package `prometheus` has it. */
import { spawnSync } from 'node:child_process';

export const hasPromtool: boolean = spawnSync('promtool', ['--version'], { stdio: 'ignore' }).status === 0;

if (!hasPromtool) console.warn('promtool is not installed: what it would check is skipped (the package prometheus has it)');
