/** Rules with a counter in the kernel each: they keep it as long as they are in force. */
import type { Counters } from '../core/counters.ts';
import type { NativeSession } from './addon.ts';

/** A reading of the counts is good for this long: a scrape asks for each rule. */
const READING_MS = 20;

export type RuleNumbersOptions = {
  readonly session: Pick<NativeSession, 'readEntries'>;
  readonly object: number;
  /** A per-CPU array of u64, by number of a rule; 0 is none. */
  readonly map: string;
  readonly counters: Counters;
};

export type RuleNumbers = {
  /** 1 or more; only of rules that were added. */
  of(rule: string): number;
  /** Numbers for these too; returns those that had none. */
  add(rules: ReadonlySet<string>): readonly string[];
  /** What was counted for them stays on the page. */
  giveBack(rules: Iterable<string>): void;
  /** Those that have a number and are not among these. */
  others(rules: ReadonlySet<string>): readonly string[];
};

export const createRuleNumbers = ({ session, object, map, counters }: RuleNumbersOptions): RuleNumbers => {
  const inForce = new Map<string, { readonly number: number; readonly unregister: () => void }>();
  const free: number[] = [];
  let next = 1;
  let reading = new Float64Array(0);
  let readAtMs = -Infinity;

  const read = (): Float64Array => {
    if (performance.now() - readAtMs < READING_MS) return reading;
    const { count, keys, values, valueBytes } = session.readEntries(object, map);
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
