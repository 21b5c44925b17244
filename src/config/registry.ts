import type {
  ComponentFactory,
  ComponentKind,
  ExporterFactory,
  ExtensionFactory,
  ProcessorFactory,
  ReceiverFactory,
} from '../core/component.ts';

export type FactoryByKind = {
  readonly receiver: ReceiverFactory;
  readonly processor: ProcessorFactory;
  readonly exporter: ExporterFactory;
  readonly extension: ExtensionFactory;
};

/** Which components exist. */
export type Registry = {
  readonly factories: readonly ComponentFactory[];
  /** By the name or an alias that YAML uses. */
  find<K extends ComponentKind>(kind: K, type: string): FactoryByKind[K] | undefined;
  /** Every name and alias of a kind, sorted. */
  names(kind: ComponentKind): readonly string[];
  /** The names that one should write, sorted. */
  types(kind: ComponentKind): readonly string[];
};

/** Throws when two components of one kind share a name or an alias, or an implicit one needs options: mistakes of the build, not of a user. */
export const createRegistry = (factories: readonly ComponentFactory[]): Registry => {
  const byName = new Map<string, ComponentFactory>();
  for (const factory of factories) {
    if (factory.implicit === true && !factory.config.safeParse({}).success)
      throw new Error(`${factory.type} is implicit and needs options`);
    for (const name of [factory.type, ...(factory.aliases ?? [])]) {
      if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error(`the name "${name}" of a ${factory.kind} is not snake_case`);
      const key = `${factory.kind} ${name}`;
      if (byName.has(key)) throw new Error(`two components are called ${key}`);
      byName.set(key, factory);
    }
  }
  return {
    factories,
    find: <K extends ComponentKind>(kind: K, type: string) => byName.get(`${kind} ${type}`) as FactoryByKind[K] | undefined,
    names: (kind) =>
      Array.from(byName.keys())
        .filter((key) => key.startsWith(`${kind} `))
        .map((key) => key.slice(kind.length + 1))
        .toSorted(),
    types: (kind) =>
      factories
        .filter((factory) => factory.kind === kind)
        .map(({ type }) => type)
        .toSorted(),
  };
};
