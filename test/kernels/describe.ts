/** What a kernel gives, for the table in the docs: tried out on every rung. */
import { mkdirSync } from 'node:fs';
import { KernelError } from '../../src/core/errors.ts';
import { rungs, type Rung } from '../../src/kernel/process-programs.ts';
import { runCase, startProgram } from '../kernel/harness/runner.ts';
import { everyCall } from '../kernel/scenarios/calls.ts';
import { isCallEvent, isOfActor, toldCalls, type SeenCall } from '../support/calls.ts';
import type { Pipeline } from '../kernel/harness/pipeline.ts';
import { Skip, type Context } from '../kernel/harness/scenario.ts';

export type RungDescription = {
  readonly rung: Rung;
  /** Why it does not work; empty when it does. */
  readonly refusal: string;
  /** Attributes that occurred, by event. */
  readonly fields: Readonly<Record<string, readonly string[]>>;
};

/** By receiver. */
export type KernelDescription = Readonly<Record<string, readonly RungDescription[]>>;

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

/** Tries a rung: `look` gives the events that tell of it. */
const tryRung = async (rung: Rung, look: (context: Context) => Promise<readonly SeenCall[]>): Promise<RungDescription> => {
  const fields = new Map<string, Set<string>>();
  let refusal = '';
  const run = async (context: Context): Promise<void> => {
    try {
      for (const { name, attributes } of await look(context)) {
        const names = fields.get(name) ?? new Set();
        fields.set(name, names);
        for (const attribute of Object.keys(attributes)) names.add(attribute);
      }
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      refusal = error.message;
    }
  };
  await runCase({ name: rung, rung, scenario: { name: 'describe', run } });
  return { rung, refusal, fields: Object.fromEntries(Array.from(fields, ([event, names]) => [event, [...names].toSorted()])) };
};

const describeProcesses = (rung: Rung): Promise<RungDescription> =>
  tryRung(rung, async (context) => {
    const pipeline = await context.start({ receiver: { threads: true }, ancestors: 2 });
    const pids = new Set(await (rung === 'procfs' ? provokePatiently(context, pipeline) : provoke(context)));
    await pipeline.settle();
    return pipeline.events.filter(({ attributes }) => pids.has(attributes['process.pid'] as number));
  });

/** What the other programs do not have. */
const socketWays = ['tcp6', 'abstract', 'udp6'];

/** Programs that between them make every attribute occur that there is. */
const describeCalls = (rung: Rung): Promise<RungDescription> =>
  tryRung(rung, async ({ start, run, folder }) => {
    const pipeline = await start({ calls: everyCall });
    const refused = pipeline.log.find(({ level, fields }) => level === 'warn' && fields['receiver'] === 'syscalls');
    if (refused !== undefined) throw new KernelError(JSON.stringify(refused.fields));
    mkdirSync(`${folder}/paths`);
    const ways = socketWays.map((what) => () => run('sockets', [what], { cwd: folder }));
    const tids = new Set<number>();
    for (const way of [
      () => run('calls', [`${folder}/calls`], { cwd: folder }),
      () => run('paths', [`${folder}/paths`], { cwd: `${folder}/paths` }),
      ...ways,
    ]) {
      const { pid, lines } = await way();
      for (const tid of [pid, ...toldCalls(lines).map((call) => call.tid)]) tids.add(tid);
    }
    await pipeline.settle();
    return pipeline.events
      .filter(({ name, attributes }) => isCallEvent(name) && tids.has(attributes['ringtail.thread.id'] as number))
      .map(({ name, unixNs, attributes }) => ({
        name,
        unixNs,
        attributes: Object.fromEntries(Object.entries(attributes).filter(([attribute]) => !isOfActor(attribute))),
      }));
  });

/** Rungs that follow system calls. */
const callRungs: readonly Rung[] = ['tp_btf', 'raw_tp'];

/** One after the other; leaves nothing behind. */
export const describeKernel = async (): Promise<KernelDescription> => {
  const processes: RungDescription[] = [];
  for (const rung of rungs) processes.push(await describeProcesses(rung));
  const calls: RungDescription[] = [];
  for (const rung of callRungs) calls.push(await describeCalls(rung));
  return { process: processes, syscalls: calls };
};

// as a program: the description of this machine's kernel
if (import.meta.main) process.stdout.write(JSON.stringify(await describeKernel()));
