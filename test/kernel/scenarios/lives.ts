/** Programs in cgroups that they are alone in, by the workload `lives`. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { cgroup2Mount } from '../../../src/kernel/procfs/mounts.ts';
import { type Pipeline, waitFor } from '../harness/pipeline.ts';
import { startProgram } from '../harness/runner.ts';
import type { Context } from '../harness/scenario.ts';

/** What it does so often when it is not said, and processes that it holds. */
export const LIVES = 20;
export const HELD = 3;
/** What it tells of its network namespace before 5.14: the kernel may know one, and programs cannot ask for it. */
export const NO_COOKIE = '0';

export type Folder = { readonly path: string; readonly id: number };

/** Cgroups of the v2 hierarchy for the time of `work`. */
export const withCgroups = async (
  skip: Context['skip'],
  count: number,
  work: (folders: readonly Folder[]) => Promise<void>,
): Promise<void> => {
  const place = await cgroup2Mount('');
  if (place === undefined) return skip('cgroup v2 is not mounted');
  const paths = Array.from({ length: count }, (_, index) => `${place}/ringtail-counted-${process.pid}-${index}`);
  for (const path of paths) mkdirSync(path);
  const [result] = await Promise.allSettled([work(paths.map((path) => ({ path, id: statSync(path).ino })))]);
  for (const path of paths) {
    const left = () => readFileSync(`${path}/cgroup.procs`, 'utf8').split('\n').filter((pid) => pid !== ''); // prettier-ignore
    for (const pid of left()) process.kill(Number(pid), 'SIGKILL');
    await waitFor('the cgroup to be left', () => left().length === 0);
    rmdirSync(path);
  }
  if (result.status === 'rejected') throw result.reason;
};

/** Starts `lives`, waits until it holds, and gives what ends it. */
export const live = async (
  { program, copy }: Context,
  pipeline: Pipeline,
  { cgroup, uid, netns = 0, count = LIVES, held = HELD }: { cgroup: string; uid: number; netns?: 0 | 1; count?: number; held?: number },
) => {
  const quick = copy('quick', `quick-${uid}-${netns}`);
  const { child, ended, output } = startProgram(program('lives'), [cgroup, uid, netns, count, held, quick].map(String));
  await pipeline.until('the program to hold', () => /held|skip/.test(output()) || child.exitCode !== null);
  const cookie = /cookie (\d+)/.exec(output())?.[1] ?? '';
  return {
    cookie,
    isSkipped: output().startsWith('skip'),
    async end() {
      child.stdin.end();
      assert.equal((await ended).code, 0);
    },
  };
};
