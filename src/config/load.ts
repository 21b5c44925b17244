/**
 * From the texts of files to a validated configuration, in the grammar of the OpenTelemetry Collector. All problems are told at
 * once, each with its place.
 */
import type { ZodType } from 'zod';
import type { ComponentId, ComponentKind } from '../core/component.ts';
import { ConfigError } from '../core/errors.ts';
import { checkComponents, type ComponentConfig, type Defined, isMap, type Section } from './check-components.ts';
import { componentWarnings } from './component-warnings.ts';
import { checkExtensions } from './check-extensions.ts';
import { checkPipelines, type PipelineConfig } from './check-pipelines.ts';
import { withImplicit } from './implicit.ts';
import type { Environment } from './expand.ts';
import { nearest } from '../core/nearest.ts';
import { firstProblems, formatProblem, type Path, type Problem, sortProblems } from './problems.ts';
import type { Registry } from './registry.ts';
import { type ExcludeConfig, excludeSchema, type KernelConfig, kernelSchema, type TelemetryConfig, telemetrySchema } from './schema.ts';
import { kindOfValue } from './issue-words.ts';
import { type ConfigSource, readSources } from './sources.ts';
import { unknownKey, validateValue } from './validate-value.ts';

export type { ConfigSource } from './sources.ts';

export type RingtailConfig = {
  /** The components that pipelines name, by id. */
  readonly receivers: ReadonlyMap<ComponentId, ComponentConfig<'receiver'>>;
  readonly processors: ReadonlyMap<ComponentId, ComponentConfig<'processor'>>;
  readonly exporters: ReadonlyMap<ComponentId, ComponentConfig<'exporter'>>;
  /** Those that `service.extensions` names, in its order. */
  readonly extensions: ReadonlyMap<ComponentId, ComponentConfig<'extension'>>;
  readonly pipelines: readonly PipelineConfig[];
  readonly telemetry: TelemetryConfig;
  readonly kernel: KernelConfig;
  /** Whose doings are left out. */
  readonly exclude: ExcludeConfig;
  /** What stood in the sources for the parts that belong to no component; see `effectiveConfig`. */
  readonly inputs: { readonly kernel: unknown; readonly telemetry: unknown; readonly exclude: unknown };
};

export type LoadedConfig = {
  /** Undefined when there is an error among the problems. */
  readonly config: RingtailConfig | undefined;
  readonly problems: readonly Problem[];
  /** The files that it was read from, and those that it refers to, each once. */
  readonly files: readonly string[];
  /** For checks that come later: a problem with the place of the value at this path or, where nothing stands, of the nearest key above. */
  problemAt(path: Path, message: string, severity?: Problem['severity']): Problem;
};

const topKeys = ['receivers', 'processors', 'exporters', 'extensions', 'service', 'kernel'] as const;
const neededKeys: ReadonlySet<string> = new Set(['receivers', 'exporters', 'service']);
const serviceKeys = ['pipelines', 'extensions', 'telemetry', 'exclude'] as const;

/**
 * Takes the sections out of a map: unknown keys are reported, and one that is plainly meant for a section that is missing is read as
 * that section, so that its content is checked too. Gives the key under which each section stands.
 */
const sectionsOf = <K extends string>(
  value: Readonly<Record<string, unknown>>,
  known: readonly K[],
  needed: ReadonlySet<string>,
  at: { readonly unknown: (key: string, message: string) => void; readonly missing: (key: string, message: string) => void },
): ReadonlyMap<K, string> => {
  const found = new Map<K, string>();
  for (const name of known) if (name in value) found.set(name, name);
  for (const key of Object.keys(value)) {
    if ((known as readonly string[]).includes(key)) continue;
    at.unknown(key, unknownKey(key, known));
    const meant = nearest(key, known) as K | undefined;
    if (meant !== undefined && !found.has(meant)) found.set(meant, key);
  }
  for (const name of needed) if (!found.has(name as K)) at.missing(name, `missing; a section "${name}" is needed`);
  return found;
};

const named = <K extends ComponentKind>(
  { components }: Defined<K>,
  ids: readonly ComponentId[],
): ReadonlyMap<ComponentId, ComponentConfig<K>> =>
  new Map(
    ids.flatMap((id) => {
      const component = components.get(id);
      return component === undefined ? [] : [[id, component] as const];
    }),
  );

