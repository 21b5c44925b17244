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

/** One page of a Collector has several hosts; Ringtail's own metrics name none. */
const hosts = 'host_name=~"$host"';

const conditions = (of: readonly string[], where: object = {}): string =>
  [...of, ...Object.entries(where).map(([label, condition]) => `${label}${String(condition)}`)].join(', ');

/** A vector selector. */
export const select = <Label extends string>({ name, identity }: Metric<Label>, where?: Conditions<NoInfer<Label>>): string =>
  `${name}{${conditions(identity === undefined ? [targets] : [targets, hosts], where)}}`;

/** The same of all metrics of the kernel whose names match an expression, whole. */
export const selectAny = <Label extends string = never>(names: string, where?: Conditions<Label>): string =>
  `{__name__=~"${names}", ${conditions([targets, hosts], where)}}`;

/** The same of Ringtail's own. */
export const selectAnyOwn = <Label extends string = never>(names: string, where?: Conditions<Label>): string =>
  `{__name__=~"${names}", ${conditions([targets], where)}}`;

/** How long before a range is looked for a series: some scrapes may have failed. */
const BEFORE = '5m';

export type Selection<Label extends string> = {
  readonly where?: Conditions<Label> | undefined;
  /** What to sum by; without labels all is one. */
  readonly by?: readonly (Label | CommonLabel)[];
};

/**
 * How much a counter grew within a range. `increase()` does not see the first value of a series: what a container did before it was scraped for the
 * first time, which is all that a short one ever did. So a series that was not there before the range, although its target was scraped then, has
 * grown by all that it has. What gets other labels meanwhile, because more is known of its container by then, is no new one, and counts once.
 */
export const growth = <Label extends string>(
  metric: Metric<Label>,
  range: Range,
  { where, by = [] }: Selection<NoInfer<Label>> = {},
): string => {
  const { identity, labels } = metric;
  const series = select(metric, where);
  const wasScraped = `max_over_time(up{${targets}}[${BEFORE}] offset ${range}) == 1`;
  const most = `max_over_time(${series}[${range}])`;
  if (identity === undefined) {
    const isNew = `${most} unless last_over_time(${series}[${BEFORE}] offset ${range})`;
    return `((${isNew}) and on (job, instance) (${wasScraped})) or increase(${series}[${range}])`;
  }
  const on = `on (${identity.join(', ')})`;
  const kept = [...new Set([...identity, ...by])].join(', ');
  const own = Object.entries(where ?? {}).filter(([label]) => (labels as readonly string[]).includes(label));
  const before = `last_over_time(${select(metric, Object.fromEntries(own) as Conditions<Label>)}[${BEFORE}] offset ${range})`;
  // compared as they are first, which is fast and leaves few
  const apart = `${most} unless last_over_time(${series}[${BEFORE}] offset ${range})`;
  const isNew = `max by (${kept}) (${apart}) unless ${on} ${before}`;
  return `((${isNew}) and on (job, instance) (${wasScraped})) or ${on} increase(${series}[${range}])`;
};

/** Labels to sum by; what is none of the metric's is a mistake that the compiler finds. */
export const sum = <Label extends string>(expression: string, ...by: readonly Label[]): string =>
  by.length === 0 ? `sum(${expression})` : `sum by (${by.join(', ')}) (${expression})`;

/** What a counter grew by within a range, summed. */
export const grown = <Label extends string>(
  metric: Metric<Label>,
  { where, by = [], range = '$__range' }: Selection<NoInfer<Label>> & { readonly range?: Range } = {},
): string => sum(growth(metric, range, { where, by }), ...by);

/** The same a second, as lines show it. */
export const perSecond = <Label extends string>(metric: Metric<Label>, { where, by = [] }: Selection<NoInfer<Label>> = {}): string =>
  `${sum(growth(metric, '$__rate_interval', { where, by }), ...by)} / ${seconds.$__rate_interval}`;

/** The levels of now, summed; what is told under two names for a while counts once. */
export const now = <Label extends string>(metric: Metric<Label>, { where, by = [] }: Selection<NoInfer<Label>> = {}): string => {
  const series = select(metric, where);
  const { identity } = metric;
  return sum(identity === undefined ? series : `max by (${[...new Set([...identity, ...by])].join(', ')}) (${series})`, ...by);
};

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

/** What there is now, and for each value of a label that has nothing now what there was within a range. */
export const latest = (labels: readonly string[], series: string, by: string): string => {
  const group = `group by (${labels.join(', ')})`;
  return `${group} (${series}) or on (${by}) ${group} (last_over_time(${series}[$__range]))`;
};

/**
 * Adds the label `container` to sums by `container_id`: the name, and of a container without one the first digits of its id. Names are those of `series`.
 */
export const withContainer = (expression: string, series: { readonly all: string; readonly named: string }): string => {
  const names = `topk by (container_id) (1, group by (container_id, container_name) (last_over_time(${series.named}[$__rate_interval])) or on (container_id) group by (container_id) (last_over_time(${series.all}[$__rate_interval])))`;
  const joined = `${expression} * on (container_id) group_left (container_name) ${names}`;
  return `label_replace(label_replace(${joined}, "container", "$1", "container_id", "(.{12}).*"), "container", "$1", "container_name", "(.+)")`;
};
