/**
 * From what pipelines drop to what the kernel drops of the records of sessions. The kernel drops a record only when it is certain that every pipeline
 * does: a drop rule that it cannot evaluate is left out, of a keep rule it leaves out the tests that it cannot evaluate. User space judges by all rules
 * whatever the kernel lets through.
 */
import { isDeepStrictEqual } from 'node:util';
import type { AddressTest, PortTest, PushDownReport, Rule, RulePlace, RuleSet, TextTest } from '../../core/rules.ts';
import { eventName } from '../../otlp/names.ts';
import { matchesName } from '../calls/rules/tests.ts';
import { sessionWant } from '../layouts.gen.ts';

/** A test of one end; both must hold. */
export type EndTest = { readonly isLocal: boolean; readonly address?: AddressTest | undefined; readonly ports?: PortTest | undefined };

/** An alternative of a rule: it matches a record of one of the kinds when all tests hold. Without tests it is one entry too. */
export type RuleAlternative = {
  readonly rule: string;
  readonly set: number;
  readonly isDrop: boolean;
  /** `enum session_want`. */
  readonly kinds: number;
  readonly tests: readonly EndTest[];
};

export type SessionRulePlan = {
  readonly report: PushDownReport;
  /** In the order of the rules; empty: the kernel drops nothing. */
  readonly alternatives: readonly RuleAlternative[];
  /** How many different filters they belong to. */
  readonly sets: number;
};

export type SessionRuleLimits = { readonly sets: number; readonly entries: number };
/** As in bpf/session_rules.bpf.h and SESSION_RULES. */
export const SESSION_RULE_LIMITS: SessionRuleLimits = { sets: 4, entries: 64 };

const kinds: Readonly<Record<string, number>> = {
  [eventName.sessionStart]: sessionWant.start,
  [eventName.sessionState]: sessionWant.state,
  [eventName.sessionEnd]: sessionWant.end,
  [eventName.sessionListen]: sessionWant.listen,
};
const ALL_KINDS = Object.values(kinds).reduce((mask, kind) => mask | kind, 0);

const kindsNamed = (tests: readonly TextTest[]): number =>
  Object.entries(kinds).reduce((mask, [name, kind]) => (tests.some((test) => matchesName(test, name)) ? mask | kind : mask), 0);

/** Fields that only user space compares. */
const WHO = 'who owns a session is compared in user space only';
const elsewhere = {
  comm: WHO,
  executable: WHO,
  user: WHO,
  uid: WHO,
  pid: WHO,
  parent: WHO,
  parentPid: WHO,
  cgroup: WHO,
  container: WHO,
  kernelThread: WHO,
  nestedPidNamespace: WHO,
  result: 'results of sessions are compared in user space only',
} as const;
type Elsewhere = keyof typeof elsewhere;

/** Ranges that touch are one. */
const merged = (tests: readonly PortTest[]): readonly PortTest[] => {
  const ranges: { text: string; min: number; max: number }[] = [];
  for (const { min, max, text } of tests.toSorted((a, b) => a.min - b.min)) {
    const last = ranges.at(-1);
    if (last !== undefined && min <= last.max + 1) last.max = Math.max(last.max, max);
    else ranges.push({ text, min, max });
  }
  return ranges;
};

/** Every address with every range of ports. */
const endTests = (
  isLocal: boolean,
  addresses: readonly AddressTest[] | undefined,
  ports: readonly PortTest[] | undefined,
): readonly (readonly EndTest[])[] => {
  if (addresses === undefined && ports === undefined) return [[]];
  const ranges = ports === undefined ? [undefined] : merged(ports);
  return (addresses ?? [undefined]).flatMap((address) => ranges.map((range) => [{ isLocal, address, ports: range }]));
};

type Judged = {
  readonly rule: Rule;
  readonly set: number;
  readonly kinds: number;
  readonly missing: readonly string[];
  /** One of them must hold, all tests of it. */
  readonly alternatives: readonly (readonly EndTest[])[];
};

const judge = (rule: Rule, set: number): Judged => {
  const { event, path, size, address, port, localAddress, localPort, result } = rule.tests;
  const missing = (Object.keys(elsewhere) as Elsewhere[]).flatMap((field) => (rule.tests[field] === undefined ? [] : [elsewhere[field]]));
  const peers = endTests(false, address, port);
  const alternatives = endTests(true, localAddress, localPort).flatMap((local) => peers.map((peer) => [...local, ...peer]));
  // no session has a path or a size, and only the end of one has a result
  const possible = path !== undefined || size !== undefined ? 0 : result === undefined ? ALL_KINDS : sessionWant.end;
  return { rule, set, kinds: possible & (event === undefined ? ALL_KINDS : kindsNamed(event)), missing, alternatives };
};

