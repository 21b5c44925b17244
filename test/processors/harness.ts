import { Subject } from 'rxjs';
import type { Batch, Attribute, EventSchema } from '../../src/core/batch.ts';
import type { ComponentId, Processor, Settings } from '../../src/core/component.ts';
import { createCounters } from '../../src/core/counters.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createCgroups, type CgroupsOptions } from '../../src/kernel/cgroups/service.ts';
import type { KernelFrame } from '../../src/kernel/frames.ts';
import { createContainers } from '../../src/kernel/containers/containers.ts';
import { createGate } from '../../src/kernel/gate.ts';
import { createProcessTable } from '../../src/kernel/lifecycle/process-table.ts';
import type { KernelLookups } from '../../src/kernel/service-types.ts';
import { createUsers, type UsersOptions } from '../../src/kernel/users.ts';

/** The kernel services as the processors see them, without a kernel side: procfs knows nobody. */
export const createLookups = (options: { readonly users?: UsersOptions; readonly cgroups?: CgroupsOptions } = {}): KernelLookups => {
  const counters = createCounters();
  const processes = createProcessTable();
  const users = createUsers(options.users);
  const cgroups = createCgroups({ root: '/nonexistent', ...options.cgroups });
  const containers = createContainers({ root: options.cgroups?.root ?? '/nonexistent', cgroups, counters });
  const gate = createGate({
    processTable: processes,
    users,
    cgroups,
    containers,
    readProgram: async () => ({ ok: false, reason: 'gone' }),
    counters,
  });
  return { processes, users, cgroups, containers, gate };
};

export const settingsOf = (kernel: KernelLookups, id: ComponentId): Settings<KernelLookups> => ({
  id,
  logger: silentLogger,
  counters: createCounters(),
  version: '0',
  resource: [],
  kernel,
});

const schema: EventSchema = { eventName: 'test', fields: [] };

/** The batches of a frame as a receiver emits them. */
export const batchesOf = (frame: KernelFrame): readonly Batch[] =>
  frame.batches.map(({ rows, bootNsLo, bootNsHi, actor, columns }) => ({
    kind: schema,
    receiver: 'test',
    frame,
    rows,
    bootNsLo,
    bootNsHi,
    actor,
    columns,
    selection: undefined,
    actorAttributes: [],
    rowAttributes: [],
    resource: undefined,
    omitted: undefined,
  }));

/** What comes out of a processor within the same `next`. */
export const runThrough = (processor: Processor, batches: readonly Batch[]): readonly Batch[] => {
  const source$ = new Subject<Batch>();
  const out: Batch[] = [];
  const subscription = processor.logs!(source$).subscribe((batch) => out.push(batch));
  batches.forEach((batch, sent) => {
    source$.next(batch);
    if (out.length !== sent + 1) throw new Error('a processor emits within the next of its source');
  });
  subscription.unsubscribe();
  return out;
};

/** The attributes that processors added to an actor, and which head attributes they stand for. */
export const attributesOf = (batch: Batch, actor: number): readonly Attribute[] =>
  batch.actorAttributes.flatMap(({ source, ids }) => source.entries(ids[actor]!));
