/**
 * From a configuration to instances: a receiver, an exporter and an extension once for all who name it, a processor once a pipeline.
 * With a graph that runs, only what differs is made anew.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ComponentConfig } from '../config/check-components.ts';
import type { RingtailConfig } from '../config/load.ts';
import type { ComponentId, ComponentKind, Exporter, Extension, Lifecycle, Processor, Receiver, Settings } from '../core/component.ts';
import type { PipelineInstances } from './connector.ts';
import { createInstance, type Injected, type Instance } from './instance.ts';

export type GraphInput = { readonly config: RingtailConfig; readonly resource: Settings['resource'] };

export type Graph = GraphInput & {
  readonly receivers: ReadonlyMap<ComponentId, Instance<Receiver>>;
  readonly exporters: ReadonlyMap<ComponentId, Instance<Exporter>>;
  /** In the order of their start. */
  readonly extensions: ReadonlyMap<ComponentId, Instance<Extension>>;
  readonly pipelines: readonly PipelineInstances[];
};

export type Plan = {
  readonly graph: Graph;
  /** Not started yet, in the order in which they were made. */
  readonly created: readonly Instance[];
  /** Of the graph before, and not needed any more. */
  readonly retired: readonly Instance[];
};

export const processorsOf = ({ pipelines }: Pick<Graph, 'pipelines'>): readonly Instance<Processor>[] =>
  pipelines.flatMap(({ processors }) => processors);

export const instancesOf = (graph: Omit<Graph, keyof GraphInput>): readonly Instance[] => [
  ...graph.extensions.values(),
  ...graph.exporters.values(),
  ...processorsOf(graph),
  ...graph.receivers.values(),
];

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);

const samePipeline = (a: PipelineInstances, b: PipelineInstances): boolean =>
  a.id === b.id && sameItems(a.receivers, b.receivers) && sameItems(a.processors, b.processors) && sameItems(a.exporters, b.exporters);

/** Creates what the graph before does not have; starts nothing. When a component cannot be created, that error is thrown and nothing is left. */
export const planGraph = (input: GraphInput, injected: Omit<Injected, 'resource'>, previous?: Graph): Plan => {
  const { config, resource } = input;
  const created: Instance[] = [];
  // who was given another resource is another
  const reusable = previous !== undefined && isDeepStrictEqual(previous.resource, resource) ? previous : undefined;

  const instanceOf = <T extends Lifecycle>(
    kind: ComponentKind,
    own: ComponentConfig<ComponentKind>,
    before: Instance<T> | undefined,
    pipeline?: string,
  ): Instance<T> => {
    if (before?.isOf(own) === true) return before;
    const instance = createInstance<T>(kind, own, { ...injected, resource }, pipeline);
    created.push(instance);
    return instance;
  };
  const section = <T extends Lifecycle>(
    kind: ComponentKind,
    wanted: ReadonlyMap<ComponentId, ComponentConfig<ComponentKind>>,
    before: ReadonlyMap<ComponentId, Instance<T>> | undefined,
  ) => new Map(Array.from(wanted, ([id, own]) => [id, instanceOf(kind, own, before?.get(id))] as const));

  try {
    const extensions = section<Extension>('extension', config.extensions, reusable?.extensions);
    const exporters = section<Exporter>('exporter', config.exporters, reusable?.exporters);
    const receivers = section<Receiver>('receiver', config.receivers, reusable?.receivers);
    const pipelines = config.pipelines.map((wanted): PipelineInstances => {
      const before = reusable?.pipelines.find(({ id }) => id === wanted.id);
      const pipeline: PipelineInstances = {
        id: wanted.id,
        signal: wanted.signal,
        receivers: wanted.receivers.map((id) => receivers.get(id)!),
        processors: wanted.processors.map((id) =>
          instanceOf(
            'processor',
            config.processors.get(id)!,
            before?.processors.find((stage) => stage.id === id),
            wanted.id,
          ),
        ),
        exporters: wanted.exporters.map((id) => exporters.get(id)!),
      };
      return before !== undefined && samePipeline(before, pipeline) ? before : pipeline;
    });
    const graph: Graph = { config, resource, receivers, exporters, extensions, pipelines };
    const wanted = new Set(instancesOf(graph));
    return { graph, created, retired: previous === undefined ? [] : instancesOf(previous).filter((instance) => !wanted.has(instance)) };
  } catch (error) {
    for (const instance of created) instance.release();
    throw error;
  }
};
