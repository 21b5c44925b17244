/**
 * From what pipelines drop to what the kernel drops. The kernel drops a record when it is certain that every pipeline does, so it may know less than
 * the rules say: a drop rule that it cannot evaluate is left out, and of a keep rule whatever it cannot evaluate counts as matched. User space judges
 * by all rules whatever the kernel lets through.
 */
import { isDeepStrictEqual } from 'node:util';
import type { PushDownReport, Rule, RulePlace, RuleSet } from '../../../core/rules.ts';
import { dropTooMany, type Limits, RULE_LIMITS } from './limits.ts';
import { entryFields, type EntryField, kindsNamed, CALL_KINDS, type KernelTests, matchesAll, translate } from './tests.ts';

/** Rules that share a bit: they differ in the alternatives of `naming` only, which tell them apart; without it there is one. */
export type RuleClass = {
  readonly filter: number;
  readonly stage: Rule['stage'];
  readonly action: Rule['action'];
  readonly naming: EntryField | undefined;
  /** `order`: which of several rules that match is named: the least. */
  readonly members: readonly { readonly rule: string; readonly order: number; readonly tests: KernelTests }[];
};

export type RulePlan = {
  readonly report: PushDownReport;
  /** At most `RULE_LIMITS.classes`; a class is the bit of its index. Empty: the kernel drops nothing. */
  readonly classes: readonly RuleClass[];
  readonly filters: number;
  /** A bit for each kind that may be dropped. */
  readonly droppable: number;
};

type Part = { readonly rule: Rule; readonly filter: number; readonly order: number; readonly tests: KernelTests };
type Judged = Part & { readonly missing: readonly string[] };

const distinct = (ruleSets: readonly RuleSet[]): readonly RuleSet[] =>
  ruleSets.filter((set, index) => ruleSets.findIndex((other) => other === set || isDeepStrictEqual(other, set)) === index);

const namingOf = ({ texts, numbers }: KernelTests): EntryField | undefined =>
  entryFields.find((field) => (texts as Readonly<Record<string, unknown>>)[field] ?? (numbers as Readonly<Record<string, unknown>>)[field]);

const groupKey = ({ rule, filter, tests }: Part, naming: EntryField | undefined): string => {
  const { texts, numbers, ...rest } = tests;
  const others = { ...texts, ...numbers, ...(naming === undefined ? {} : { [naming]: 0 }) };
  return JSON.stringify([filter, rule.stage, rule.action, naming, others, rest]);
};

const classesOf = (parts: readonly Part[]): readonly RuleClass[] => {
  const groups = new Map<string, RuleClass & { readonly members: RuleClass['members'][number][] }>();
  for (const part of parts) {
    const naming = namingOf(part.tests);
    const key = groupKey(part, naming);
    const group = groups.get(key) ?? { filter: part.filter, stage: part.rule.stage, action: part.rule.action, naming, members: [] };
    groups.set(key, group);
    group.members.push({ rule: part.rule.id, order: part.order, tests: part.tests });
  }
  return [...groups.values()];
};

/** Why drop rules of a stage stay in user space: a keep rule that the kernel knows too little of. */
const blockedStages = (keeps: readonly Judged[]): ReadonlyMap<string, string> =>
  new Map(
    keeps
      .filter(({ tests }) => matchesAll(tests))
      .map(({ rule, filter, missing }) => [`${filter} ${rule.stage}`, [`${rule.id} may keep it`, ...missing.slice(0, 1)].join(', and ')]),
  );

/** Takes classes until something is full; those that are left stay in user space. Keep rules first: what they protect must not be dropped. */
const fit = (
  classes: readonly RuleClass[],
  limits: Limits,
): { readonly taken: readonly RuleClass[]; readonly left: readonly RuleClass[] } => {
  const taken: RuleClass[] = [];
  const left: RuleClass[] = [];
  const slots = new Map<EntryField | undefined, number>();
  for (const one of classes) {
    const needsSlot = one.action === 'drop' && one.members.length > 1;
    const used = slots.get(one.naming) ?? 0;
    if (taken.length >= limits.classes || (needsSlot && used >= limits.slots)) left.push(one);
    else {
      taken.push(one);
      if (needsSlot) slots.set(one.naming, used + 1);
    }
  }
  return { taken, left };
};

