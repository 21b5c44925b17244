/** System calls with known arguments: each becomes one record, and it says what was done. */
import assert from 'node:assert/strict';
import { expectCalls, toldCalls } from '../../support/calls.ts';
import type { Pipeline, PipelineOptions } from '../harness/pipeline.ts';
import type { Context, Facts, Scenario } from '../harness/scenario.ts';

/** All that can be followed, and nothing kept back. */
export const everyCall = { calls: ['files', 'io', 'network', 'process'], rate_limit: { enabled: false } } as const;

/** A pipeline that follows calls; says why when this kernel's programs do not load. */
export const startWithCalls = async (
  start: Context['start'],
  calls: Readonly<Record<string, unknown>>,
  options: PipelineOptions = {},
): Promise<Pipeline> => {
  const pipeline = await start({ calls, ...options });
  const refusal = pipeline.log.find(({ level, fields }) => level === 'warn' && fields['receiver'] === 'syscalls');
  assert.equal(refusal, undefined, JSON.stringify(refusal));
  return pipeline;
};

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

const rungs = ['tp_btf', 'raw_tp'] as const;

const groundTruth = (program: string, what: string, more: readonly string[] = []): Scenario => ({
  name: `calls: known arguments, ${what}`,
  rungs,
  async run(context) {
    const pipeline = await startWithCalls(context.start, everyCall);
    const facts = await runIfAllowed(context, program, [context.folder, ...more], { cwd: context.folder });
    await pipeline.settle();
    assert.equal(facts.code, 0);
    const told = toldCalls(facts.lines);
    assert(told.length >= FEWEST_CALLS, `only ${told.length} calls were told`);
    expectCalls(told, pipeline.events);
  },
});

const places: Scenario = {
  name: 'calls: files by all the ways that lead to them',
  rungs,
  async run({ folder, start, run }) {
    const pipeline = await startWithCalls(start, everyCall);
    const facts = await run('paths', [folder], { cwd: folder });
    await pipeline.settle();
    assert.equal(facts.code, 0);
    for (const line of facts.lines) if (line[0] === 'cannot') console.log(`not tried: ${line.slice(1).join(' ')}`);
    expectCalls(toldCalls(facts.lines), pipeline.events);
  },
};

export const callScenarios: readonly Scenario[] = [
  groundTruth('calls', 'by their numbers and from threads', ['2']),
  groundTruth('calls-compat', 'by a 32-bit program'),
  groundTruth('calls-int80', 'the 32-bit way from a 64-bit program'),
  places,
];
