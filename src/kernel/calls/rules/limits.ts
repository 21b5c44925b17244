/** How many rules the maps of the kernel side hold, and which are too many. */
import type { Rule } from '../../../core/rules.ts';
import { nestedDeeply } from './nesting.ts';
import type { KernelTests } from './tests.ts';

export type Limits = {
  readonly filters: number;
  /** Bits of a mask. */
  readonly classes: number;
  /** Classes of one field that hold several rules. */
  readonly slots: number;
  /** Drop rules: each has a counter. */
  readonly rules: number;
  /** Texts or numbers of one field, those of all rules together. */
  readonly entries: number;
  /** Texts that begin a text: the kernel looks at them one by one. */
  readonly nesting: number;
};

/** As in bpf/rules.h; of the entries there is room for two generations. */
export const RULE_LIMITS: Limits = { filters: 4, classes: 64, slots: 8, rules: 10_239, entries: 32_768, nesting: 16 };

type Judged = { readonly rule: Rule; readonly tests: KernelTests; readonly missing: readonly string[] };

const textFields = ['path', 'address', 'executable', 'comm'] as const;
const numberFields = ['port', 'pid', 'uid', 'parentPid'] as const;

/** The rule without a test of this field. */
const without = <T extends Judged>(judged: T, field: string, why: string): T => {
  const strip = <M extends object>(map: M): M => Object.fromEntries(Object.entries(map).filter(([name]) => name !== field)) as M;
  const { tests, missing } = judged;
  return { ...judged, tests: { ...tests, texts: strip(tests.texts), numbers: strip(tests.numbers) }, missing: [...missing, why] };
};

/** What is too much for a field is taken from the rules that come last, and said in `missing`. */
export const dropTooMany = <T extends Judged>(judged: readonly T[], limits: Limits): readonly T[] => {
  let result = judged;
  for (const field of textFields) {
    const deep = nestedDeeply(new Set(result.flatMap(({ tests }) => (tests.texts[field] ?? []).map(({ text }) => text))), limits.nesting);
    if (deep.size === 0) continue;
    const why = `a text of ${field} begins with more than ${limits.nesting} others`;
    result = result.map((one) => (one.tests.texts[field]?.some(({ text }) => deep.has(text)) === true ? without(one, field, why) : one));
  }
  for (const field of [...textFields, ...numberFields]) {
    let entries = 0;
    result = result.map((one) => {
      const { texts, numbers } = one.tests;
      const many =
        (texts as Record<string, readonly unknown[]>)[field]?.length ?? (numbers as Record<string, readonly unknown[]>)[field]?.length ?? 0;
      if (entries + many > limits.entries) return without(one, field, `there are more than ${limits.entries} alternatives of ${field}`);
      entries += many;
      return one;
    });
  }
  let drops = 0;
  return result.map((one) => {
    if (one.rule.action === 'keep' || one.missing.length > 0 || ++drops <= limits.rules) return one;
    return { ...one, missing: [`there are more than ${limits.rules} rules`] };
  });
};