const refused = (report: PushDownReport): RulePlan => ({ report, classes: [], filters: 0, droppable: 0 });
const inUserSpace = (rules: readonly Rule[], why: string): readonly RulePlace[] =>
  rules.map(({ id }) => ({ rule: id, where: 'user', why }));

/** Of what `Receiver.narrow` is told. Looks at no host. */
export const planRules = (ruleSets: readonly (RuleSet | undefined)[], limits: Limits = RULE_LIMITS): RulePlan => {
  const filters = distinct(ruleSets.filter((set) => set !== undefined));
  const all = filters.flatMap(({ rules }) => rules);
  const refuse = (why: string): RulePlan => refused({ places: inUserSpace(all, why), refused: why });
  if (ruleSets.length === 0) return refused({ places: [] });
  if (filters.length === 0) return refused({ places: [], refused: 'no pipeline begins with a filter' });
  if (ruleSets.includes(undefined)) return refuse('a pipeline wants everything');
  if (filters.length > limits.filters) return refuse(`pipelines begin with more than ${limits.filters} different filters`);

  const why = new Map<Rule, string>();
  let order = 0;
  const judged = filters.flatMap(({ rules }, filter) =>
    rules.map((rule): Judged => ({ rule, filter, order: order++, ...translate(rule) })),
  );
  const within = dropTooMany(judged, limits);
  const keeps = within.filter(({ rule }) => rule.action === 'keep');
  const keepClasses = classesOf(keeps.filter(({ tests }) => tests.kinds !== 0 && !matchesAll(tests)));
  const tooManyKeeps = keepClasses.length >= limits.classes;
  const blocked = blockedStages(keeps);
  const drops: Part[] = [];
  for (const part of within) {
    const { rule, filter, missing, tests } = part;
    const block = blocked.get(`${filter} ${rule.stage}`);
    if (missing.length > 0) why.set(rule, missing[0]!);
    else if (tests.kinds === 0) why.set(rule, 'it is about no event of a system call');
    else if (rule.action === 'keep' && !tooManyKeeps) continue;
    else if (tooManyKeeps) why.set(rule, `there are more than ${limits.classes - 1} kinds of keep rules`);
    else if (block !== undefined) why.set(rule, block);
    else drops.push(part);
  }
  const { taken, left } = fit([...(tooManyKeeps ? [] : keepClasses), ...classesOf(drops)], limits);
  const byId = new Map(all.map((rule) => [rule.id, rule]));
  for (const { members } of left)
    for (const { rule } of members) why.set(byId.get(rule)!, 'there are more kinds of rules than the kernel side has room for');

  const places = all.map((rule): RulePlace => {
    const reason = why.get(rule);
    return reason === undefined ? { rule: rule.id, where: 'kernel' } : { rule: rule.id, where: 'user', why: reason };
  });
  const idle = filters.findIndex((_, index) => !taken.some(({ filter, action }) => filter === index && action === 'drop'));
  const droppable = CALL_KINDS & ~filters.reduce((mask, { neverDrop }) => mask | kindsNamed(neverDrop), 0);
  if (idle >= 0 || droppable === 0) {
    if (filters.length === 1 || droppable === 0) {
      const none = droppable === 0 ? 'every event of a system call is in never_drop' : undefined;
      return refused({
        places: places.map((place) => (place.where === 'user' || none === undefined ? place : { ...place, where: 'user', why: none })),
      });
    }
    const name = filters[idle]!.rules[0]?.id.split(' ')[0] ?? 'one that has no rules';
    return refuse(`a pipeline begins with a filter of which the kernel can evaluate nothing (${name})`);
  }
  // the first rule has the lowest bit: of several that match, it is the one that is counted
  const ordered = taken.toSorted((a, b) =>
    a.action === b.action ? a.members[0]!.order - b.members[0]!.order : a.action === 'drop' ? -1 : 1,
  );
  return { report: { places }, classes: ordered, filters: filters.length, droppable };
};
