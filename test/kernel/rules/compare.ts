/** Random rules about random records, in the kernel and in user space. Knows no vitest: it runs in guests too. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { RuleSet } from '../../../src/core/rules.ts';
import { createJudge, type JudgedRecord } from '../../../src/processors/filter/judge.ts';
import { createRandom } from '../../support/random.ts';
import type { openRulesOfKernel } from './judge.ts';
import { createRandomRules } from './random-rules.ts';

const RECORDS = 1024;
const ABOUT_NOTHING = 'it is about no event of a system call';

/** What the kernel leaves to user space although it has the rules: what it is not sure of. */
const isUnsure = ({ who, path, peer, peerPort }: JudgedRecord): boolean =>
  who!.comm.length === 0 ||
  who!.parentPid === 0 ||
  (path !== undefined && (path.length > 256 || Buffer.from(path).includes('..'))) ||
  (peer !== undefined && (peer.length === 0 || peerPort === 0));

/** Throws when the kernel drops what user space keeps, or keeps what it could have dropped. */
export const compareRules = async (kernel: ReturnType<typeof openRulesOfKernel>, rounds: number, seed: number): Promise<void> => {
  const random = createRandomRules(createRandom(seed));
  const wrong: string[] = [];
  const seen = { dropped: 0, kept: 0, unsure: 0, pushed: 0 };
  for (let round = 0; round < rounds; round++) {
    const ruleSets: readonly RuleSet[] = Array.from({ length: 1 + (round % 4) }, (_, index) => random.ruleSet(`filter/${index}`));
    const report = await kernel.set(ruleSets);
    const judges = ruleSets.map(createJudge);
    const records = Array.from({ length: RECORDS }, random.record);
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
  await kernel.set([]);
  assert.deepEqual(wrong.slice(0, 3), []);
  // it means something only when there is much of everything
  assert(seen.dropped > rounds * 10 && seen.kept > rounds * 10, inspect(seen));
  assert(seen.pushed > rounds / 4 && seen.unsure < seen.dropped, inspect(seen));
};
