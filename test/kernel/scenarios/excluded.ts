/** Who is left out by the configuration, and nobody else. */
import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroup2Mount } from '../../../src/kernel/procfs/mounts.ts';
import { startProgram } from '../harness/runner.ts';
import { kernelRungs, type Scenario } from '../harness/scenario.ts';
import { EXEC, expectExit, EXIT, FORK } from './expect.ts';
import type { Pipeline } from '../harness/pipeline.ts';

/** What was told of a process as the one that acts. */
const toldOf = (pipeline: Pipeline, pid: number): readonly string[] =>
  pipeline.events
    .filter(({ attributes }) => attributes['process.pid'] === pid)
    .map(({ name }) => name)
    .toSorted();

const filteredOf = (pipeline: Pipeline): number =>
  pipeline.counters
    .samples()
    .filter(({ name, labels }) => name === 'ringtail_kernel_events' && labels['outcome'] === 'filtered')
    .reduce((sum, { value }) => sum + value, 0);

const executable: Scenario = {
  name: 'an executable that is left out: what it does, also as a child; not what it starts',
  rungs: kernelRungs,
  everywhere: true,
  async run({ rung, start, run, program, copy }) {
    const quiet = copy('execs', 'quiet');
    const before = startProgram(copy('ends', 'early'), ['wait']);
    const waiting = await start({ rung: 'procfs' }); // nothing but a clock
    await waiting.until('the program to wait', () => before.output() !== '');
    await waiting.stop();
    const pipeline = await start({ exclude: { executables: [quiet, before.child.spawnfile] } });
    const filtered = filteredOf(pipeline);
    const { ended } = startProgram(quiet, ['children', '5', program('quick')]);
    const facts = await ended;
    before.child.stdin.end();
    const early = await before.ended;
    const other = await run('execs', ['children', '1', program('quick')]);
    await pipeline.settle();
    assert.deepEqual(toldOf(pipeline, facts.pid), [], 'it is told of');
    assert.deepEqual(toldOf(pipeline, early.pid), [], 'one that ran before is told of');
    // a child that never runs another program; where the hook shows no child it is known by its number alone
    assert.deepEqual(toldOf(pipeline, early.all('child')[0]![0]!), []);
    for (const child of facts.all('child')) {
      assert.deepEqual(toldOf(pipeline, child[0]!), [EXEC, EXIT], 'what it starts is another program');
      expectExit(pipeline, child);
    }
    assert.deepEqual(toldOf(pipeline, other.pid), [EXEC, EXIT, FORK]);
    if (rung !== 'procfs') assert(filteredOf(pipeline) - filtered >= 5 + 2, 'what is left out is counted');
  },
};

const cgroup: Scenario = {
  name: 'a cgroup that is left out, with all below it and all that starts there',
  rungs: kernelRungs,
  everywhere: true,
  async run({ start, run, program, skip }) {
    const place = await cgroup2Mount('');
    if (place === undefined) return skip('cgroup v2 is not mounted');
    const names = [`/ringtail-left-out-${process.pid}`, `/ringtail-left-out-${process.pid}/below`, `/ringtail-left-out-${process.pid}-not`];
    for (const name of names) mkdirSync(`${place}${name}`);
    try {
      const pipeline = await start({ exclude: { cgroups: [`${names[0]}/`] } });
      const told = [];
      for (const name of names) {
        const { child, ended, output } = startProgram(program('ends'), ['wait']);
        await pipeline.until('the program to wait', () => output() !== '');
        writeFileSync(`${place}${name}/cgroup.procs`, String(child.pid));
        child.stdin.end();
        const facts = await ended;
        await pipeline.settle();
        told.push([toldOf(pipeline, facts.pid), toldOf(pipeline, facts.all('child')[0]![0]!)]);
      }
      // it came there after its exec
      assert.deepEqual(told, [
        [[EXEC], []],
        [[EXEC], []],
        [[EXEC, EXIT, FORK], [EXIT]],
      ]);
      await pipeline.stop();
      const all = await run('quick');
      assert.equal(all.code, 0);
    } finally {
      for (const name of names.toReversed()) rmdirSync(`${place}${name}`);
    }
  },
};

const pidFile: Scenario = {
  name: 'a process that is left out by its pid file, and rules that change while it runs',
  rungs: kernelRungs,
  async run({ start, folder, program }) {
    const file = join(folder, 'daemon.pid');
    const pipeline = await start({ exclude: { pid_files: [file] } });
    const wait = async () => {
      const { child, ended, output } = startProgram(program('ends'), ['wait']);
      await pipeline.until('the program to wait', () => output() !== '');
      await pipeline.settle();
      return { child, ended, pid: child.pid! };
    };
    const leave = async ({ child, ended, pid }: Awaited<ReturnType<typeof wait>>) => {
      child.stdin.end();
      await ended;
      await pipeline.settle();
      return toldOf(pipeline, pid).filter((name) => name !== EXEC);
    };
    const [first, second, third] = [await wait(), await wait(), await wait()];
    writeFileSync(file, `${first.pid}\n`);
    await pipeline.kernel.exclude({ cgroups: [], pid_files: [file], executables: [] });
    assert.deepEqual(await leave(first), []);
    writeFileSync(file, `not a number ${second.pid}`);
    await pipeline.kernel.exclude({ cgroups: [], pid_files: [file], executables: [] });
    assert.deepEqual(await leave(second), [EXIT, FORK]);
    await pipeline.kernel.exclude({ cgroups: [], pid_files: [], executables: [program('ends')] });
    assert.deepEqual(await leave(third), []);
    await pipeline.kernel.exclude({ cgroups: [], pid_files: [], executables: [] });
    const fourth = await wait();
    assert.deepEqual(await leave(fourth), [EXIT, FORK]);
  },
};

const byProcfs: Scenario = {
  name: 'the procfs rung leaves out the same',
  async run({ start, copy, program }) {
    const pipeline = await start({ rung: 'procfs', exclude: { executables: [copy('ends', 'quiet')] } });
    const quiet = startProgram(copy('ends', 'quiet'), ['wait']);
    const other = startProgram(program('ends'), ['wait']);
    await pipeline.until('both to wait', () => quiet.output() !== '' && other.output() !== '');
    await pipeline.until('the other to be seen', () => toldOf(pipeline, other.child.pid!).length > 0);
    for (const { child, ended } of [quiet, other]) {
      child.stdin.end();
      await ended;
    }
    await pipeline.until('its end to be seen', () => toldOf(pipeline, other.child.pid!).includes(EXIT));
    assert.deepEqual(toldOf(pipeline, quiet.child.pid!), []);
    assert.deepEqual(toldOf(pipeline, other.child.pid!), [EXEC, EXIT]);
  },
};

export const excludedScenarios: readonly Scenario[] = [executable, cgroup, pidFile, byProcfs];
