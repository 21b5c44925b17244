/** Expressions of PromQL: text, made by functions that know which labels a metric has. */
import type { CommonLabel, Metric } from './metrics.ts';

/** What `$__rate_interval` is about as long as; `$__range` is what the dashboard shows. */
export type Range = '$__rate_interval' | '$__range';

const seconds: Readonly<Record<Range, string>> = { $__rate_interval: '($__rate_interval_ms / 1000)', $__range: '$__range_s' };

/** A condition on the value of a label, operator first. */
export type Condition = `${'=' | '!=' | '=~' | '!~'}"${string}"`;

export const is = (value: string): Condition => `="${value}"`;
export const isNot = (value: string): Condition => `!="${value}"`;
export const like = (...values: readonly string[]): Condition => `=~"${values.join('|')}"`;
export const unlike = (...values: readonly string[]): Condition => `!~"${values.join('|')}"`;

export type Conditions<Label extends string> = { readonly [Name in Label | CommonLabel]?: Condition };

/** The series of this dashboard's targets: `job` and `instance` are variables of each. */
const targets = 'job=~"$job", instance=~"$instance"';

const conditions = (where: object = {}): string =>
  [targets, ...Object.entries(where).map(([label, condition]) => `${label}${String(condition)}`)].join(', ');

/** A vector selector. */
export const select = <Label extends string>({ name }: Metric<Label>, where?: Conditions<NoInfer<Label>>): string =>
  `${name}{${conditions(where)}}`;

/** The same of all metrics whose names match an expression, whole. */
export const selectAny = <Label extends string = never>(names: string, where?: Conditions<Label>): string =>
  `{__name__=~"${names}", ${conditions(where)}}`;

/** How long before a range is looked for a series: some scrapes may have failed. */
const BEFORE = '5m';

/**
 * How much a counter grew within a range. `increase()` does not see the first value of a series: what a container did before it was scraped for the
 * first time, which is all that a short one ever did. So a series that was not there before the range, although its target was scraped then, has
 * grown by all that it has.
 */
export const growth = <Label extends string>(metric: Metric<Label>, range: Range, where?: Conditions<NoInfer<Label>>): string => {
  const series = select(metric, where);
  const isNew = `max_over_time(${series}[${range}]) unless last_over_time(${series}[${BEFORE}] offset ${range})`;
  const wasScraped = `max_over_time(up{${targets}}[${BEFORE}] offset ${range}) == 1`;
  return `((${isNew}) and on (job, instance) (${wasScraped})) or increase(${series}[${range}])`;
};

/** Labels to sum by; what is none of the metric's is a mistake that the compiler finds. */
export const sum = <Label extends string>(expression: string, ...by: readonly Label[]): string =>
  by.length === 0 ? `sum(${expression})` : `sum by (${by.join(', ')}) (${expression})`;

export type Selection<Label extends string> = {
  readonly where?: Conditions<Label> | undefined;
  /** What to sum by; without labels all is one. */
  readonly by?: readonly (Label | CommonLabel)[];
};

/** What a counter grew by within a range, summed. */
export const grown = <Label extends string>(
  metric: Metric<Label>,
  { where, by = [], range = '$__range' }: Selection<NoInfer<Label>> & { readonly range?: Range } = {},
): string => sum(growth(metric, range, where), ...by);

/** The same a second, as lines show it. */
export const perSecond = <Label extends string>(metric: Metric<Label>, { where, by = [] }: Selection<NoInfer<Label>> = {}): string =>
  `${sum(growth(metric, '$__rate_interval', where), ...by)} / ${seconds.$__rate_interval}`;

/** The levels of now, summed. */
export const now = <Label extends string>(metric: Metric<Label>, { where, by = [] }: Selection<NoInfer<Label>> = {}): string =>
  sum(select(metric, where), ...by);

export const top = (count: number | string, expression: string): string => `topk(${count}, ${expression})`;

/** `otherwise` where there is nothing; a vector without labels. */
export const orZero = (expression: string): string => `${expression} or vector(0)`;

/** The first of these expressions that has a value. */
export const firstOf = (...expressions: readonly string[]): string => expressions.join(' or ');

/** A quantile of a histogram's buckets. */
export const quantile = (q: number, buckets: string): string => `histogram_quantile(${q}, ${buckets})`;

/** Gives a series without this label a text to show: what was over the budget of series has no labels, for instance. */
export const filled = (expression: string, label: string, text: string): string =>
  `label_replace(${expression}, "${label}", "${text}", "${label}", "")`;

/** Adds the label `container`: the name, and of a container without one the first digits of its id. Both must still be labels. */
export const withContainer = (expression: string): string =>
  `label_replace(label_replace(${expression}, "container", "$1", "container_id", "(.{12}).*"), "container", "$1", "container_name", "(.+)")`;
