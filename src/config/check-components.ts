import type { ComponentId, ComponentKind } from '../core/component.ts';
import { parseId } from './ids.ts';
import { didYouMean, nearest, oneOf } from './nearest.ts';
import type { Problem } from './problems.ts';
import type { FactoryByKind, Registry } from './registry.ts';
import { show } from './issue-words.ts';
import { validateValue } from './validate-value.ts';
import type { YamlTree } from './yaml-tree.ts';

/** The sections whose components pipelines name. */
export type Section = 'receivers' | 'processors' | 'exporters';
export type ComponentSection = Section | 'extensions';

export const kindOf = {
  receivers: 'receiver',
  processors: 'processor',
  exporters: 'exporter',
  extensions: 'extension',
} as const satisfies Record<ComponentSection, ComponentKind>;

/** A component as the file defines it. */
export type ComponentConfig<K extends ComponentKind> = {
  readonly id: ComponentId;
  readonly factory: FactoryByKind[K];
  /** What the schema of the factory made of it. */
  readonly config: unknown;
  /** What stood in the file, references expanded: two components with equal inputs and factories are the same. Holds secrets. */
  readonly input: unknown;
};

/** By id; undefined stands for a component whose definition is wrong, which is reported already. */
export type Defined<K extends ComponentKind> = ReadonlyMap<ComponentId, ComponentConfig<K> | undefined>;

export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Checks the components of one section, which stands under `key`. */
export const checkComponents = <S extends ComponentSection>(
  tree: YamlTree,
  registry: Registry,
  section: S,
  key: string,
  value: unknown,
  problems: Problem[],
): Defined<(typeof kindOf)[S]> => {
  type Kind = (typeof kindOf)[S];
  const kind: Kind = kindOf[section];
  const defined = new Map<ComponentId, ComponentConfig<Kind> | undefined>();
  if (value === null || value === undefined) return defined;
  if (!isMap(value)) {
    problems.push(tree.problemAtValue([key], `expected a map of ${section}, found ${show(value)}`));
    return defined;
  }
  for (const [id, body] of Object.entries(value)) {
    defined.set(id, undefined);
    const parsed = parseId(id);
    if ('message' in parsed) {
      problems.push(tree.problemAtKey([key, id], parsed.message));
      if (id.endsWith('/')) defined.set(id.slice(0, -1), undefined);
      continue;
    }
    const factory = registry.find(kind, parsed.type);
    if (factory === undefined) {
      const names = registry.names(kind);
      problems.push(
        tree.problemAtKey([key, id], `unknown ${kind} "${parsed.type}"; allowed is ${oneOf(names)}${didYouMean(parsed.type, names)}`),
      );
      // The pipelines may well spell it right.
      const meant = nearest(parsed.type, names);
      if (meant !== undefined) defined.set(id.replace(parsed.type, meant), defined.get(id.replace(parsed.type, meant)));
      continue;
    }
    const checked = validateValue(tree, [key, id], factory.config, body ?? {});
    problems.push(...checked.problems);
    if (checked.value !== undefined) defined.set(id, { id, factory, config: checked.value, input: body ?? {} });
  }
  return defined;
};
