/** Everything hostile is bytes: what programs are given as arguments. */
import assert from 'node:assert/strict';
import { kernelRungs, type Scenario } from '../harness/scenario.ts';
import { argsOf, EXEC, expectAttributes, expectExit } from './expect.ts';

const DEFAULT_LIMIT = 32 * 1024;
const BIG = 102_400;

const hostile: Scenario = {
  name: 'arguments that are not text, many, long, or none: one record each',
  rungs: kernelRungs,
  everywhere: true,
  async run({ rung, start, run, program }) {
    const pipeline = await start();
    const facts = await run('execs', ['hostile', program('quick')]);
    await pipeline.settle();
    const [bytes, many, big, empty] = facts.all('child').map((child) => {
      expectExit(pipeline, child);
      return pipeline.one(EXEC, { 'process.pid': child[0]! });
    });
    const counted = (count: number) => (rung === 'tp' ? undefined : count);
    expectAttributes(bytes!, {
      'process.command_args': ['quick', '\ufffd\ufffd\ufffd', 'line\nline', '\u001b[31mred\u001b[0m\u0007', 'café', ''],
      'process.args_count': counted(6),
      'ringtail.args.truncated': undefined,
    });
    expectAttributes(many!, {
      'process.command_args': Array.from({ length: 2000 }, (_, index) => `a${index}`),
      'process.args_count': counted(2000),
      'ringtail.args.truncated': undefined,
    });
    expectAttributes(big!, { 'process.args_count': counted(3), 'ringtail.args.truncated': true });
    const [name, cut, ...rest] = argsOf(big!);
    assert.equal(name, 'quick');
    assert.match(cut!, /^x+$/);
    assert.equal(Buffer.byteLength(`${name}\0${cut}`), DEFAULT_LIMIT, 'filled to the limit and no further');
    assert.deepEqual(rest, []);
    expectAttributes(empty!, { 'process.command_args': [''], 'process.args_count': counted(1), 'ringtail.args.truncated': undefined });
  },
};

const limits: Scenario = {
  name: 'the limit of arguments is what the configuration says',
  async run({ start, run, program }) {
    const cases = [
      { receiver: { args: { max_bytes: '64KiB' } }, first: 65_536 },
      { receiver: { args: { max_bytes: 5 } }, first: 5 },
      { receiver: { args: { max_bytes: 0 } }, first: 0 },
    ];
    for (const { receiver, first } of cases) {
      const pipeline = await start({ receiver });
      const facts = await run('execs', ['spawn', program('quick'), 'x'.repeat(BIG), '0']);
      await pipeline.settle();
      const [child] = facts.all('child')[0]!;
      const exec = pipeline.one(EXEC, { 'process.pid': child! });
      expectAttributes(exec, {
        'process.command_args': first === 0 ? undefined : ['x'.repeat(first)],
        'process.args_count': 2,
        'ringtail.args.truncated': true,
        'process.executable.path': program('quick'),
      });
      await pipeline.stop();
    }
    const pipeline = await start({ receiver: { args: { enabled: false } } });
    const facts = await run('execs', ['spawn', program('quick'), 'secret', '0']);
    await pipeline.settle();
    const exec = pipeline.one(EXEC, { 'process.pid': facts.all('child')[0]![0]! });
    expectAttributes(exec, { 'process.command_args': undefined, 'ringtail.args.truncated': undefined, 'process.args_count': 2 });
    assert(!JSON.stringify(exec.attributes).includes('secret'));
  },
};

const overwrite: Scenario = {
  name: 'a program that writes over its arguments is told with what it was started with',
  rungs: kernelRungs,
  async run({ start, run, program }) {
    const pipeline = await start();
    const facts = await run('execs', ['overwrite']);
    await pipeline.settle();
    const exec = pipeline.one(EXEC, { 'process.pid': facts.all('child')[0]![0]! });
    expectAttributes(exec, { 'process.command_args': ['overwritten', 'secret-argument'], 'process.executable.path': program('execs') });
  },
};

export const argumentScenarios: readonly Scenario[] = [hostile, limits, overwrite];
