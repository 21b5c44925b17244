/** Processors that stand in pipelines which do not name them. */
import type { ProcessorFactory } from '../core/component.ts';
import type { ComponentConfig, Defined } from './check-components.ts';
import type { Registry } from './registry.ts';

/** The processors of a configuration and, with all defaults, the implicit ones that it does not define. */
export const withImplicit = (
  registry: Registry,
  processors: Defined<'processor'>,
): { readonly implicit: readonly ProcessorFactory[]; readonly processors: Defined<'processor'> } => {
  const implicit = registry.factories.filter(
    (factory): factory is ProcessorFactory => factory.kind === 'processor' && factory.implicit === true,
  );
  const components = new Map(processors.components);
  for (const factory of implicit) {
    if (components.has(factory.type)) continue;
    const input = {};
    const added: ComponentConfig<'processor'> = { id: factory.type, factory, config: factory.config.parse(input), input };
    components.set(factory.type, added);
  }
  return { implicit, processors: { ...processors, components } };
};
