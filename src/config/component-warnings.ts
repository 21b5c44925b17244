import type { ConfigUse, ConfigWarning } from '../core/component.ts';
import type { Defined, kindOf, Section } from './check-components.ts';
import type { PipelineConfig } from './check-pipelines.ts';
import type { Problem } from './problems.ts';
import type { YamlTree } from './located.ts';

/** What the components of a section, which stands under `key`, have to say of a configuration that is right; only those that a pipeline names. */
export const componentWarnings = <S extends Section>(
  tree: YamlTree,
  section: S,
  key: string,
  { components, keys }: Defined<(typeof kindOf)[S]>,
  pipelines: readonly PipelineConfig[],
): readonly Problem[] =>
  Array.from(components).flatMap(([id, component]) => {
    const use: ConfigUse = {
      pipelines: pipelines.filter((pipeline) => pipeline[section].includes(id)).map((pipeline) => pipeline.id),
      all: pipelines.map((pipeline) => pipeline.id),
      graph: pipelines,
    };
    if (component === undefined || use.pipelines.length === 0) return [];
    const { factory, config } = component;
    const warnings: readonly ConfigWarning[] = factory.warnings?.(config as never, use) ?? [];
    return warnings.map(({ option, message }) => tree.problemAtValue([key, keys.get(id) ?? id, ...option], message, 'warning'));
  });
