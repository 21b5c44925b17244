/** Runs the scenarios inside a guest. What happened goes to the second serial line, one JSON text a line. */
import { appendFileSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { casesOf, runCase } from '../kernel/harness/runner.ts';
import { Skip } from '../kernel/harness/scenario.ts';
import { scenarios } from '../kernel/scenarios/index.ts';
import { describeKernel, type KernelDescription } from './describe.ts';

export type Result =
  | {
      readonly type: 'case';
      readonly name: string;
      readonly outcome: 'passed' | 'failed' | 'skipped';
      readonly detail: string;
      readonly seconds?: number;
    }
  | { readonly type: 'kernel'; readonly release: string; readonly description: KernelDescription }
  | { readonly type: 'end' };

/** Of a scenario. */
const ATTEMPTS = 2;

const RESULT_LINE = '/dev/ttyS1';
const tell = (result: Result): void => appendFileSync(RESULT_LINE, `${JSON.stringify(result)}\n`);

const { only, table = false } = JSON.parse(readFileSync('/ringtail/arguments', 'utf8')) as {
  readonly only?: string;
  readonly table?: boolean;
};
/** `2/3`: the second of each three scenarios; how many of these are left out at the beginning. */
const [part, parts, from] = /\bringtail\.part=(\d+)\/(\d+) ringtail\.from=(\d+)/
  .exec(readFileSync('/proc/cmdline', 'utf8'))!
  .slice(1)
  .map(Number) as [number, number, number];
let failed = 0;
const isWanted = (name: string): boolean => !table && (only === undefined || name.includes(only));
const wanted = casesOf(scenarios, true).filter(({ name }) => isWanted(name));
for (const one of wanted.filter((_, index) => index % parts === part - 1).slice(from)) {
  console.log(`RUN ${one.name}`);
  const began = performance.now();
  // what fails is tried once more, and the reason is told
  let before = '';
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      await runCase(one);
      tell({ type: 'case', name: one.name, outcome: 'passed', detail: before, seconds: (performance.now() - began) / 1000 });
      break;
    } catch (error) {
      const skipped = error instanceof Skip;
      const detail = skipped ? error.message : ((error as Error).stack ?? String(error));
      console.log(`${skipped ? 'SKIP' : 'FAIL'} ${detail}`);
      before = detail;
      if (!skipped && attempt < ATTEMPTS) continue;
      if (!skipped) failed++;
      tell({ type: 'case', name: one.name, outcome: skipped ? 'skipped' : 'failed', detail });
      break;
    }
  }
}
if (only === undefined && part === 1) tell({ type: 'kernel', release: release(), description: await describeKernel() });
tell({ type: 'end' });
// A scenario that failed may have left a child behind, which would keep the guest up.
process.exit(failed > 0 ? 1 : 0);
