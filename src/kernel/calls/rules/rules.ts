/** The rules in force in one loaded object: exchanged as one generation, counted by rule. */
import { isDeepStrictEqual } from 'node:util';
import type { Counters } from '../../../core/counters.ts';
import type { PushDownReport, RuleSet } from '../../../core/rules.ts';
import type { NativeSession } from '../../addon.ts';
import { encodeRules, type EncodedRules, ruleMaps } from './encode.ts';
import { planRules, type RulePlan } from './plan.ts';

/** A reading of the counts is good for this long: a scrape asks for each rule. */
const READING_MS = 20;

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

/** Rules with a counter in the kernel each: they keep it as long as they are in force. */
const createNumbers = ({ session, object, counters }: CallRulesOptions) => {
  const inForce = new Map<string, { readonly number: number; readonly unregister: () => void }>();
  const free: number[] = [];
  let next = 1;
  let reading = new Float64Array(0);
  let readAtMs = -Infinity;

  const read = (): Float64Array => {
    if (performance.now() - readAtMs < READING_MS) return reading;
    const { count, keys, values, valueBytes } = session.readEntries(object, 'rule_counts');
    reading = new Float64Array(count);
    for (let entry = 0; entry < count; entry++)
      for (let at = 0; at < valueBytes; at += 8)
        reading[keys.readUInt32LE(4 * entry)]! += Number(values.readBigUInt64LE(entry * valueBytes + at));
    readAtMs = performance.now();
    return reading;
  };

  const take = (rule: string): void => {
    const number = free.pop() ?? next++;
    const before = read()[number] ?? 0;
    const unregister = counters.observed('ringtail_rule_matches', { rule, where: 'kernel' }, () => (read()[number] ?? 0) - before);
    inForce.set(rule, { number, unregister });
  };
  const give = (rule: string): void => {
    const { number, unregister } = inForce.get(rule)!;
    unregister();
    inForce.delete(rule);
    free.push(number);
  };

  return {
    of: (rule: string): number => inForce.get(rule)!.number,
    /** Numbers for these too; returns those that had none. */
    add(rules: ReadonlySet<string>): readonly string[] {
      const added = [...rules].filter((rule) => !inForce.has(rule));
      for (const rule of added) take(rule);
      return added;
    },
    giveBack(rules: Iterable<string>): void {
      readAtMs = -Infinity;
      for (const rule of rules) give(rule);
    },
    others: (rules: ReadonlySet<string>): readonly string[] => [...inForce.keys()].filter((rule) => !rules.has(rule)),
  };
};

const droppingRules = ({ classes }: RulePlan): ReadonlyMap<number, string> =>
  new Map(classes.flatMap(({ action, members }) => (action === 'drop' ? members.map(({ order, rule }) => [order, rule] as const) : [])));

export const createCallRules = (options: CallRulesOptions): CallRules => {
  const { session, object } = options;
  const numbers = createNumbers(options);
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
