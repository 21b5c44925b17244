/** Cgroups that are gone before anybody could look: made, one process for a millisecond, removed. */
import { expect, test } from 'vitest';
import { makeCgroup } from './support/cgroups.ts';
import { workload } from './support/places.ts';
import { run } from './support/processes.ts';
import { compare, same } from './support/sessions.ts';
import { startWatching } from './support/watching.ts';

const COUNT = Number(process.env['RINGTAIL_E2E_CGROUPS'] ?? 10_000);
const WORKERS = 4;

test(`${COUNT} cgroups of a millisecond as docker has them: ${COUNT} right container ids`, { timeout: 600_000 }, async () => {
  const { folder } = makeCgroup('/docker');
  const watching = await startWatching({ receivers: { process: {} } });
  const startMs = performance.now();
  const { code, stdout, stderr } = await run(workload('cgroup-lives'), [folder, String(COUNT), String(WORKERS)]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const tookMs = performance.now() - startMs;
  const lives = stdout.trim().split('\n').map((line) => line.split(' ') as [pid: string, how: string, id: string]); // prettier-ignore
  expect(new Set(lives.map(([, , id]) => id)).size).toBe(COUNT);
  console.log(`${COUNT} cgroups in ${(tookMs / 1000).toFixed(1)} s`);

  const records = await watching.finish();
  const mine = records.filter(({ attributes }) => attributes.get('process.executable.name') === 'cgroup-lives');
  const told = (event: string) =>
    mine
      .filter(({ eventName, resource }) => eventName === `ringtail.process.${event}` && resource.has('container.id'))
      .map(({ attributes, resource }) => `${attributes.get('process.pid')} in ${resource.get('container.id')}, ${attributes.get('process.linux.cgroup')}`);
  const wanted = lives.map(([pid, , id]) => `${pid} in ${id}, /docker/${id}`);
  expect({ execs: compare(wanted, told('exec')), exits: compare(wanted, told('exit')) }).toEqual({ execs: same, exits: same });
  // whoever made them is of the host
  const others = mine.filter(({ resource }) => !resource.has('container.id'));
  expect(new Set(others.map(({ attributes }) => attributes.get('ringtail.container')))).toEqual(new Set([false]));
}); // prettier-ignore
