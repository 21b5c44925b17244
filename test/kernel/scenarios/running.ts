/** What ran before Ringtail came. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { startProgram } from '../harness/runner.ts';
import { kernelRungs, type Scenario } from '../harness/scenario.ts';
import { EXEC, expectAttributes, expectExit, EXIT, FORK } from './expect.ts';

const before: Scenario = {
  name: 'what ran already is known, also when its file is gone',
  rungs: kernelRungs,
  async run({ rung, start, copy }) {
    for (const deleted of [false, true]) {
      const path = copy('ends', deleted ? 'gone' : 'early');
      const { child, ended, output } = startProgram(path, ['wait']);
      try {
        const waiting = await start({ rung: 'procfs' }); // nothing but a clock: the program says when it is there
        await waiting.until('the program to wait', () => output() !== '');
        await waiting.stop();
        if (deleted) rmSync(path);
        const pipeline = await start();
        child.stdin.end();
        const facts = await ended;
        await pipeline.settle();
        assert.deepEqual(pipeline.find(EXEC, { 'process.pid': facts.pid }), [], 'it was not started now');
        const named = {
          'process.executable.path': path,
          'ringtail.executable.kind': deleted ? 'deleted' : undefined,
          'ringtail.attribution': 'iterator',
        };
        expectAttributes(pipeline.one(FORK, { 'process.pid': facts.pid }), named);
        expectAttributes(expectExit(pipeline, [facts.pid, 0]), named);
        const [made] = facts.all('child');
        const exit = expectExit(pipeline, made!);
        if (rung !== 'tp') expectAttributes(exit, { ...named, 'ringtail.attribution': 'ebpf' });
        await pipeline.stop();
      } finally {
        child.kill('SIGKILL');
      }
    }
  },
};

const self: Scenario = {
  name: 'Ringtail leaves itself out, and only itself',
  async run({ start, run }) {
    const pipeline = await start();
    await run('quick');
    await pipeline.settle();
    assert.deepEqual(
      pipeline.events.filter(({ attributes }) => attributes['process.pid'] === process.pid),
      [],
    );
    assert(pipeline.find(EXIT, { 'process.parent_pid': process.pid }).length > 0);
  },
};

const shared: Scenario = {
  name: 'two at once see the same and disturb each other in nothing',
  async run({ start, run, program }) {
    const first = await start();
    const second = await start({ rung: 'raw_tp' });
    const facts = await run('execs', ['children', '100', program('quick')]);
    await first.settle();
    await second.settle();
    for (const pipeline of [first, second]) {
      for (const child of facts.all('child')) {
        expectAttributes(pipeline.one(EXEC, { 'process.pid': child[0]! }), { 'process.executable.path': program('quick') });
        expectExit(pipeline, child);
      }
    }
    await first.stop();
    const more = await run('quick', ['3']);
    await second.settle();
    expectExit(second, [more.pid, 3 << 8]);
    assert.deepEqual(first.find(EXIT, { 'process.pid': more.pid }), []);
  },
};

export const runningScenarios: readonly Scenario[] = [before, self, shared];
