import type { ZodType } from 'zod';
import type { ComponentId, ComponentKind } from '../core/component.ts';
import { REDACTED } from '../core/config-types.ts';
import { idOf, parseId } from './ids.ts';
import { didYouMean, nearest, oneOf } from '../core/nearest.ts';
import type { Path, Problem } from './problems.ts';
import type { FactoryByKind, Registry } from './registry.ts';
import { kindOfValue } from './issue-words.ts';
import { secretPaths } from './schema-walk.ts';
import { validateValue } from './validate-value.ts';
import type { YamlTree } from './located.ts';

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

/** The components of one section. */
export type Defined<K extends ComponentKind> = {
  /** By id, aliases resolved; undefined stands for a component whose definition is wrong, which is reported already. */
  readonly components: ReadonlyMap<ComponentId, ComponentConfig<K> | undefined>;
  /** The id as the file has it, by the one above. */
  readonly keys: ReadonlyMap<ComponentId, string>;
  /** Those of ids without form and of unknown types: nobody is told to name them. */
  readonly unusable: ReadonlySet<ComponentId>;
  /** The id that a reference means. */
  resolve(id: string): ComponentId;
};

export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A printed configuration has placeholders where secrets were. */
const placeholders = (tree: YamlTree, at: Path, schema: ZodType, input: unknown): readonly Problem[] =>
  secretPaths(schema, input)
    .filter(({ text }) => text === REDACTED)
    .map(({ path }) =>
      tree.problemAtValue([...at, ...path], `a placeholder in place of a secret; write the secret, or a reference to it`, 'warning'),
    );

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
  const components = new Map<ComponentId, ComponentConfig<Kind> | undefined>();
  const keys = new Map<ComponentId, string>();
  const unusable = new Set<ComponentId>();
  const resolve = (id: string): ComponentId => {
    const parsed = parseId(id);
    const factory = 'type' in parsed ? registry.find(kind, parsed.type) : undefined;
    return 'type' in parsed && factory !== undefined ? idOf(factory.type, parsed.name) : id;
  };
  const defined: Defined<Kind> = { components, keys, unusable, resolve };
  if (value === null || value === undefined) return defined;
  if (!isMap(value)) {
    if (!tree.brokenAt([key])) problems.push(tree.problemAtValue([key], `expected a map of ${section}, found ${kindOfValue(value)}`));
    return defined;
  }
  for (const [written, body] of Object.entries(value)) {
    const id = resolve(written);
    const twin = keys.get(id);
    if (twin !== undefined) {
      const also = `${tree.whereIs([key, twin])} as "${twin}"`;
      problems.push(tree.problemAtKey([key, written], `the ${kind} ${id} is defined already in ${also}; keep one of them`));
      continue;
    }
    components.set(id, undefined);
    keys.set(id, written);
    const parsed = parseId(written);
    if ('message' in parsed) {
      unusable.add(id);
      problems.push(tree.problemAtKey([key, written], parsed.message));
      if (id.endsWith('/')) components.set(id.slice(0, -1), undefined);
      continue;
    }
    const factory = registry.find(kind, parsed.type);
    if (factory === undefined) {
      unusable.add(id);
      const names = registry.names(kind);
      const types = registry.types(kind);
      const allowed = types.length === 0 ? `there is no ${kind} yet` : `allowed is ${oneOf(types)}`;
      problems.push(tree.problemAtKey([key, written], `unknown ${kind} "${parsed.type}"; ${allowed}${didYouMean(parsed.type, names)}`));
      // The pipelines may well spell it right.
      const meant = nearest(parsed.type, names);
      const right = meant === undefined ? undefined : resolve(written.replace(parsed.type, meant));
      if (right !== undefined) components.set(right, components.get(right));
      continue;
    }
    if (parsed.type !== factory.type) {
      const message = `"${parsed.type}" is an older name of ${factory.type}; write ${factory.type}`;
      problems.push(tree.problemAtKey([key, written], message, 'warning'));
    }
    const checked = validateValue(tree, [key, written], factory.config, body ?? {});
    problems.push(...checked.problems, ...placeholders(tree, [key, written], factory.config, checked.input));
    if (checked.value !== undefined && !tree.brokenAt([key, written]))
      components.set(id, { id, factory, config: checked.value, input: checked.input });
  }
  return defined;
};
