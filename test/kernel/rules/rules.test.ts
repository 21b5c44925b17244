/** What the kernel drops is what user space would. */
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RuleSet } from '../../../src/core/rules.ts';
import { planRules } from '../../../src/kernel/calls/rules/plan.ts';
import { createJudge, type JudgedRecord } from '../../../src/processors/filter/judge.ts';
import { createRandom } from '../../support/random.ts';
import { CASES, openRulesOfKernel } from './judge.ts';
import { createRandomRules } from './random-rules.ts';

let kernel: ReturnType<typeof openRulesOfKernel>;
beforeAll(() => {
  kernel = openRulesOfKernel();
});
afterAll(() => kernel.close());

const RULE_SETS = 60;
const ABOUT_NOTHING = 'it is about no event of a system call';

/** What the kernel leaves to user space although it has the rules: what it is not sure of. */
const isUnsure = ({ who, path, peer, peerPort }: JudgedRecord): boolean =>
  who!.comm.length === 0 ||
  who!.parentPid === 0 ||
  (path !== undefined && (path.length > 256 || Buffer.from(path).includes('..'))) ||
  (peer !== undefined && (peer.length === 0 || peerPort === 0));

test('random rules of one to four pipelines say the same of random records', { timeout: 120_000 }, async () => {
  const random = createRandomRules(createRandom(20_261_121));
  const wrong: string[] = [];
  const seen = { dropped: 0, kept: 0, unsure: 0, pushed: 0 };
  for (let round = 0; round < RULE_SETS; round++) {
    const ruleSets: readonly RuleSet[] = Array.from({ length: 1 + (round % 4) }, (_, index) => random.ruleSet(`filter/${index}`));
    const report = await kernel.set(ruleSets);
    const judges = ruleSets.map(createJudge);
    const records = Array.from({ length: CASES / 4 }, random.record);
    const verdicts = await kernel.judge(records);
    const isComplete = report.refused === undefined && report.places.every(({ where, why }) => where === 'kernel' || why === ABOUT_NOTHING);
    if (isComplete) seen.pushed++;
    records.forEach(({ record }, index) => {
      const wanted = judges.every((judge) => judge(record) !== undefined);
      const got = verdicts[index]!;
      if (wanted === got) seen[got ? 'dropped' : 'kept']++;
      else if (wanted && !(isComplete && !isUnsure(record))) seen.unsure++;
      else wrong.push(inspect({ got, ruleSets, report, record }, { depth: 9 }));
    });
  }
  expect(wrong.slice(0, 3)).toEqual([]);
  expect(seen.dropped).toBeGreaterThan(RULE_SETS * 10);
  expect(seen.kept).toBeGreaterThan(RULE_SETS * 10);
  expect(seen.pushed).toBeGreaterThan(RULE_SETS / 4);
  expect(seen.unsure).toBeLessThan(seen.dropped);
  await kernel.set([]);
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
