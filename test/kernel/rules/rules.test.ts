/** What the kernel drops is what user space would. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RuleSet } from '../../../src/core/rules.ts';
import { planRules } from '../../../src/kernel/calls/rules/plan.ts';
import { createJudge } from '../../../src/processors/filter/judge.ts';
import { createRandom } from '../../support/random.ts';
import { buildWorkloads, workloadFolder } from '../../workloads/build.mjs';
import { compareRules } from './compare.ts';
import { openRulesOfKernel } from './judge.ts';
import { createRandomRules } from './random-rules.ts';

let kernel: ReturnType<typeof openRulesOfKernel>;
beforeAll(() => {
  buildWorkloads();
  kernel = openRulesOfKernel(workloadFolder);
});
afterAll(() => kernel.close());

test('random rules of one to four pipelines say the same of random records', { timeout: 120_000 }, async () => {
  await expect(compareRules(kernel, 60, 20_261_121)).resolves.toBeUndefined();
});

test('each dropped record is counted for one rule of each filter that matches it, over changes of the rules', async () => {
  const random = createRandomRules(createRandom(7));
  let dropped = 0;
  const total = () => kernel.counts().reduce((sum, { value }) => sum + value, 0);
  const before = total();
  for (let round = 0; round < 10; round++) {
    const set = random.ruleSet('filter');
    await kernel.set([set]);
    const judge = createJudge(set);
    const records = Array.from({ length: 500 }, random.record);
    const verdicts = await kernel.judge(records);
    dropped += verdicts.filter(Boolean).length;
    expect(verdicts.every((verdict, index) => !verdict || judge(records[index]!.record) !== undefined)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 25)); // a reading of the counts is good for 20 ms
    expect(total() - before).toBe(dropped);
  }
  await kernel.set([]);
  expect(total() - before).toBe(dropped);
});

test('no entry of rules that are gone stays', async () => {
  const rules = (text: string): RuleSet => ({
    rules: [
      { id: 'a', stage: 'context', action: 'drop', tests: { path: [{ type: 'prefix', text }] } },
      { id: 'b', stage: 'process', action: 'drop', tests: { comm: [{ type: 'exact', text: 'x' }], uid: [1, 2] } },
    ],
    neverDrop: [],
    hasMore: false,
  });
  const maps = ['rule_paths', 'rule_programs', 'rule_comms', 'rule_peers', 'rule_values'];
  const sizes = () => maps.map((map) => kernel.entries(map));
  for (const text of ['/a', '/b', '/c']) {
    await kernel.set([rules(text)]);
    expect(sizes()).toEqual([1, 0, 1, 0, 2]);
  }
  await kernel.set([undefined]);
  expect(sizes()).toEqual([0, 0, 0, 0, 0]);
});

test('ten thousand rules are in force within seconds, and found', async () => {
  const rules = Array.from({ length: 10_000 }, (_, index) => ({
    id: `filter context.drop[${index}]`,
    stage: 'context' as const,
    action: 'drop' as const,
    tests: { path: [{ type: 'prefix' as const, text: `/srv/${index % 100}/${index}/` }] },
  }));
  const set: RuleSet = { rules, neverDrop: [], hasMore: false };
  expect(planRules([set]).report.places.every(({ where }) => where === 'kernel')).toBe(true);
  const start = performance.now();
  await kernel.set([set]);
  const ms = performance.now() - start;
  console.log(`10,000 rules in force after ${ms.toFixed(0)} ms`);
  expect(kernel.entries('rule_paths')).toBe(10_000);
  await kernel.set([]);
  expect(kernel.entries('rule_paths')).toBe(0);
});
