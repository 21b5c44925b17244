/** What a query of a panel must answer: reckoned from the bare samples, or from what programs say of themselves. */
import { kernel } from '../../../scripts/grafana/metrics.ts';
import type { Labels } from './dashboards.ts';

/** What one container did, as its program says. */
export type Usage = {
  readonly id: string;
  readonly name: string;
  readonly opened: number;
  readonly failed: number;
  readonly transmitted: number;
  readonly received: number;
  readonly execs: number;
  readonly exits: number;
  readonly read: number;
  readonly written: number;
  /** Alive, and open, at the end. */
  readonly processes: number;
  readonly open: number;
};
export type Amount = (usage: Usage) => number;

export type Where = (labels: Labels) => boolean;
export type Sums = ReadonlyMap<string, number>;
export type Named = { readonly name: string; readonly identity?: readonly string[] };

export type Reference = {
  /** What counters grew by in the window, summed by labels: values joined by a blank. */
  grown(metric: Named, where: Where, by: readonly string[]): Promise<Sums>;
  /** Levels at its end. */
  level(metric: Named, where: Where, by: readonly string[]): Promise<Sums>;
  readonly usages: readonly Usage[];
  readonly seconds: number;
};

export type Wanted = {
  /** Labels that name a value of the answer. */
  readonly by: readonly string[];
  readonly values: Sums;
  /** Share by which it may be more; 0: it is right to the unit. */
  readonly tolerance: number;
  /** Whether it may be less by as much. */
  readonly isAround?: boolean;
  /** Whether the answer has others too. */
  readonly isPart?: boolean;
  /** It has the largest alone, so many. */
  readonly most?: number;
};

export type Answer = (reference: Reference) => Promise<Wanted>;

/** `increase()` reckons beyond the outer samples, by little more than a scrape on each side: of some 30 scrapes two, and some for a slow one. */
const EXTRAPOLATION = 0.1;
/** Of a division. */
const ROUNDING = 1e-9;

const all: Where = () => true;

export type Options = {
  readonly where?: Where;
  readonly by?: readonly string[];
  /** What the panel calls series without these labels. */
  readonly rest?: string;
};

const scaled = (values: Sums, factor: number): Sums => new Map(Array.from(values, ([key, value]) => [key, value * factor]));
const renamed = (values: Sums, rest: string): Sums => new Map(Array.from(values, ([key, value]) => [key === '' ? rest : key, value]));

export const total =
  (metric: Named, { where = all, by = [], rest = '' }: Options = {}): Answer =>
  async ({ grown }) => ({ by, values: renamed(await grown(metric, where, by), rest), tolerance: EXTRAPOLATION });

export const rate =
  (metric: Named, options: Options = {}): Answer =>
  async (reference) => {
    const wanted = await total(metric, options)(reference);
    return { ...wanted, values: scaled(wanted.values, 1 / reference.seconds) };
  };

export const level =
  (metric: Named, { where = all, by = [], rest = '' }: Options = {}): Answer =>
  async (reference) => ({ by, values: renamed(await reference.level(metric, where, by), rest), tolerance: ROUNDING });

export const exactly =
  (value: number): Answer =>
  async () => ({ by: [], values: new Map([['', value]]), tolerance: 0 });

const oneEach = (usages: readonly Usage[], amount: Amount, nameOf: (usage: Usage) => string): Sums =>
  new Map(usages.filter((usage) => amount(usage) > 0).map((usage) => [nameOf(usage), amount(usage)]));

/** A row for each container, as programs say. */
export const rows =
  (amount: Amount): Answer =>
  async ({ usages }) => ({ by: ['container_id'], values: oneEach(usages, amount, ({ id }) => id), tolerance: ROUNDING });

/** A line for each container, of what it did a second. */
export const lines =
  (amount: Amount, isPart = false): Answer =>
  async ({ usages, seconds }) => ({
    by: ['container'],
    values: scaled(oneEach(usages, amount, ({ name }) => name), 1 / seconds),
    tolerance: ROUNDING,
    isPart,
  }); // prettier-ignore

/** A line for each container, of what it has at the end. */
export const levels =
  (amount: Amount): Answer =>
  async ({ usages }) => ({ by: ['container'], values: oneEach(usages, amount, ({ name }) => name), tolerance: ROUNDING });

/** All containers together. */
export const together =
  (amount: Amount): Answer =>
  async ({ usages }) => ({ by: [], values: new Map([['', usages.reduce((sum, usage) => sum + amount(usage), 0)]]), tolerance: ROUNDING });

/** `part` as a share of the sum of `whole`. */
export const share =
  (part: Answer, ...whole: readonly Answer[]): Answer =>
  async (reference) => {
    const [over, ...under] = await Promise.all([part, ...whole].map((answer) => answer(reference)));
    const sums = new Map<string, number>();
    for (const { values } of under) for (const [key, value] of values) sums.set(key, (sums.get(key) ?? 0) + value);
    const shares = Array.from(sums, ([key, sum]) => [key, (over!.values.get(key) ?? 0) / sum] as const);
    const values = new Map(shares.filter(([, value]) => !Number.isNaN(value)));
    return { by: over!.by, values, tolerance: over!.tolerance, isAround: true };
  };

/** A row for each that one of these answers has; those that had something earlier in the window have one too. */
export const present =
  (...answers: readonly Answer[]): Answer =>
  async (reference) => {
    const wanted = await Promise.all(answers.map((answer) => answer(reference)));
    const keys = wanted.flatMap(({ values }) => [...values.keys()]).filter((key) => key !== '');
    return { by: wanted[0]!.by, values: new Map(keys.map((key) => [key, 1])), tolerance: 0, isPart: true };
  };

/** The ten largest. */
export const ten =
  (answer: Answer): Answer =>
  async (reference) => ({ ...(await answer(reference)), most: 10 });

/** The largest of several. */
export const largest =
  (answer: Answer): Answer =>
  async (reference) => {
    const wanted = await answer(reference);
    return { ...wanted, by: [], values: new Map([['', Math.max(...wanted.values.values())]]) };
  };

/** As Prometheus does it: evenly spread within a bucket. */
export const quantileOf = (q: number, buckets: Sums): number => {
  const bounds = Array.from(buckets, ([le, count]) => [le === '+Inf' ? Infinity : Number(le), count] as const).toSorted(([a], [b]) => a - b); // prettier-ignore
  const rank = q * bounds.at(-1)![1];
  const index = bounds.findIndex(([, count]) => count >= rank);
  const [bound, count] = bounds[index]!;
  const [lower, before] = bounds[index - 1] ?? [0, 0];
  return bound === Infinity ? lower : lower + ((bound - lower) * (rank - before)) / (count - before);
};

export const quantile =
  (q: number): Answer =>
  async ({ grown }) => ({
    by: [],
    values: new Map([['', quantileOf(q, await grown(kernel.sessionDurations, all, ['le']))]]),
    tolerance: 2 * EXTRAPOLATION,
    isAround: true,
  });
