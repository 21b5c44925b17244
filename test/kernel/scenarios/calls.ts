/** System calls with known arguments: each becomes one record, and it says what was done. */
import assert from 'node:assert/strict';
import { judgeCalls, toldCalls } from '../../support/calls.ts';
import type { Context, Facts, Scenario } from '../harness/scenario.ts';

/** All that can be followed, and nothing kept back. */
export const everyCall = { calls: ['files', 'io', 'network', 'process'], rate_limit: { enabled: false } } as const;

/** A program that this kernel may refuse. */
const runIfAllowed = async ({ run, skip }: Context, ...[program, args, options]: Parameters<Context['run']>): Promise<Facts> => {
  try {
    return await run(program, args, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOEXEC') return skip('this kernel runs no 32-bit programs');
    throw error;
  }
};

/** Fewer would be a workload that ended half-way. */
const FEWEST_CALLS = 90;

const groundTruth = (program: string, what: string, more: readonly string[] = []): Scenario => ({
  name: `calls: known arguments, ${what}`,
  async run(context) {
    const pipeline = await context.start({ calls: everyCall });
    const facts = await runIfAllowed(context, program, [context.folder, ...more], { cwd: context.folder });
    await pipeline.settle();
    assert.equal(facts.code, 0);
    const told = toldCalls(facts.lines);
    assert(told.length >= FEWEST_CALLS, `only ${told.length} calls were told`);
    assert.deepEqual(judgeCalls(told, pipeline.events), []);
  },
});

const places: Scenario = {
  name: 'calls: files by all the ways that lead to them',
  async run({ folder, start, run }) {
    const pipeline = await start({ calls: everyCall });
    const facts = await run('paths', [folder], { cwd: folder });
    await pipeline.settle();
    assert.equal(facts.code, 0);
    for (const line of facts.lines) if (line[0] === 'cannot') console.log(`not tried: ${line.slice(1).join(' ')}`);
    assert.deepEqual(judgeCalls(toldCalls(facts.lines), pipeline.events), []);
  },
};

export const callScenarios: readonly Scenario[] = [
  groundTruth('calls', 'by their numbers and from threads', ['2']),
  groundTruth('calls-compat', 'by a 32-bit program'),
  groundTruth('calls-int80', 'the 32-bit way from a 64-bit program'),
  places,
];
