/** A point of a metric as one readable line, or as one object for tools. */
import type { Attribute } from '../core/batch.ts';
import type { Metric, MetricHistogramPoint, MetricPoint } from '../core/metric-batch.ts';
import { containerParts } from './container.ts';
import { escapeText } from './escape.ts';
import { objectLine, timeText } from './json.ts';
import { attributeLines, clockText, renderLine, type LineOptions } from './line.ts';
import { valueText } from './parts.ts';

type Point = MetricPoint | MetricHistogramPoint;

const amountOf = (point: Point): string => ('value' in point ? String(point.value) : `${point.count} of ${point.sum}`);

/** What it is, when, how much, of whom. */
export const pointLine = (metric: Metric, point: Point, resource: readonly Attribute[] | undefined, options: LineOptions): string =>
  renderLine(
    [
      { text: clockText(point.timeUnixNs), style: 'dim' },
      { text: `  ${escapeText(metric.name.replace(/^ringtail\./, ''))}`, style: 'cyan' },
      { text: ` ${amountOf(point)} ${escapeText(metric.unit)}`, style: 'bold' },
      ...containerParts(resource, undefined),
      { text: point.attributes.map(([name, value]) => ` ${escapeText(name)}=${valueText(value)}`).join('') },
    ],
    options,
  ).trimEnd();

/** What is known of a point beyond its line, below it. */
export const pointDetails = (metric: Metric, point: Point, resource: readonly Attribute[] | undefined, options: LineOptions): readonly string[] => {
  const facts: Attribute[] = [['type', metric.type]];
  if (metric.type !== 'gauge') facts.push(['temporality', metric.temporality]);
  if (point.startUnixNs !== 0n) facts.push(['since', timeText(point.startUnixNs)]);
  if ('buckets' in point) facts.push(['bounds', point.bounds.map(String)], ['buckets', point.buckets.map(String)]);
  return attributeLines({ name: metric.name, unixNs: point.timeUnixNs, attributes: [...facts, ...point.attributes], resource }, options);
}; // prettier-ignore

/** Members: `time`, `metric`, `type`, `unit`, `receiver`, `temporality` and `start` where there are, what it is worth, `attributes`, `resource`. */
export const pointJson = (metric: Metric, point: Point, receiver: string, resource: readonly Attribute[] | undefined): string =>
  objectLine({
    time: timeText(point.timeUnixNs),
    metric: metric.name,
    type: metric.type,
    unit: metric.unit,
    receiver,
    ...(metric.type !== 'gauge' && { temporality: metric.temporality }),
    ...(point.startUnixNs !== 0n && { start: timeText(point.startUnixNs) }),
    ...('value' in point ? { value: point.value } : { count: point.count, sum: point.sum, bounds: point.bounds, buckets: point.buckets }),
    attributes: Object.fromEntries(point.attributes),
    ...(resource && { resource: Object.fromEntries(resource) }),
  });