/** Reads, merges and checks sources, later ones over earlier ones; never throws. */
export const loadConfig = (sources: readonly ConfigSource[], registry: Registry, environment: Environment): LoadedConfig => {
  const files = new Set(sources.flatMap(({ path }) => (path === undefined ? [] : [path])));
  const tree = readSources(sources, environment, (path) => files.add(path));
  const problems: Problem[] = [...tree.problems];
  const result = (config?: RingtailConfig): LoadedConfig => ({
    config: problems.some(({ severity }) => severity === 'error') ? undefined : config,
    problems: firstProblems(
      sortProblems(
        problems,
        sources.map(({ file }) => file),
      ),
    ),
    files: [...files],
    problemAt: tree.problemAtValue,
  });
  const { root } = tree;
  if (root === undefined) return result();
  if (root === null) {
    problems.push(tree.problemAtKey([], 'the configuration is empty; needed are receivers, exporters and service'));
    return result();
  }
  if (!isMap(root)) {
    problems.push(tree.problemAtValue([], `expected a map with receivers, exporters and service, found ${kindOfValue(root)}`));
    return result();
  }

  const top = sectionsOf(root, topKeys, neededKeys, {
    unknown: (key, message) => problems.push(tree.problemAtKey([key], message)),
    missing: (key, message) => problems.push(tree.problemAtKey([key], message)),
  });
  const keyOf = (section: (typeof topKeys)[number]) => top.get(section) ?? section;
  const sectionKeys = { receivers: keyOf('receivers'), processors: keyOf('processors'), exporters: keyOf('exporters') };
  const check = <S extends Section | 'extensions'>(section: S) =>
    checkComponents(tree, registry, section, keyOf(section), root[keyOf(section)], problems);
  const defined = { receivers: check('receivers'), processors: check('processors'), exporters: check('exporters') };
  const extensions = check('extensions');

  const kernel = validateValue(tree, [keyOf('kernel')], kernelSchema, root[keyOf('kernel')] ?? {});
  problems.push(...kernel.problems);

  const serviceKey = top.get('service');
  if (serviceKey === undefined) return result();
  const service = root[serviceKey] ?? {};
  if (!isMap(service)) {
    if (!tree.brokenAt([serviceKey]))
      problems.push(tree.problemAtValue([serviceKey], `expected a map with pipelines, found ${kindOfValue(service)}`));
    return result();
  }
  const parts = sectionsOf(service, serviceKeys, new Set(['pipelines']), {
    unknown: (key, message) => problems.push(tree.problemAtKey([serviceKey, key], message)),
    missing: (key, message) => problems.push(tree.problemAtKey([serviceKey, key], message)),
  });
  const part = <T>(name: (typeof serviceKeys)[number], schema: ZodType<T>) => {
    const key = parts.get(name) ?? name;
    const checked = validateValue(tree, [serviceKey, key], schema, service[key] ?? {});
    problems.push(...checked.problems);
    return checked;
  };
  const telemetry = part('telemetry', telemetrySchema);
  const exclude = part('exclude', excludeSchema);
  const wantedKey = parts.get('extensions') ?? 'extensions';
  const graph: Problem[] = [];
  const wanted = checkExtensions(tree, [serviceKey, wantedKey], service[wantedKey], keyOf('extensions'), extensions, graph);
  const pipelinesKey = parts.get('pipelines');
  const { implicit, processors } = withImplicit(registry, defined.processors);
  const all = { ...defined, processors };
  const pipelines =
    pipelinesKey === undefined
      ? []
      : checkPipelines(tree, [serviceKey, pipelinesKey], service[pipelinesKey] ?? {}, all, sectionKeys, implicit, graph);
  for (const problem of graph) problems.push({ ...problem, tier: 'graph' });
  if (pipelinesKey === undefined) return result();

  if (kernel.value === undefined || telemetry.value === undefined || exclude.value === undefined) return result();
  for (const section of ['receivers', 'processors', 'exporters'] as const)
    problems.push(...componentWarnings(tree, section, sectionKeys[section], all[section], pipelines));
  const idsOf = (section: Section) => pipelines.flatMap((pipeline) => pipeline[section]);
  return result({
    receivers: named(defined.receivers, idsOf('receivers')),
    processors: named(processors, idsOf('processors')),
    exporters: named(defined.exporters, idsOf('exporters')),
    extensions: named(extensions, wanted),
    pipelines,
    telemetry: telemetry.value,
    kernel: kernel.value,
    exclude: exclude.value,
    inputs: { kernel: kernel.input, telemetry: telemetry.input, exclude: exclude.input },
  });
};

const count = (many: number, noun: string): string => `${many} ${noun}${many === 1 ? '' : 's'}`;

/** The configuration, or a ConfigError with every problem; warnings go to `warn`, a line each. */
export const requireConfig = (loaded: LoadedConfig, file: string, warn: (line: string) => void): RingtailConfig => {
  for (const problem of loaded.problems) if (problem.severity === 'warning') warn(formatProblem(problem));
  if (loaded.config !== undefined) return loaded.config;
  const errors = loaded.problems.filter(({ severity }) => severity === 'error');
  throw new ConfigError(`${file} has ${count(errors.length, 'error')}`, {
    problems: errors.map(formatProblem),
    advice: 'correct the file and check it with "ringtail validate"',
  });
};
