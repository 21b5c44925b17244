/** What a kernel gives, for the table in the docs: tried out on every rung. */
import { KernelError } from '../../src/core/errors.ts';
import { rungs, type Rung } from '../../src/kernel/process-programs.ts';
import { runCase, startProgram } from '../kernel/harness/runner.ts';
import { Skip, type Context } from '../kernel/harness/scenario.ts';

export type RungDescription = {
  readonly rung: Rung;
  /** Why it does not work; empty when it does. */
  readonly refusal: string;
  /** Attributes that occurred, by event. */
  readonly fields: Readonly<Record<string, readonly string[]>>;
};

/** Programs that between them make every attribute occur that there is. */
const provoke = async ({ folder, run, copy, program }: Context): Promise<readonly number[]> => {
  const quick = program('quick');
  const runs: readonly (readonly [string, readonly string[]])[] = [
    ['execs', ['spawn', quick, 'quick', '1']],
    ['execs', ['hostile', quick]],
    ['execs', ['refused', '/etc/passwd', '/etc/passwd']],
    ['execs', ['nested', quick]],
    ['execs', ['user', '65534', quick]],
    ['execs', ['login', '4321', quick]],
    ['execs', ['memfd', quick]],
    ['execs', ['unlinked', copy('quick', 'unlinked')]],
    ['execs', ['deep', '20', '250', quick]],
    ['ends', ['calls']],
    ['ends', ['threads', '1']],
    ['ends', ['signal', '9']],
  ];
  const pids: number[] = [];
  for (const [name, args] of runs) {
    try {
      const facts = await run(name, args, { cwd: folder });
      pids.push(facts.pid, ...facts.all('child').map(([pid]) => pid!));
    } catch (error) {
      if (!(error instanceof Skip)) throw error;
    }
  }
  return pids;
};

const describeRung = async (rung: Rung): Promise<RungDescription> => {
  const fields = new Map<string, Set<string>>();
  let refusal = '';
  const describe = async (context: Context): Promise<void> => {
    try {
      const pipeline = await context.start({ receiver: { threads: true }, ancestors: 2 });
      const pids = new Set(await provoke(context));
      if (rung === 'procfs') {
        const { child, ended } = startProgram(context.copy('ends', 'patient'), ['wait'], { cwd: context.folder });
        pids.add(child.pid!);
        const seen = (name: string) => () => pipeline.find(name, { 'process.pid': child.pid! }).length > 0;
        await pipeline.until('the program to be seen', seen('ringtail.process.exec'));
        child.stdin.end();
        await ended;
        await pipeline.until('its end to be seen', seen('ringtail.process.exit'));
      }
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
