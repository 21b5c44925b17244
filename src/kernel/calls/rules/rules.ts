/** The rules in force in one loaded object: exchanged as one generation, counted by rule. */
import { isDeepStrictEqual } from 'node:util';
import type { Counters } from '../../../core/counters.ts';
import type { PushDownReport, RuleSet } from '../../../core/rules.ts';
import type { NativeSession } from '../../addon.ts';
import { createRuleNumbers } from '../../rule-numbers.ts';
import { encodeRules, type EncodedRules, ruleMaps } from './encode.ts';
import { planRules, type RulePlan } from './plan.ts';

export type CallRules = {
  /** Takes other rules, as one generation: resolves when they alone are in force. Rejects with a NativeError; then those of before are in force. */
  set(ruleSets: readonly (RuleSet | undefined)[]): Promise<PushDownReport>;
  /** Before the object is unloaded: what was counted stays on the page. */
  close(): void;
};

export type CallRulesOptions = {
  readonly session: Pick<NativeSession, 'putEntries' | 'dropEntries' | 'swapInner' | 'readEntries'>;
  readonly object: number;
  readonly counters: Counters;
};

const droppingRules = ({ classes }: RulePlan): ReadonlyMap<number, string> =>
  new Map(classes.flatMap(({ action, members }) => (action === 'drop' ? members.map(({ order, rule }) => [order, rule] as const) : [])));

export const createCallRules = (options: CallRulesOptions): CallRules => {
  const { session, object } = options;
  const numbers = createRuleNumbers({ ...options, map: 'rule_counts' });
  let generation = 0;
  let tag = 0;
  let plan: RulePlan | undefined;
  let entered: EncodedRules | undefined;
  /** One change at a time. */
  let last: Promise<void> = Promise.resolve();

  const enter = async ({ maps }: EncodedRules): Promise<void> => {
    for (const map of ruleMaps) if (maps[map].count > 0) await session.putEntries(object, map, maps[map].keys, maps[map].values);
  };
  const takeOut = async ({ maps }: EncodedRules): Promise<void> => {
    for (const map of ruleMaps) if (maps[map].count > 0) await session.dropEntries(object, map, maps[map].keys);
  };

  const change = async (next: RulePlan): Promise<void> => {
    const rules = droppingRules(next);
    const wanted = new Set(rules.values());
    const added = numbers.add(wanted);
    generation++;
    const encoded =
      next.classes.length === 0 ? undefined : encodeRules(next, generation, 1 - tag, (order) => numbers.of(rules.get(order)!));
    try {
      if (encoded !== undefined) await enter(encoded);
      if (encoded !== undefined || entered !== undefined) await session.swapInner(object, 'rules', encoded?.set);
    } catch (error) {
      numbers.giveBack(added);
      // what is left of it is written over by the next generation
      if (encoded !== undefined) await takeOut(encoded).catch(() => {});
      throw error;
    }
    if (encoded !== undefined) tag = 1 - tag;
    const old = entered;
    entered = encoded;
    plan = next;
    numbers.giveBack(numbers.others(wanted));
    if (old !== undefined) await takeOut(old);
  };

  return {
    async set(ruleSets) {
      const next = planRules(ruleSets);
      const before = last;
      const { promise, resolve } = Promise.withResolvers<void>();
      last = promise;
      await before;
      try {
        if (plan === undefined || !isDeepStrictEqual(plan, next)) await change(next);
      } finally {
        resolve();
      }
      return next.report;
    },
    close: () => numbers.giveBack(numbers.others(new Set())),
  };
};
