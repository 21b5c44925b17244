/** Degrade, and say so: which rung is taken, why, and what it tells. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { exitCode, KernelError } from '../../../src/core/errors.ts';
import { loadAddon } from '../../../src/kernel/addon.ts';
import { probeFacts } from '../../../src/kernel/probe.ts';
import { heldIds } from '../harness/leftovers.ts';
import { startProgram } from '../harness/runner.ts';
import { kernelRungs, type Context, type Scenario } from '../harness/scenario.ts';
import { EXEC, EXIT, expectAttributes, FORK } from './expect.ts';

/** A process that lives long enough to be seen in /proc is told; one that does not is left out; nothing is made up. */
const seeByProcfs = async ({ folder, start, run, copy, program }: Context, options: Parameters<Context['start']>[0]): Promise<void> => {
  const path = copy('ends', 'patient');
  const pipeline = await start(options);
  assert.equal(pipeline.kernel.status().rung, 'procfs');
  assert.equal(pipeline.kernel.ring(), undefined);
  const { child, ended, output } = startProgram(path, ['wait'], { cwd: folder });
  try {
    await pipeline.until('the program to wait', () => output() !== '');
    const pid = child.pid!;
    await pipeline.until('the program to be seen', () => pipeline.find(EXEC, { 'process.pid': pid }).length > 0);
    const quick = await run('quick', ['0']);
    child.stdin.end();
    await ended;
    await pipeline.until('its end to be seen', () => pipeline.find(EXIT, { 'process.pid': pid }).length > 0);
    expectAttributes(pipeline.one(EXEC, { 'process.pid': pid }), {
      'process.executable.path': path,
      'process.command_args': [path, 'wait'],
      'process.args_count': 2,
      'process.working_directory': folder,
      'process.parent_pid': process.pid,
      'process.user.id': 0,
      'ringtail.attribution': 'procfs',
      'ringtail.syscall.name': undefined,
      'ringtail.syscall.return': undefined,
    });
    expectAttributes(pipeline.one(EXIT, { 'process.pid': pid }), {
      'process.executable.path': path,
      'ringtail.attribution': 'procfs',
      'process.exit.code': undefined,
      'ringtail.exit.signal': undefined,
      'ringtail.duration_ns': undefined,
    });
    assert.deepEqual(pipeline.find(FORK), []);
    for (const event of pipeline.events.filter(({ attributes }) => attributes['process.pid'] === quick.pid)) {
      assert([undefined, program('quick')].includes(event.attributes['process.executable.path'] as string | undefined));
    }
  } finally {
    child.kill('SIGKILL');
  }
};

const procfs: Scenario = {
  name: 'the procfs rung tells what it can and leaves out the rest',
  rungs: ['procfs'],
  run: (context) => seeByProcfs(context, {}),
};

const best: Scenario = {
  name: 'auto takes the best rung that works, and says nothing else',
  async run({ start }) {
    const pipeline = await start({ rung: 'auto' });
    assert.deepEqual(pipeline.kernel.status(), { rung: 'tp_btf', notes: [] });
    assert.equal(pipeline.log.filter(({ message }) => message === 'receiver started').length, 1);
    assert.deepEqual(pipeline.log.find(({ message }) => message === 'receiver started')?.fields['rung'], 'tp_btf');
    const samples = pipeline.counters.samples().filter(({ name }) => name === 'ringtail_receiver_rung');
    assert.deepEqual(
      samples.map(({ labels, value }) => [labels['rung'], value]),
      [['tp_btf', 1]],
    );
  },
};

const forced: Scenario = {
  name: 'a forced rung is taken, and said',
  rungs: kernelRungs,
  async run({ rung, start }) {
    const pipeline = await start();
    assert.equal(pipeline.kernel.status().rung, rung);
    assert(heldIds().prog.length > 0);
  },
};

const noTypes: Scenario = {
  name: 'a kernel without BTF: procfs, and a clear line',
  async run(context) {
    await seeByProcfs(context, { injectedFacts: { btf: false } });
    const pipeline = await context.start({ injectedFacts: { btf: false } });
    const warnings = pipeline.log.filter(({ level }) => level === 'warn');
    assert.equal(warnings.length, 1);
    assert.match(JSON.stringify(warnings[0]), /has no BTF/);
    assert.match(pipeline.kernel.status().notes.join('\n'), /has no BTF[\s\S]*reads \/proc at an interval/);
  },
};

const noTracepoints: Scenario = {
  name: 'tracepoints that the BTF does not describe: the next rung, and why',
  async run({ start, run }) {
    const pipeline = await start({ injectedFacts: { traceArguments: {} } });
    const { rung, notes } = pipeline.kernel.status();
    assert.equal(rung, 'raw_tp');
    assert.match(notes.join('\n'), /^tp_btf: this kernel does not describe the tracepoints/);
    const { pid } = await run('quick', ['9']);
    await pipeline.settle();
    expectAttributes(pipeline.one(EXIT, { 'process.pid': pid }), { 'process.exit.code': 9 });
  },
};

