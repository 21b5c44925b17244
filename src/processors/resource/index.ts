import { map } from 'rxjs';
import type { BatchResource } from '../../core/batch.ts';
import type { Processor, ProcessorFactory } from '../../core/component.ts';
import { actionOf, applyActions } from '../shared/actions.ts';
import { changingResources } from '../shared/resources.ts';
import { resourceConfig, type ResourceConfig } from './config.ts';

/** Changes the resource of records and metrics by the Collector's actions. */
export const resourceProcessor: ProcessorFactory = {
  kind: 'processor',
  type: 'resource',
  summary: 'Sets, copies, converts, hashes and deletes attributes of the resource',
  signals: ['logs', 'metrics', 'traces'],
  config: resourceConfig,
  create({ resource }, { attributes }: ResourceConfig): Processor {
    const actions = attributes.map(actionOf);
    const change = ({ attributes: before }: BatchResource): BatchResource => {
      const after = new Map(before);
      applyActions(actions, after);
      return { attributes: [...after] };
    };
    const ofHost = change({ attributes: resource });
    /** Kept for as long as the resource that it was made of. */
    const changed = new WeakMap<BatchResource, BatchResource>();
    const changing = changingResources((before) => {
      if (before === undefined) return ofHost;
      let after = changed.get(before);
      if (after === undefined) changed.set(before, (after = change(before)));
      return after;
    });
    return {
      start: async () => {},
      stop: async () => {},
      logs: map(changing.logs),
      metrics: map(changing.metrics),
      traces: map(changing.logs),
    };
  },
};
