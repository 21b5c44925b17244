import { map } from 'rxjs';
import type { Batch } from '../../core/batch.ts';
import type { Processor, ProcessorFactory, Settings } from '../../core/component.ts';
import { lookupsOf, type KernelLookups } from '../../kernel/service-types.ts';
import { resolveProcessConfig, type ResolveProcessConfig } from './config.ts';
import { createProcessColumns } from './columns.ts';
import { withOwners } from './owners.ts';

/** Says of every acting process what it runs, since when, in which cgroup and under whom. */
export const resolveProcessProcessor: ProcessorFactory = {
  kind: 'processor',
  type: 'resolve_process',
  resolves: true,
  summary: 'Adds executable, creation time, cgroup and ancestors of the acting process',
  signals: ['logs', 'traces'],
  config: resolveProcessConfig,
  create({ kernel }: Settings<KernelLookups>, { ancestors }: ResolveProcessConfig): Processor {
    let endings: readonly (() => void)[] = [];
    const addColumns = createProcessColumns(kernel, ancestors);
    const resolve = (batch: Batch): Batch => withOwners(addColumns(batch), lookupsOf(batch.frame, kernel).socketLookup);
    return {
      async start() {
        endings = [kernel.gate.require('process'), kernel.gate.require('cgroup')];
      },
      async stop() {
        for (const end of endings) end();
      },
      logs: map(resolve),
      traces: map(resolve),
    };
  },
};
