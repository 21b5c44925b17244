/** What extensions see of the service: always the graph that runs at the moment of asking. */
import type { ReloadOutcome, ServiceView } from '../core/component.ts';
import type { Counters } from '../core/counters.ts';
import type { Connector } from './connector.ts';
import { type Graph, instancesOf } from './graph.ts';
import type { Instance } from './instance.ts';
import { computeLedger } from './ledger.ts';

export type ViewOptions = {
  readonly counters: Counters;
  readonly startedAt: Date;
  readonly state: () => ReturnType<ServiceView['state']>;
  /** Undefined while it is being built for the first time. */
  readonly graph: () => Graph | undefined;
  readonly kernel: Instance;
  readonly connector: Connector;
  readonly lastReload: () => ReloadOutcome | undefined;
  /** The configuration for people, without secrets. */
  readonly describe: (config: Graph['config']) => string;
};

const idsOf = (instances: readonly { readonly id: string }[]): readonly string[] => instances.map(({ id }) => id);

export const createView = (options: ViewOptions): ServiceView => {
  const { counters, startedAt, state, graph, kernel, connector, lastReload, describe } = options;
  const componentOf = (instance: Instance) => {
    const failure = connector.failureOf(instance);
    const health = failure === undefined ? instance.health() : { status: 'failed' as const, message: `it sends nothing more: ${failure}` };
    return { kind: instance.kind, id: instance.id, health };
  };
  return {
    startedAt,
    state,
    pipelines: () =>
      (graph()?.pipelines ?? []).map(({ id, receivers, processors, exporters }) => ({
        id,
        receivers: idsOf(receivers),
        processors: idsOf(processors),
        exporters: idsOf(exporters),
      })),
    components() {
      const now = graph();
      return [kernel, ...(now === undefined ? [] : instancesOf(now))].map(componentOf);
    },
    ledger: () => computeLedger(counters.samples()),
    samples: counters.samples,
    config() {
      const now = graph();
      return now === undefined ? '' : describe(now.config);
    },
    lastReload,
    tap: connector.tap,
  };
};
