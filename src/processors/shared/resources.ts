/** Resources wherever they stand: of a batch, of single rows, of single points. */
import type { Batch, BatchResource, RowResources } from '../../core/batch.ts';
import type { Metric, MetricBatch } from '../../core/metric-batch.ts';

/** Undefined: the resource of the host. Gives one object for one resource. */
export type ResourceChange = (resource: BatchResource | undefined) => BatchResource | undefined;

export type ResourceChanges = {
  /** The batch itself when nothing in it changes. */
  logs(batch: Batch): Batch;
  metrics(batch: MetricBatch): MetricBatch;
};

/** `change` is called as often as a resource is met, so it has to remember. What rows or points leave to their batch stays left to it. */
export const changingResources = (change: ResourceChange): ResourceChanges => {
  const lists = new WeakMap<RowResources['list'], { readonly length: number; readonly list: RowResources['list'] }>();

  /** A list may have become longer, but what stood in it has not changed. */
  const listOf = (list: RowResources['list']): RowResources['list'] => {
    const known = lists.get(list);
    if (known?.length === list.length) return known.list;
    const changed = list.map((resource) => resource && change(resource));
    const result = changed.every((resource, index) => resource === list[index]) ? list : changed;
    lists.set(list, { length: list.length, list: result });
    return result;
  };

  const pointsOf = <T extends Metric['points'][number]>(points: readonly T[]): readonly T[] => {
    let changed: T[] | undefined;
    for (const [index, point] of points.entries()) {
      const resource = point.resource && change(point.resource);
      if (resource === point.resource) continue;
      changed ??= [...points];
      changed[index] = { ...point, resource };
    }
    return changed ?? points;
  };

  const metricOf = (metric: Metric): Metric => {
    if (metric.type === 'histogram') {
      const points = pointsOf(metric.points);
      return points === metric.points ? metric : { ...metric, points };
    }
    const points = pointsOf(metric.points);
    return points === metric.points ? metric : { ...metric, points };
  };

  return {
    logs(batch) {
      const resource = change(batch.resource);
      const list = batch.rowResources && listOf(batch.rowResources.list);
      if (resource === batch.resource && list === batch.rowResources?.list) return batch;
      return { ...batch, resource, rowResources: list && { ids: batch.rowResources!.ids, list } };
    },
    metrics(batch) {
      const resource = change(batch.resource);
      const metrics = batch.metrics.map(metricOf);
      if (resource === batch.resource && metrics.every((metric, index) => metric === batch.metrics[index])) return batch;
      return { ...batch, resource, metrics };
    },
  };
};
