/** What a kernel gives, for the table in the docs: tried out on every rung. */
import { KernelError } from '../../src/core/errors.ts';
import { rungs, type Rung } from '../../src/kernel/process-programs.ts';
import { runCase, startProgram } from '../kernel/harness/runner.ts';
import type { Pipeline } from '../kernel/harness/pipeline.ts';
import { Skip, type Context } from '../kernel/harness/scenario.ts';

export type RungDescription = {
  readonly rung: Rung;
  /** Why it does not work; empty when it does. */
  readonly refusal: string;
  /** Attributes that occurred, by event. */
  readonly fields: Readonly<Record<string, readonly string[]>>;
};

/** Ways to run a program that between them make every attribute occur that there is. `once` is a program that may be removed. */
const waysToRun = (program: string, once: string): readonly (readonly string[])[] => [
  ['spawn', program, 'program', '1'],
  ['spawn', program, 'x'.repeat(100_000)],
  ['nested', program],
  ['user', '65534', program],
  ['on-behalf', '65534', program],
  ['login', '65534', program],
  ['memfd', program],
  ['unlinked', once],
  ['deep', '20', '250', program],
];

/** Programs that end at once; the numbers of their processes. */
const provoke = async ({ folder, run, copy, program }: Context): Promise<readonly number[]> => {
  const pids: number[] = [];
  const record = async (name: string, args: readonly string[], path?: string): Promise<void> => {
    try {
      const facts = await run(name, args, path === undefined ? { cwd: folder } : { cwd: folder, path });
      pids.push(facts.pid, ...facts.all('child').map(([pid]) => pid!));
    } catch (error) {
      if (!(error instanceof Skip)) throw error;
    }
  };
  for (const args of waysToRun(program('quick'), copy('quick', 'once'))) await record('execs', args);
  await record('execs', ['chain', copy('execs', 'second')], copy('execs', 'first'));
  await record('execs', ['refused', '/etc/passwd', '/etc/passwd']);
  for (const args of [['calls'], ['threads', '1'], ['signal', '9']]) await record('ends', args);
  return pids;
};

/** Programs that stay until they were seen; the others are left out, because who looks now and then sees them by chance. */
const provokePatiently = async ({ folder, copy, program }: Context, pipeline: Pipeline): Promise<readonly number[]> => {
  const pids: number[] = [];
  const once = copy('patient', 'once');
  // by the name that each is given: a path that is too long is not told
  const isOurs = ([name = '']: readonly string[]) =>
    /^(program|nested|as-user|on-behalf|logged-in|from-memory|unlinked|bottom|x+)$/.test(name);
  const fresh = () =>
    pipeline
      .find('ringtail.process.exec')
      .find(
        ({ attributes }) =>
          isOurs((attributes['process.command_args'] ?? []) as readonly string[]) && !pids.includes(attributes['process.pid'] as number),
      );
  for (const args of waysToRun(program('patient'), once)) {
    const { child, ended, output } = startProgram(program('execs'), args, { cwd: folder });
    try {
      await pipeline.until(`the program to be seen: ${args[0]}`, () => fresh() !== undefined || output().includes('skip'));
    } finally {
      child.stdin.end();
    }
    const pid = fresh()?.attributes['process.pid'] as number | undefined;
    await ended;
    if (pid === undefined) continue;
    pids.push(pid);
    await pipeline.until('its end to be seen', () => pipeline.find('ringtail.process.exit', { 'process.pid': pid }).length > 0);
  }
  return pids;
};

const describeRung = async (rung: Rung): Promise<RungDescription> => {
  const fields = new Map<string, Set<string>>();
  let refusal = '';
  const describe = async (context: Context): Promise<void> => {
    try {
      const pipeline = await context.start({ receiver: { threads: true }, ancestors: 2 });
      const pids = new Set(await (rung === 'procfs' ? provokePatiently(context, pipeline) : provoke(context)));
      await pipeline.settle();
      for (const { name, attributes } of pipeline.events) {
        if (!pids.has(attributes['process.pid'] as number)) continue;
        const names = fields.get(name) ?? new Set();
        fields.set(name, names);
        for (const attribute of Object.keys(attributes)) names.add(attribute);
      }
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      refusal = error.message;
    }
  };
  await runCase({ name: rung, rung, scenario: { name: 'describe', run: describe } });
  return { rung, refusal, fields: Object.fromEntries(Array.from(fields, ([event, names]) => [event, [...names].toSorted()])) };
};

/** One after the other; leaves nothing behind. */
export const describeKernel = async (): Promise<readonly RungDescription[]> => {
  const descriptions: RungDescription[] = [];
  for (const rung of rungs) descriptions.push(await describeRung(rung));
  return descriptions;
};

// as a program: the description of this machine's kernel
if (import.meta.main) process.stdout.write(JSON.stringify(await describeKernel()));
