/** Who ran what: every record names the program that was running at that moment. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { cgroupOf } from '../harness/cgroups.ts';
import { kernelRungs, type Scenario } from '../harness/scenario.ts';
import { argsOf, EXEC, EXIT, expectAttributes, expectExit, FORK, nameUsers, pathOf, pidOf, statField } from './expect.ts';

const CHILDREN = 1000;

const plain: Scenario = {
  name: 'a program with its arguments, folder, session, parent and end',
  rungs: kernelRungs,
  everywhere: true,
  async run({ rung, folder, start, run, program }) {
    const pipeline = await start();
    await nameUsers(pipeline, run, [0]);
    const began = Date.now();
    const quick = program('quick');
    const facts = await run('execs', ['spawn', quick, 'quick', 'one', 'two words', '5'], { cwd: folder });
    await pipeline.settle();
    const [child, status] = facts.all('child')[0]!;
    const fork = pipeline.one(FORK, { 'process.pid': facts.pid });
    const exec = pipeline.one(EXEC, { 'process.pid': child! });
    const exit = expectExit(pipeline, [child!, status!]);

    expectAttributes(exec, {
      'process.executable.path': quick,
      'process.executable.name': 'quick',
      'process.command_args': ['quick', 'one', 'two words', '5'],
      'process.args_count': rung === 'tp' ? undefined : 4,
      'ringtail.args.truncated': undefined,
      'process.working_directory': folder,
      'process.session_leader.pid': statField('self', 6),
      'process.parent_pid': facts.pid,
      'process.user.id': 0,
      'process.real_user.id': undefined,
      'process.owner': 'root',
      'process.vpid': undefined,
      ...(await cgroupOf(process.pid)),
      'ringtail.thread.id': child,
      'ringtail.thread.comm': 'quick',
      'ringtail.kernel_thread': undefined,
      'ringtail.executable.kind': undefined,
      'ringtail.attribution': 'ebpf',
      'ringtail.syscall.name': 'execve',
      'ringtail.syscall.return': 0,
      'error.type': undefined,
    });
    // this rung does not show the child at the fork, so nothing is known of it before its exec
    if (rung !== 'tp') expectAttributes(exec, { 'ringtail.process.caller.executable.path': program('execs') });
    assert([undefined, program('execs')].includes(exec.attributes['ringtail.process.caller.executable.path'] as string | undefined));

    expectAttributes(fork, {
      'process.executable.path': program('execs'),
      'ringtail.attribution': 'ebpf',
      'ringtail.child.pid': child,
      'ringtail.syscall.name': 'clone',
      'ringtail.syscall.return': child,
      'ringtail.clone.flags': ['CLONE_CHILD_CLEARTID', 'CLONE_CHILD_SETTID'],
      'ringtail.child.thread': undefined,
    });
    expectAttributes(exit, { 'process.executable.path': quick, 'ringtail.attribution': 'ebpf', 'process.parent_pid': facts.pid });
    assert.equal(status! >> 8, 5);

    assert(fork.unixNs <= exec.unixNs && exec.unixNs <= exit.unixNs, 'fork, exec, exit in this order');
    const created = exec.attributes['process.creation.time'] as string;
    assert.match(created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert(Date.parse(created) >= began - 1 && Date.parse(created) <= Number(exec.unixNs / 1_000_000n) + 1, created);
    assert.equal(exit.attributes['process.creation.time'], created);
    const duration = BigInt(exit.attributes['ringtail.duration_ns'] as number);
    assert(duration >= exit.unixNs - exec.unixNs && duration <= exit.unixNs - BigInt(began - 1) * 1_000_000n, `${duration}`);
  },
};

const chain: Scenario = {
  name: 'a process that goes through five programs and opens nothing in between',
  rungs: kernelRungs,
  async run({ rung, start, run, copy }) {
    const pipeline = await start();
    const programs = ['one', 'two', 'three', 'four', 'five'].map((name) => copy('execs', name));
    const facts = await run('execs', ['chain', ...programs.slice(1)], { path: programs[0]! });
    await pipeline.settle();
    assert.equal(facts.code, 7);
    const execs = pipeline.find(EXEC, { 'process.pid': facts.pid });
    assert.deepEqual(execs.map(pathOf), programs);
    assert.deepEqual(
      execs.slice(1).map(({ attributes }) => attributes['ringtail.process.caller.executable.path']),
      programs.slice(0, -1),
    );
    assert.deepEqual(
      execs.map(({ attributes }) => attributes['ringtail.thread.comm']),
      ['one', 'two', 'three', 'four', 'five'],
    );
    for (const exec of execs) expectAttributes(exec, { 'ringtail.attribution': 'ebpf' });
    const exit = pipeline.one(EXIT, { 'process.pid': facts.pid });
    expectAttributes(exit, { 'process.executable.path': programs[4], 'ringtail.attribution': 'ebpf', 'process.exit.code': 7 });
    assert.equal(new Set([...execs, exit].map(({ attributes }) => attributes['process.creation.time'])).size, 1);
    assert(rung !== 'auto');
  },
};

const children: Scenario = {
  name: `one process makes ${CHILDREN} children that start a program at once`,
  rungs: kernelRungs,
  async run({ rung, start, run, program }) {
    const pipeline = await start();
    const quick = program('quick');
    const facts = await run('execs', ['children', String(CHILDREN), quick]);
    await pipeline.settle();
    const made = facts.all('child');
    assert.equal(made.length, CHILDREN);
    const pids = new Set(made.map(([pid]) => pid!));
    const forks = pipeline.find(FORK, { 'process.pid': facts.pid });
    assert.deepEqual(new Set(forks.map(({ attributes }) => attributes['ringtail.child.pid'])), pids);
    assert.equal(forks.length, CHILDREN);
    for (const fork of forks) expectAttributes(fork, { 'process.executable.path': program('execs'), 'ringtail.attribution': 'ebpf' });
    const execs = pipeline.find(EXEC, { 'process.parent_pid': facts.pid });
    assert.equal(execs.length, CHILDREN);
    assert.deepEqual(new Set(execs.map(pidOf)), pids);
    const orderOf = new Map(made.map(([pid], index) => [pid!, index]));
    for (const exec of execs) {
      expectAttributes(exec, {
        'process.executable.path': quick,
        'ringtail.attribution': 'ebpf',
        'process.command_args': ['quick', String(orderOf.get(pidOf(exec)))],
        ...(rung === 'tp' ? {} : { 'ringtail.process.caller.executable.path': program('execs') }),
      });
    }
    for (const child of made) {
      expectAttributes(expectExit(pipeline, child), {
        'process.executable.path': quick,
        'ringtail.attribution': 'ebpf',
        'process.parent_pid': facts.pid,
      });
    }
  },
};

const threadExec: Scenario = {
  name: 'a thread that starts a program becomes the process',
  rungs: kernelRungs,
  async run({ start, run, program }) {
    const pipeline = await start();
    const facts = await run('execs', ['thread', program('quick')]);
    await pipeline.settle();
    const [child] = facts.all('child')[0]!;
    const [thread] = facts.all('thread')[0]!;
    assert.notEqual(thread, child);
    const exec = pipeline.one(EXEC, { 'process.pid': child! });
    expectAttributes(exec, {
      'process.executable.path': program('quick'),
      'process.command_args': ['by-thread', '3'],
      'ringtail.thread.id': child,
    });
    const exit = expectExit(pipeline, facts.all('child')[0]!);
    expectAttributes(exit, { 'process.executable.path': program('quick') });
    // no thread of it counts as a process
    assert.deepEqual(pipeline.find(EXIT, { 'process.pid': thread! }), []);
    assert.deepEqual(pipeline.find(EXIT, { 'ringtail.thread.id': thread! }), []);
  },
};

const script: Scenario = {
  name: 'a script is told as its interpreter with the script among the arguments',
  rungs: kernelRungs,
  async run({ rung, folder, start, run, program }) {
    const pipeline = await start();
    const path = `${folder}/script`;
    writeFileSync(path, `#!${program('quick')} interpret\n`);
    chmodSync(path, 0o755);
    const facts = await run('execs', ['spawn', path, 'ignored', '6']);
    await pipeline.settle();
    const [child, status] = facts.all('child')[0]!;
    expectAttributes(pipeline.one(EXEC, { 'process.pid': child! }), {
      'process.executable.path': program('quick'),
      'process.command_args': [program('quick'), 'interpret', path, '6'],
      'process.args_count': rung === 'tp' ? undefined : 4,
      'ringtail.thread.comm': 'script',
    });
    assert.equal(status! >> 8, 6);
    expectExit(pipeline, [child!, status!]);
  },
};

const memfd: Scenario = {
  name: 'a program in memory only is told as such',
  rungs: kernelRungs,
  everywhere: true,
  async run({ rung, start, run, program }) {
    const pipeline = await start();
    const facts = await run('execs', ['memfd', program('quick')]);
    await pipeline.settle();
    const [child, status] = facts.all('child')[0]!;
    assert.equal(status! >> 8, 4);
    for (const event of [pipeline.one(EXEC, { 'process.pid': child! }), expectExit(pipeline, [child!, status!])]) {
      expectAttributes(event, {
        'ringtail.executable.kind': 'memfd',
        'process.executable.name': 'memfd:hidden',
        'ringtail.attribution': 'ebpf',
      });
    }
    expectAttributes(pipeline.one(EXEC, { 'process.pid': child! }), {
      'process.command_args': ['from-memory', '4'],
      'ringtail.syscall.name': rung === 'tp' ? undefined : 'execveat',
    });
  },
};

const unlinked: Scenario = {
  name: 'a program whose file is gone is told by the name that it had',
  rungs: kernelRungs,
  async run({ start, run, copy }) {
    const pipeline = await start();
    const path = copy('quick', 'doomed');
    const facts = await run('execs', ['unlinked', path]);
    await pipeline.settle();
    const [child, status] = facts.all('child')[0]!;
    assert.equal(status! >> 8, 2);
    for (const event of [pipeline.one(EXEC, { 'process.pid': child! }), expectExit(pipeline, [child!, status!])]) {
      expectAttributes(event, {
        'ringtail.executable.kind': 'deleted',
        'process.executable.path': path,
        'process.executable.name': 'doomed',
      });
    }
  },
};

const reuse = (count: number): Scenario => ({
  name: `${count} processes that all have the same number keep their own names`,
  rungs: kernelRungs,
  async run({ rung, start, run, copy, program }) {
    const pipeline = await start();
    const paths = [copy('quick', 'first'), copy('quick', 'second')];
    const facts = await run('execs', ['same-number', String(count), ...paths]);
    await pipeline.settle();
    const [number] = facts.all('number')[0]!;
    // as they came out of the ring
    const inOrder = (name: string) => pipeline.find(name, { 'process.pid': number! });
    const execs = inOrder(EXEC);
    const exits = inOrder(EXIT);
    assert.equal(exits.length, count);
    assert.equal(execs.length, Math.floor(count / 3) * 2 + (count % 3));
    for (const exec of execs) {
      const index = Number(argsOf(exec)[1]);
      expectAttributes(exec, { 'process.executable.path': paths[index % 3] });
    }
    assert.deepEqual(
      execs.map((exec) => Number(argsOf(exec)[1])),
      Array.from({ length: count }, (_, i) => i).filter((i) => i % 3 < 2),
    );
    exits.forEach((exit, index) => {
      // One that starts no program runs its maker's; the last rung does not show it before it ends, so that procfs may be too late.
      const wanted = paths[index % 3] ?? program('execs');
      if (rung !== 'tp' || index % 3 < 2 || pathOf(exit) !== undefined) expectAttributes(exit, { 'process.executable.path': wanted });
      if (index % 3 === 2) expectAttributes(exit, { 'process.exit.code': index & 0x7f });
    });
    assert.equal(new Set(exits.map(({ attributes }) => attributes['process.creation.time'])).size, count, 'each has its own creation time');
  },
});

export const programScenarios: readonly Scenario[] = [plain, chain, children, threadExec, script, memfd, unlinked, reuse(1000)];
