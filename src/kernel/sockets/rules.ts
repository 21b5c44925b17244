/** The rules of filters in force in the programs of sockets: exchanged whole, counted by rule. */
import { isDeepStrictEqual } from 'node:util';
import type { Counters } from '../../core/counters.ts';
import type { AddressTest, PushDownReport, RuleSet } from '../../core/rules.ts';
import type { NativeSession } from '../addon.ts';
import { mapLayout, sessionRuleFlag } from '../layouts.gen.ts';
import { createRuleNumbers } from '../rule-numbers.ts';
import { planSessionRules, type EndTest, type SessionRulePlan } from './rule-plan.ts';

export type SessionRules = {
  /** Resolves when these rules alone are in force, and says which are evaluated where. Rejects with a NativeError; then those of before are in force. */
  set(ruleSets: readonly (RuleSet | undefined)[]): Promise<PushDownReport>;
  /** Before the object is unloaded: what was counted stays on the page. */
  close(): void;
};

export type SessionRulesOptions = {
  readonly session: Pick<NativeSession, 'swapInner' | 'readEntries'>;
  readonly object: number;
  readonly counters: Counters;
};

const ADDRESS_BYTES = 16;
const MOST_PORT = 65_535;
const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

const writeAddress = (bytes: Uint8Array, place: number, { bytes: address, bits }: AddressTest): void => {
  const whole = address.length === ADDRESS_BYTES ? address : Uint8Array.of(...MAPPED, ...address);
  const counting = bits + 8 * (ADDRESS_BYTES - address.length);
  for (let at = 0; at < ADDRESS_BYTES; at++) {
    const mask = 0xff & ~(0xff >> Math.min(8, Math.max(0, counting - 8 * at)));
    bytes[place + mapLayout.sessionRule.address + at] = whole[at]! & mask;
    bytes[place + mapLayout.sessionRule.mask + at] = mask;
  }
};

/** What a plan is in `struct session_rule_set`. `numberOf` gives the counter of a drop rule, 1 or more. */
export const encodeSessionRules = ({ alternatives, sets }: SessionRulePlan, numberOf: (rule: string) => number): Uint8Array => {
  const { sessionRuleSet: at, sessionRule } = mapLayout;
  const bytes = new Uint8Array(at.size);
  const view = new DataView(bytes.buffer);
  let rules = 0;
  for (const { rule, set, isDrop, kinds, tests } of alternatives) {
    const parts: readonly EndTest[] = tests.length === 0 ? [{ isLocal: false }] : tests;
    parts.forEach(({ isLocal, address, ports }, index) => {
      const place = at.entries + sessionRule.size * rules++;
      if (address !== undefined) writeAddress(bytes, place, address);
      view.setUint16(place + sessionRule.portMin, ports?.min ?? 0, true);
      view.setUint16(place + sessionRule.portMax, ports?.max ?? MOST_PORT, true);
      view.setUint16(
        place + sessionRule.flags,
        (isDrop ? sessionRuleFlag.drop : 0) |
          (address === undefined ? 0 : sessionRuleFlag.address) |
          (ports === undefined ? 0 : sessionRuleFlag.ports) |
          (isLocal ? sessionRuleFlag.local : 0) |
          (index + 1 < parts.length ? sessionRuleFlag.more : 0),
        true,
      );
      view.setUint16(place + sessionRule.kinds, kinds, true);
      view.setUint16(place + sessionRule.set, set, true);
      view.setUint16(place + sessionRule.number, isDrop ? numberOf(rule) : 0, true);
    });
  }
  view.setUint32(at.rules, rules, true);
  view.setUint32(at.sets, sets, true);
  return bytes;
};

export const createSessionRules = (options: SessionRulesOptions): SessionRules => {
  const { session, object } = options;
  const numbers = createRuleNumbers({ ...options, map: 'session_rule_counts' });
  let plan: SessionRulePlan | undefined;
  /** One change at a time. */
  let last: Promise<void> = Promise.resolve();

  const change = async (next: SessionRulePlan): Promise<void> => {
    const { alternatives } = next;
    const wanted = new Set(alternatives.flatMap(({ rule, isDrop }) => (isDrop ? [rule] : [])));
    const added = numbers.add(wanted);
    try {
      const isIdle = plan === undefined || plan.alternatives.length === 0;
      if (alternatives.length > 0) await session.swapInner(object, 'session_rules', encodeSessionRules(next, numbers.of));
      else if (!isIdle) await session.swapInner(object, 'session_rules');
    } catch (error) {
      numbers.giveBack(added);
      throw error;
    }
    plan = next;
    numbers.giveBack(numbers.others(wanted));
  };

  return {
    async set(ruleSets) {
      const next = planSessionRules(ruleSets);
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
