/** Gives points with `ringtail.cgroup.id` the resource of their container. */
import type { Attribute, BatchResource } from '../../core/batch.ts';
import type { Metric, MetricBatch } from '../../core/metric-batch.ts';
import type { Containers } from '../../kernel/containers/types.ts';
import { attributeName } from '../../otlp/names.ts';
import type { Tell } from './tell.ts';

/** 0: it has none. */
const cgroupOf = (attributes: readonly Attribute[]): number => {
  const value = attributes.find(([name]) => name === attributeName.cgroupId)?.[1];
  return typeof value === 'bigint' || typeof value === 'number' ? Number(value) : 0;
};

export const createMetrics = (containers: Containers, host: BatchResource, tell: Tell): ((batch: MetricBatch) => MetricBatch) => {
  /** By list of attributes, which a series keeps. */
  const cgroups = new WeakMap<readonly Attribute[], number>();
  const known = (attributes: readonly Attribute[]): number => {
    let cgroup = cgroups.get(attributes);
    if (cgroup === undefined) cgroups.set(attributes, (cgroup = cgroupOf(attributes)));
    return cgroup;
  };

  const pointsOf = <T extends Metric['points'][number]>(points: readonly T[], base: BatchResource): readonly T[] => {
    let changed: T[] | undefined;
    for (const [index, point] of points.entries()) {
      const cgroup = known(point.attributes);
      const container = cgroup === 0 ? undefined : containers.ofCgroup(cgroup);
      if (container === undefined) continue;
      const before = point.resource ?? base;
      const resource = containers.resourceOf(tell(container), before);
      if (resource === before) continue;
      changed ??= [...points];
      changed[index] = { ...point, resource };
    }
    return changed ?? points;
  };

  const metricOf = (metric: Metric, base: BatchResource): Metric => {
    if (metric.type === 'histogram') {
      const points = pointsOf(metric.points, base);
      return points === metric.points ? metric : { ...metric, points };
    }
    const points = pointsOf(metric.points, base);
    return points === metric.points ? metric : { ...metric, points };
  };

  return (batch) => {
    const metrics = batch.metrics.map((metric) => metricOf(metric, batch.resource ?? host));
    return metrics.every((metric, index) => metric === batch.metrics[index]) ? batch : { ...batch, metrics };
  };
};
