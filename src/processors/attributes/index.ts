import { map } from 'rxjs';
import type { Processor, ProcessorFactory } from '../../core/component.ts';
import { actionOf } from '../shared/actions.ts';
import { createChange } from './change.ts';
import { attributesConfig, type AttributesConfig } from './config.ts';
import { matcherOf } from './match.ts';

/** Changes the attributes of records by the Collector's actions. */
export const attributesProcessor: ProcessorFactory = {
  kind: 'processor',
  type: 'attributes',
  summary: 'Sets, copies, converts, hashes and deletes attributes of records',
  signals: ['logs', 'traces'],
  config: attributesConfig,
  create(_settings, { actions, include, exclude }: AttributesConfig): Processor {
    const change = createChange({
      actions: actions.map(actionOf),
      include: include && matcherOf(include),
      exclude: exclude && matcherOf(exclude),
    });
    return { start: async () => {}, stop: async () => {}, logs: map(change), traces: map(change) };
  },
};
