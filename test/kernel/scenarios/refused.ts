/** Execs that the kernel refuses. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { kernelRungs, type Scenario } from '../harness/scenario.ts';
import { EXEC, expectAttributes, expectExit } from './expect.ts';

const refused: Scenario = {
  name: 'execs that the kernel refuses, by reason',
  rungs: kernelRungs,
  everywhere: true,
  async run({ rung, folder, start, run, program }) {
    const noAccess = `${folder}/no-access`;
    const noFormat = `${folder}/no-format`;
    writeFileSync(noAccess, 'text');
    writeFileSync(noFormat, '\u0001\u0002 no program');
    chmodSync(noFormat, 0o755);
    const pipeline = await start();
    const facts = await run('execs', ['refused', noAccess, noFormat]);
    await pipeline.settle();
    const wanted = [
      {
        'error.type': 'ENOENT',
        'ringtail.file.requested': '/nonexistent/program',
        'ringtail.syscall.name': 'execve',
        'ringtail.syscall.return': -2,
      },
      { 'error.type': 'EACCES', 'ringtail.file.requested': noAccess, 'ringtail.syscall.name': 'execve', 'ringtail.syscall.return': -13 },
      { 'error.type': 'ENOEXEC', 'ringtail.file.requested': noFormat, 'ringtail.syscall.name': 'execve', 'ringtail.syscall.return': -8 },
      {
        'error.type': 'ENOENT',
        'ringtail.file.requested': 'relative/missing',
        'ringtail.syscall.name': 'execveat',
        'ringtail.syscall.return': -2,
      },
      { 'error.type': 'EFAULT', 'ringtail.file.requested': undefined, 'ringtail.syscall.name': 'execve', 'ringtail.syscall.return': -14 },
      { 'error.type': 'EBADF', 'ringtail.file.requested': 'at/bad', 'ringtail.syscall.name': 'execveat', 'ringtail.syscall.return': -9 },
    ];
    const children = facts.all('child');
    assert.equal(children.length, wanted.length);
    children.forEach((child, index) => {
      expectExit(pipeline, child);
      assert.equal(child[1]! >> 8, -wanted[index]!['ringtail.syscall.return']);
      if (rung === 'tp') {
        assert.deepEqual(pipeline.find(EXEC, { 'process.pid': child[0]! }), []);
        return;
      }
      expectAttributes(pipeline.one(EXEC, { 'process.pid': child[0]! }), {
        ...wanted[index],
        'process.executable.path': program('execs'),
        'ringtail.attribution': 'ebpf',
        'process.command_args': undefined,
        'process.args_count': undefined,
        'process.working_directory': undefined,
      });
    });
    assert.equal(
      pipeline.kernel.status().notes.some((note) => note.includes('cannot tell of refused execs')),
      rung === 'tp',
    );
  },
};

const unwanted: Scenario = {
  name: 'refused execs are not told when nobody wants them',
  async run({ folder, start, run }) {
    const pipeline = await start({ receiver: { failed_execs: false } });
    const facts = await run('execs', ['refused', `${folder}/none`, `${folder}/none`]);
    await pipeline.settle();
    for (const child of facts.all('child')) {
      assert.deepEqual(pipeline.find(EXEC, { 'process.pid': child[0]! }), []);
      expectExit(pipeline, child);
    }
  },
};

const compat: Scenario = {
  name: 'a 32-bit program: its calls, its children and what it starts',
  rungs: kernelRungs,
  async run({ rung, start, run, program, skip }) {
    const pipeline = await start();
    const path = program('compat');
    const facts = await run('compat', [program('quick')]).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOEXEC') return undefined;
      throw error;
    });
    if (facts === undefined) return skip('this kernel runs no 32-bit programs');
    await pipeline.settle();
    assert.equal(facts.code, 5);
    const execs = pipeline.find(EXEC, { 'process.pid': facts.pid });
    const [first, ...others] = execs.filter(({ attributes }) => attributes['error.type'] === undefined);
    expectAttributes(first!, { 'process.executable.path': path, 'ringtail.syscall.name': 'execve' });
    assert.equal(others.length, 1);
    expectAttributes(others[0]!, {
      'process.executable.path': program('quick'),
      'process.command_args': ['next', '5'],
      'ringtail.process.caller.executable.path': path,
      'ringtail.syscall.name': 'execve',
    });
    const failed = execs.filter(({ attributes }) => attributes['error.type'] !== undefined);
    assert.equal(failed.length, rung === 'tp' ? 0 : 1);
    for (const event of failed) {
      expectAttributes(event, {
        'error.type': 'ENOENT',
        'ringtail.file.requested': '/nonexistent/compat',
        'ringtail.syscall.name': 'execve',
        'process.executable.path': path,
      });
    }
    const fork = pipeline.one('ringtail.process.fork', { 'process.pid': facts.pid });
    expectAttributes(fork, { 'ringtail.syscall.name': 'fork', 'process.executable.path': path });
    expectExit(pipeline, [fork.attributes['ringtail.child.pid'] as number, 6 << 8]);
  },
};

export const refusedScenarios: readonly Scenario[] = [refused, unwanted, compat];
