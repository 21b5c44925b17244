/** Points of metrics that conditions drop. */
import type { Attribute } from '../../core/batch.ts';
import type { Metric, MetricBatch } from '../../core/metric-batch.ts';
import type { PathField } from './conditions/attributes.ts';
import { compileTruth, truth, type Subject } from './conditions/evaluate.ts';
import { parseCondition } from './conditions/parse.ts';
import { attributeIn, type OnDrop, type OnFailure } from './record-conditions.ts';

/** A function from a batch to what is left of it: without metrics that have no point left; undefined for none. */
export const createMetricConditions = (
  conditions: readonly string[],
  resource: readonly Attribute[],
  onDrop: OnDrop,
  onFailure: OnFailure,
): ((batch: MetricBatch) => MetricBatch | undefined) => {
  const tests = conditions.map((text) => compileTruth(parseCondition('metrics', text).truth));
  let metric!: Metric;
  let attributes: readonly Attribute[] = [];
  let ofBatch: readonly Attribute[] = resource;
  let ofResource: readonly Attribute[] = resource;

  const subject: Subject = {
    value(field: PathField, key: string | undefined) {
      if (field === 'attributes') return attributeIn(attributes, key!);
      if (field === 'resource') return attributeIn(ofResource, key!);
      return field === 'name' || field === 'unit' || field === 'description' ? metric[field] : undefined;
    },
  };
  const stays = (point: Metric['points'][number]): boolean => {
    ({ attributes } = point);
    ofResource = point.resource?.attributes ?? ofBatch;
    for (const [index, test] of tests.entries()) {
      const result = test(subject);
      if (result === truth.failed) onFailure(index);
      else if (result === truth.yes) {
        onDrop(index);
        return false;
      }
    }
    return true;
  };

  return (batch) => {
    ofBatch = batch.resource?.attributes ?? resource;
    let changed = false;
    const metrics = batch.metrics.flatMap((one): Metric[] => {
      metric = one;
      const left: Metric =
        one.type === 'histogram' ? { ...one, points: one.points.filter(stays) } : { ...one, points: one.points.filter(stays) };
      if (left.points.length === one.points.length) return [one];
      changed = true;
      return left.points.length === 0 ? [] : [left];
    });
    if (!changed) return batch;
    return metrics.length === 0 ? undefined : { ...batch, metrics };
  };
};
