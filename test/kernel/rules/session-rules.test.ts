/** What the kernel drops of sessions is what user space would. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createJudge } from '../../../src/processors/filter/judge.ts';
import { buildWorkloads, workloadFolder } from '../../workloads/build.mjs';
import { compareSessionRules, createRandomSessions, recordOf } from './session-compare.ts';
import { openSessionRules } from './session-judge.ts';

let kernel: ReturnType<typeof openSessionRules>;
beforeAll(() => {
  buildWorkloads();
  kernel = openSessionRules(workloadFolder);
});
afterAll(() => kernel.close());

test('random rules of one to three pipelines say the same of random sessions', { timeout: 120_000 }, async () => {
  await expect(compareSessionRules(kernel, 300, 20_261_121)).resolves.toBeUndefined();
});

test('each dropped record is counted for the first rule of its filter that matches, over changes of the rules', async () => {
  const random = createRandomSessions(11);
  const wanted = new Map<string, number>();
  for (let round = 0; round < 20; round++) {
    const set = random.ruleSet('filter');
    const { places } = await kernel.set([set]);
    const inKernel = new Set(places.flatMap(({ rule, where }) => (where === 'kernel' ? [rule] : [])));
    const judge = createJudge({ ...set, rules: set.rules.filter(({ id, action }) => action === 'keep' || inKernel.has(id)) });
    const sessions = Array.from({ length: 400 }, random.session);
    const verdicts = await kernel.judge(sessions);
    sessions.forEach((session, index) => {
      const rule = verdicts[index]! ? judge(recordOf(session))!.id : undefined;
      if (rule !== undefined) wanted.set(rule, (wanted.get(rule) ?? 0) + 1);
    });
  }
  await kernel.set([]);
  expect(wanted.size).toBeGreaterThan(3);
  const counted = new Map(kernel.counts().map(({ labels, value }) => [labels['rule'], value]));
  for (const [rule, count] of wanted) expect([rule, counted.get(rule)]).toEqual([rule, count]);
});