const noRing: Scenario = {
  name: 'a kernel that refuses the ring: procfs, why, and what to do',
  async run({ start }) {
    for (const [code, advice] of [
      ['EINVAL', /5\.8/],
      ['EPERM', /root|CAP_BPF/],
      ['ENOMEM', /ring_bytes/],
    ] as const) {
      const pipeline = await start({ injectedFacts: { ringBufferError: code } });
      assert.equal(pipeline.kernel.status().rung, 'procfs');
      const line = JSON.stringify(pipeline.log.filter(({ level }) => level === 'warn'));
      assert(line.includes(code), line);
      assert.match(line, advice);
      await pipeline.stop();
    }
  },
};

const legacy: Scenario = {
  name: 'the programs for kernels without bpf_loop and bpf_rdonly_cast give the same answers',
  rungs: kernelRungs,
  async run({ folder, start, run, program }) {
    const helpers = { loop: false, task_pt_regs: false, get_current_task_btf: false };
    for (const injectedFacts of [{ helpers, functions: {} }, { functions: {} }]) {
      const pipeline = await start({ injectedFacts });
      const facts = await run('execs', ['spawn', program('quick'), 'quick', '7'], { cwd: folder });
      await pipeline.settle();
      const [child] = facts.all('child')[0]!;
      expectAttributes(pipeline.one(EXEC, { 'process.pid': child! }), {
        'process.executable.path': program('quick'),
        'process.working_directory': folder,
        'process.command_args': ['quick', '7'],
        'ringtail.syscall.name': 'execve',
      });
      expectAttributes(pipeline.one(FORK, { 'process.pid': facts.pid }), { 'ringtail.syscall.name': 'clone', 'ringtail.child.pid': child });
      expectAttributes(pipeline.one(EXIT, { 'process.pid': child! }), { 'process.exit.code': 7 });
      await pipeline.stop();
    }
  },
};

const refusedLoad: Scenario = {
  name: 'programs or maps that the kernel refuses: procfs, and the reason of each rung',
  async run({ start }) {
    const { functions, helpers } = probeFacts(loadAddon());
    const claimed = { helpers: { loop: true, task_pt_regs: true, get_current_task_btf: true }, functions: { bpf_rdonly_cast: true } };
    const isWhole = helpers['loop'] === true && functions['bpf_rdonly_cast'] === true;
    const cases = [
      // maps larger than any memory
      { injectedFacts: { possibleCpus: 2 ** 26 }, reason: /cannot load .*process/ },
      // the last word of the verifier, where this kernel lacks what is claimed
      ...(isWhole ? [] : [{ injectedFacts: claimed, reason: /cannot load .*process.*\(.+\)$/ }]),
    ];
    for (const { injectedFacts, reason } of cases) {
      const pipeline = await start({ injectedFacts });
      const { rung, notes } = pipeline.kernel.status();
      assert.equal(rung, 'procfs');
      for (const name of kernelRungs)
        assert(
          notes.some((note) => note.startsWith(`${name}: `) && reason.test(note)),
          notes.join('\n'),
        );
      await pipeline.stop();
    }
  },
};

const impossible: Scenario = {
  name: 'a forced rung that cannot work, or nothing to read, is an error of the kernel',
  async run({ folder, start }) {
    const isKernelError = (pattern: RegExp) => (error: unknown) => {
      assert(error instanceof KernelError, String(error));
      assert.equal(error.exitCode, exitCode.kernel);
      assert.match(error.message, pattern);
      assert.notEqual(error.advice, '');
      return true;
    };
    await assert.rejects(start({ rung: 'tp_btf', injectedFacts: { btf: false } }), isKernelError(/kernel\.rung is tp_btf.*BTF/));
    await assert.rejects(
      start({ rung: 'tp_btf', injectedFacts: { traceArguments: {} } }),
      isKernelError(/does not describe the tracepoints/),
    );
    await assert.rejects(start({ rung: 'procfs', rootPath: folder }), isKernelError(/proc cannot be read/));
    await assert.rejects(start({ injectedFacts: { btf: false }, rootPath: folder }), isKernelError(/no BTF.*proc cannot be read/));
  },
};

/** The same source as TypeScript or, in a guest, as JavaScript. */
const asNobody = fileURLToPath(new URL(`../harness/as-nobody${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url));

const ordinaryUser: Scenario = {
  name: 'an ordinary user: procfs, why, and what to do; an error where nothing can work',
  async run({ folder, run }) {
    const answerOf = async (options: object) => {
      const facts = await run('', [asNobody, JSON.stringify(options)], { path: process.execPath });
      assert.equal(facts.code, 0);
      return JSON.parse(facts.lines.map((words) => words.join(' ')).join('\n')) as Record<string, unknown>;
    };
    const works = await answerOf({});
    assert.equal(works['rung'], 'procfs');
    assert.match(JSON.stringify(works['warnings']), /EPERM.*(root|CAP_BPF)/);
    const fails = await answerOf({ rootPath: folder });
    assert.equal(fails['exitCode'], exitCode.kernel);
    assert.match(String(fails['message']), /EPERM.*proc cannot be read/);
    const refused = await answerOf({ rung: 'raw_tp' });
    assert.equal(refused['exitCode'], exitCode.kernel);
  },
};

export const rungScenarios: readonly Scenario[] = [
  procfs,
  best,
  forced,
  noTypes,
  noTracepoints,
  noRing,
  legacy,
  refusedLoad,
  impossible,
  ordinaryUser,
];