const entriesOf = ({ alternatives }: Judged): number => alternatives.reduce((sum, tests) => sum + Math.max(1, tests.length), 0);
const hasTests = ({ alternatives }: Judged): boolean => alternatives.every((tests) => tests.length > 0);

const alternativesOf = ({ rule, set, alternatives }: Judged, wanted: number): readonly RuleAlternative[] =>
  alternatives.map((tests) => ({ rule: rule.id, set, isDrop: rule.action === 'drop', kinds: wanted, tests }));

const distinct = (ruleSets: readonly RuleSet[]): readonly RuleSet[] =>
  ruleSets.filter((set, index) => ruleSets.findIndex((other) => other === set || isDeepStrictEqual(other, set)) === index);

const nothing = (report: PushDownReport): SessionRulePlan => ({ report, alternatives: [], sets: 0 });

type Shadow = { readonly kinds: number; readonly set: number; readonly why: string };

/** Of what `Receiver.narrow` is told. Looks at no host. */
export const planSessionRules = (
  ruleSets: readonly (RuleSet | undefined)[],
  limits: SessionRuleLimits = SESSION_RULE_LIMITS,
): SessionRulePlan => {
  const filters = distinct(ruleSets.filter((set) => set !== undefined));
  const all = filters.flatMap(({ rules }) => rules);
  const refuse = (why: string): SessionRulePlan =>
    nothing({ places: all.map(({ id }) => ({ rule: id, where: 'user', why })), refused: why });
  if (ruleSets.length === 0) return nothing({ places: [] });
  if (filters.length === 0) return nothing({ places: [], refused: 'no pipeline begins with a filter' });
  if (ruleSets.includes(undefined)) return refuse('a pipeline wants everything');
  if (filters.length > limits.sets) return refuse(`pipelines begin with more than ${limits.sets} different filters`);

  const why = new Map<Rule, string>();
  const judged = filters.flatMap(({ rules }, set) => rules.map((rule) => judge(rule, set)));
  const taken: (readonly RuleAlternative[])[] = judged.map(() => []);
  const shadows: Shadow[] = [];
  let room = limits.entries;

  judged.forEach((one, index) => {
    const { rule, set, missing } = one;
    if (rule.stage === 'process') why.set(rule, WHO);
    else if (one.kinds === 0) why.set(rule, 'it is about no event of a session');
    else if (missing.length > 0) why.set(rule, missing[0]!);
    // a keep rule of the first stage keeps nothing from the rules of this one
    if (rule.action === 'drop' || rule.stage === 'process' || one.kinds === 0) return;
    const fits = entriesOf(one) <= room;
    if (hasTests(one) && fits) {
      taken[index] = alternativesOf(one, one.kinds);
      room -= entriesOf(one);
      return;
    }
    if (!fits) why.set(rule, `there are more alternatives than the ${limits.entries} that the kernel side has room for`);
    shadows.push({ kinds: one.kinds, set, why: [`${rule.id} may keep it`, ...missing.slice(0, 1)].join(', and ') });
  });

  judged.forEach((one, index) => {
    const { rule, set } = one;
    if (rule.action === 'keep' || why.has(rule)) return;
    const before = shadows.filter((shadow) => shadow.set === set && (shadow.kinds & one.kinds) !== 0);
    const droppable = one.kinds & ~kindsNamed(filters[set]!.neverDrop);
    const wanted = before.reduce((mask, shadow) => mask & ~shadow.kinds, droppable);
    if (droppable === 0) why.set(rule, 'never_drop protects its events');
    else if (wanted === 0) why.set(rule, before[0]!.why);
    else if (entriesOf(one) > room)
      why.set(rule, `there are more alternatives than the ${limits.entries} that the kernel side has room for`);
    else {
      taken[index] = alternativesOf(one, wanted);
      room -= entriesOf(one);
    }
  });

  const places = all.map((rule): RulePlace => {
    const reason = why.get(rule);
    return reason === undefined ? { rule: rule.id, where: 'kernel' } : { rule: rule.id, where: 'user', why: reason };
  });
  const alternatives = taken.flat();
  const idle = filters.findIndex((_, index) => !alternatives.some(({ set, isDrop }) => set === index && isDrop));
  if (idle < 0) return { report: { places }, alternatives, sets: filters.length };
  if (filters.length > 1)
    return refuse(
      `a pipeline begins with a filter of which the kernel can evaluate nothing (${filters[idle]!.rules[0]?.id.split(' ')[0] ?? 'one that has no rules'})`,
    );
  return nothing({ places });
};
