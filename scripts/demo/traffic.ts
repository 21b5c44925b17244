/**
 * Makes traffic on this host for Ringtail to look at, and tells what it made: `npm run demo:traffic`.
 *
 * exit codes: 0 done, 2 usage, 4 something went wrong
 */
import { createInterface } from 'node:readline/promises';
import { exitCode, type ExitCode, messageOf, RingtailError, UsageError } from '../../src/core/errors.ts';
import { durationText } from '../../src/core/duration-text.ts';
import { type DemoOptions, help, MOST_REQUESTS, readOptions } from './options.ts';
import { type Plan, planFor, runDemo } from './run.ts';
import { summaryOf } from './summary.ts';

const say = (line: string): void => void process.stderr.write(`demo: ${line}\n`);

const describe = (options: DemoOptions, plan: Plan): string => {
  const { type, requests, durationMs, rate } = options;
  const places = [
    [plan.cgroups, 'cgroup'],
    [plan.containers, 'would-be container'],
    [plan.netns, 'network namespace'],
  ].flatMap(([many, what]) => (many === 0 ? [] : [`${many} ${what}${many === 1 ? '' : 's'}`]));
  const count = requests === MOST_REQUESTS ? '' : `${requests} requests, `;
  const speed = rate === 0 ? 'as fast as they go' : `${rate} a second`;
  return `${type}: ${count}${speed}, for ${durationText(durationMs * 1e6)} at most; ${places.length === 0 ? 'no places of its own' : `in ${places.join(', ')} of its own`}`;
};

const agrees = async (): Promise<boolean> => {
  if (process.stdin.isTTY !== true) throw new UsageError('standard input is no terminal, so nobody can be asked', { advice: 'add --auto' });
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return !/^n/i.test(await terminal.question('demo: begin? [Y/n] '));
  } catch {
    return false; // Ctrl-C, Ctrl-D
  } finally {
    terminal.close();
  }
};

const stopOnSignal = (): Promise<'signal'> =>
  new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => resolve('signal'));
  });

const main = async (): Promise<ExitCode> => {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(help);
    return exitCode.done;
  }
  const plan = await planFor(options);
  say(describe(options, plan));
  for (const what of plan.leftOut) say(`left out: ${what}`);
  if (!options.auto && !(await agrees())) return exitCode.done;
  const isTerminal = process.stderr.isTTY === true;
  const truth = await runDemo(options, plan, {
    stop: stopOnSignal(),
    tell: say,
    begun: () => say('begun; Ctrl-C ends it'),
    progress: (requests) => void (isTerminal && process.stderr.write(`\r\u001b[Kdemo: ${requests} requests`)),
  });
  if (isTerminal) process.stderr.write('\r\u001b[K');
  process.stdout.write(options.json ? `${JSON.stringify(truth, null, 2)}\n` : summaryOf(truth));
  return exitCode.done;
};

try {
  process.exitCode = await main();
} catch (error) {
  say(`${messageOf(error)}${error instanceof RingtailError && error.advice !== '' ? `; ${error.advice}` : ''}`);
  process.exitCode = error instanceof UsageError ? exitCode.usage : exitCode.runtime;
}
