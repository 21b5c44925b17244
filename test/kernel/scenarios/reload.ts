/** What is asked of the programs changes while they run. */
import assert from 'node:assert/strict';
import type { Counters } from '../../../src/core/counters.ts';
import { heldIds, requireNothingLeft } from '../harness/leftovers.ts';
import type { Pipeline } from '../harness/pipeline.ts';
import { kernelRungs, type Context, type Scenario } from '../harness/scenario.ts';
import { argsOf, EXEC, EXIT, FORK } from './expect.ts';

/** As long as the longest that is asked for. */
const LONG = 'x'.repeat(5000);

const links = (): readonly number[] => heldIds().link.toSorted((a, b) => a - b);

/** One program with a long argument and two threads in another; what was told of them. */
const look = async (pipeline: Pipeline, { run, program }: Context) => {
  const { pid } = await run('quick', [LONG]);
  const threads = await run('ends', ['threads', '2']);
  const refused = await run('execs', ['refused', program('quick'), program('quick')]);
  await pipeline.settle();
  const args = argsOf(pipeline.one(EXEC, { 'process.pid': pid })).join(' ');
  const threadForks = threads.all('child').flatMap(([child]) => pipeline.find(FORK, { 'process.pid': child! }));
  const refusals = refused
    .all('child')
    .flatMap(([child]) => pipeline.find(EXEC, { 'process.pid': child! }).filter(({ attributes }) => 'error.type' in attributes));
  assert.equal(pipeline.find(EXIT, { 'process.pid': pid }).length, 1);
  return { argsBytes: args.length, threadForks: threadForks.length, refusals: refusals.length > 0 };
};

const countersOf = (counters: Counters): ReadonlyMap<string, number> =>
  new Map(
    counters.samples().flatMap(({ name, labels, kind, value }) => (kind === 'counter' ? [[JSON.stringify([name, labels]), value]] : [])),
  );

const requireGrown = (before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): void => {
  for (const [name, value] of before) assert((after.get(name) ?? -1) >= value, `${name} went from ${value} to ${after.get(name)}`);
};

const live: Scenario = {
  name: 'what receivers ask for changes while the programs run, and those that stay are not detached',
  rungs: kernelRungs,
  everywhere: true,
  async run(context) {
    const { rung, start } = context;
    const tellsRefusals = rung !== 'tp';
    const pipeline = await start({ receiver: { args: { max_bytes: 100 }, failed_execs: false } });
    const first = links();
    // three of processes and three of cgroups; before 5.15 what is attached to a plain tracepoint has no link
    assert(first.length === 6 || (rung === 'tp' && first.length === 3), `${first.length} links`);
    assert.deepEqual(await look(pipeline, context), { argsBytes: 100, threadForks: 0, refusals: false });

    await pipeline.reload({ receiver: { args: { max_bytes: 4000 }, threads: true } });
    const second = links();
    assert.deepEqual(second.slice(0, first.length), first);
    assert.equal(second.length, first.length + (tellsRefusals ? 1 : 0));
    assert.deepEqual(await look(pipeline, context), { argsBytes: 4000, threadForks: 2, refusals: tellsRefusals });

    const { result } = await pipeline.reload({ receiver: { args: { enabled: false }, failed_execs: false } });
    assert.equal(result, 'applied');
    assert.deepEqual(links(), first);
    assert.deepEqual(await look(pipeline, context), { argsBytes: 0, threadForks: 0, refusals: false });
  },
};

const unused: Scenario = {
  name: 'nobody asks for processes: nothing is loaded; somebody does again: what was counted stays',
  async run(context) {
    const pipeline = await context.start({ idle: true });
    const { counters } = pipeline;
    assert.deepEqual(heldIds(), { prog: [], map: [], link: [] });
    assert.equal(pipeline.kernel.status().rung, 'none');

    let before = countersOf(counters);
    for (let round = 0; round < 3; round++) {
      assert.equal((await pipeline.reload({ idle: false })).result, 'applied');
      const ids = heldIds();
      assert(ids.link.length >= 3);
      await context.run('quick', ['1']);
      const { argsBytes } = await look(pipeline, context);
      assert.equal(argsBytes, LONG.length + 1 + context.program('quick').length);
      const during = countersOf(counters);
      requireGrown(before, during);
      assert.equal((await pipeline.reload({ idle: true })).result, 'applied');
      await requireNothingLeft(ids);
      before = countersOf(counters);
      requireGrown(during, before);
    }
    assert.equal(pipeline.kernel.status().rung, 'none');
  },
};

export const reloadScenarios: readonly Scenario[] = [live, unused];
