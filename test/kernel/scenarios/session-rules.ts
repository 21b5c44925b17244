/** Rules about sessions that run in the kernel: what is dropped there is what user space would drop, and it is counted. */
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import type { RuleSet } from '../../../src/core/rules.ts';
import { recordSessions } from '../harness/session-records.ts';
import type { Scenario } from '../harness/scenario.ts';
import { compareSessionRules } from '../rules/session-compare.ts';
import { openSessionRules } from '../rules/session-judge.ts';

const made: Scenario = {
  name: 'rules about sessions: kernel and user space agree on made-up ones',
  async run({ program }) {
    const rules = openSessionRules(dirname(program('quick')));
    try {
      await compareSessionRules(rules, process.env['RINGTAIL_GUEST'] === undefined ? 60 : 12, 4711);
    } finally {
      rules.close();
    }
  },
};

const ruleSet = (tests: RuleSet['rules'][number]['tests'], keep?: RuleSet['rules'][number]['tests']): RuleSet => ({
  rules: [
    { id: 'filter context.drop[0]', stage: 'context', action: 'drop', tests },
    ...(keep === undefined ? [] : [{ id: 'filter context.keep[0]', stage: 'context', action: 'keep', tests: keep } as const]),
  ],
  neverDrop: [],
  hasMore: false,
});
const loopback = [{ text: '127.0.0.0/8', bytes: Uint8Array.of(127, 0, 0, 0), bits: 8 }];
const event = (text: string) => [{ type: 'exact', text } as const];

const real: Scenario = {
  name: 'rules about sessions: records of real ones are dropped while the rules say so',
  async run({ run }) {
    const recorder = await recordSessions({
      needs: { ruleSets: [ruleSet({ address: loopback }, { event: event('ringtail.session.end') })] },
    });
    const kindsOf = async (): Promise<readonly string[]> => {
      const before = recorder.records.length;
      const { pid } = await run('sessions', ['plain4']);
      await recorder.settle();
      return recorder.records.slice(before).flatMap((one) => (one.pid === pid ? [one.kind] : []));
    };
    const count = (kinds: readonly string[], wanted: string): number => kinds.filter((kind) => kind === wanted).length;
    try {
      const { places } = recorder.kernel.sockets().pushDown;
      assert.deepEqual(
        places.map(({ where }) => where),
        ['kernel', 'kernel'],
      );
      // a listener has no peer, and before it is established an accepted socket may have none
      const kept = await kindsOf();
      assert.deepEqual([count(kept, 'start'), count(kept, 'end'), count(kept, 'listen')], [0, 2, 1]);
      await recorder.change({ ruleSets: [ruleSet({ localAddress: loopback })] });
      assert.deepEqual(await kindsOf(), []);
      await recorder.change({ ruleSets: [undefined] });
      const all = await kindsOf();
      assert.deepEqual([count(all, 'start'), count(all, 'end'), count(all, 'listen')], [2, 2, 1]);
    } finally {
      await recorder.stop();
    }
  },
};

export const sessionRuleScenarios: readonly Scenario[] = [made, real];
