/** How processes and threads are made and how they end: exactly one exit a process, with the code that wait gives. */
import assert from 'node:assert/strict';
import { eventKind } from '../../../src/kernel/layouts.gen.ts';
import { kernelRungs, type Scenario } from '../harness/scenario.ts';
import { EXIT, expectAttributes, expectExit, FORK } from './expect.ts';

const RACES = 200;

const signals: Scenario = {
  name: 'ends by signals, with and without a core dump',
  rungs: kernelRungs,
  everywhere: true,
  async run({ folder, start, run }) {
    const pipeline = await start();
    const dumped = new Map<number, number>();
    const end = pipeline.kernel.hub.subscribe({
      kinds: [eventKind.exit],
      onBatch: ({ rows, actor, columns }, frame) => {
        for (let row = 0; row < rows; row++) dumped.set(frame.actors.pid[actor[row]!]!, columns['coreDumped']![row]!);
      },
      onLoss: () => {},
    });
    for (const args of [['9'], ['15'], ['1'], ['11'], ['6', 'core']]) {
      const facts = await run('ends', ['signal', ...args], { cwd: folder });
      await pipeline.settle();
      const [pid, status] = facts.all('child')[0]!;
      assert.equal(status! & 0x7f, Number(args[0]));
      expectExit(pipeline, [pid!, status!]);
      assert.equal(dumped.get(pid!), (status! >> 7) & 1, 'core dump as wait says');
    }
    end();
  },
};

const threadEnds: Scenario = {
  name: 'ends by exit_group of another thread, and after the first thread is gone',
  rungs: kernelRungs,
  async run({ start, run }) {
    const pipeline = await start();
    for (const how of ['from-thread', 'leader-first']) {
      const facts = await run('ends', [how]);
      await pipeline.settle();
      const [child] = facts.all('child');
      expectExit(pipeline, child!);
      // kernels before 5.17 give the code of the first thread, later ones that of the last
      assert((how === 'from-thread' ? [33] : [9, 11]).includes(child![1]! >> 8));
    }
  },
};

const race: Scenario = {
  name: `${RACES} processes whose eight threads leave at one moment`,
  rungs: kernelRungs,
  async run({ start, run }) {
    const pipeline = await start();
    const facts = await run('ends', ['race', String(RACES)]);
    await pipeline.settle();
    const children = facts.all('child');
    assert.equal(children.length, RACES);
    for (const child of children) expectExit(pipeline, child);
    assert.equal(pipeline.find(EXIT, { 'process.parent_pid': facts.pid }).length, RACES);
  },
};

const calls: Scenario = {
  name: 'fork, vfork, clone and clone3 with their flags',
  rungs: kernelRungs,
  everywhere: true,
  async run({ start, run }) {
    const pipeline = await start();
    const facts = await run('ends', ['calls']);
    await pipeline.settle();
    const wanted = [
      { 'ringtail.syscall.name': 'fork', 'ringtail.clone.flags': undefined },
      { 'ringtail.syscall.name': 'vfork', 'ringtail.clone.flags': ['CLONE_VM', 'CLONE_VFORK'] },
      { 'ringtail.syscall.name': 'clone', 'ringtail.clone.flags': ['CLONE_FS', 'CLONE_FILES'] },
      { 'ringtail.syscall.name': 'clone3', 'ringtail.clone.flags': undefined },
      { 'ringtail.syscall.name': 'clone3', 'ringtail.clone.flags': ['CLONE_NEWUTS'] },
      { 'ringtail.syscall.name': 'clone3', 'ringtail.clone.flags': ['CLONE_CLEAR_SIGHAND'] },
    ];
    const children = facts.all('child');
    children.forEach((child, index) => {
      expectAttributes(pipeline.one(FORK, { 'process.pid': facts.pid, 'ringtail.child.pid': child[0]! }), {
        ...wanted[index],
        'ringtail.syscall.return': child[0],
        'ringtail.child.thread': undefined,
      });
      expectExit(pipeline, child);
    });
    assert.equal(pipeline.find(FORK, { 'process.pid': facts.pid }).length, wanted.length);
  },
};

const threads: Scenario = {
  name: 'threads are told when asked for, and are no processes',
  rungs: kernelRungs,
  async run({ start, run }) {
    for (const wanted of [false, true]) {
      const pipeline = await start({ receiver: { threads: wanted } });
      const facts = await run('ends', ['threads', '5']);
      await pipeline.settle();
      const [child] = facts.all('child');
      const made = pipeline.find(FORK, { 'process.pid': child![0]! });
      assert.equal(made.length, wanted ? 5 : 0);
      for (const fork of made) {
        expectAttributes(fork, { 'ringtail.child.thread': true, 'ringtail.child.pid': child![0] });
        assert((fork.attributes['ringtail.clone.flags'] as readonly string[]).includes('CLONE_THREAD'));
        assert.notEqual(fork.attributes['ringtail.syscall.return'], child![0], 'the call returns the number of the thread');
      }
      expectAttributes(pipeline.one(FORK, { 'process.pid': facts.pid }), { 'ringtail.child.thread': wanted ? false : undefined });
      expectExit(pipeline, child!);
      await pipeline.stop();
    }
  },
};

const noExec: Scenario = {
  name: 'children that start no program bear the name of their maker',
  rungs: ['tp_btf', 'raw_tp'],
  async run({ start, run, program }) {
    const pipeline = await start();
    const facts = await run('ends', ['forks', '50']);
    await pipeline.settle();
    for (const child of facts.all('child')) {
      expectAttributes(expectExit(pipeline, child), { 'process.executable.path': program('ends'), 'ringtail.attribution': 'ebpf' });
    }
  },
};

export const endScenarios: readonly Scenario[] = [signals, threadEnds, race, calls, threads, noExec];
