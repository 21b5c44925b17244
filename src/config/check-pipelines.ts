import type { ComponentId, ProcessorFactory, Signal } from '../core/component.ts';
import { type Defined, isMap, kindOf, type Section } from './check-components.ts';
import { parseId, parsePipelineId } from './ids.ts';
import { kindOfValue } from './issue-words.ts';
import type { YamlTree } from './located.ts';
import { nearest, oneOf } from '../core/nearest.ts';
import type { Path, Problem } from './problems.ts';
import { pipelineSchema } from './schema.ts';
import { validateValue } from './validate-value.ts';

export type PipelineConfig = {
  /** `signal[/name]`. */
  readonly id: string;
  readonly signal: Signal;
  readonly receivers: readonly ComponentId[];
  /** With those that stand there without being named. */
  readonly processors: readonly ComponentId[];
  readonly exporters: readonly ComponentId[];
};

export type DefinedComponents = {
  readonly receivers: Defined<'receiver'>;
  readonly processors: Defined<'processor'>;
  readonly exporters: Defined<'exporter'>;
};

/** What the checks of one `service.pipelines` share. */
type Check = {
  readonly tree: YamlTree;
  readonly defined: DefinedComponents;
  readonly used: Set<string>;
  readonly problems: Problem[];
};

const sections: readonly Section[] = ['receivers', 'processors', 'exporters'];

/** `id` is what is meant, `shown` how it may be shown; `hidden`: it came from a reference. */
const unknownReference = (id: string, shown: string, hidden: boolean, section: Section, defined: DefinedComponents): string => {
  const { components, unusable } = defined[section];
  const ids = [...components.keys()].filter((known) => !unusable.has(known));
  const elsewhere = sections.find((other) => other !== section && defined[other].components.has(id));
  const what = `${kindOf[section]} "${shown}" is not defined`;
  if (elsewhere !== undefined) return `${what}; "${shown}" is defined under ${elsewhere}`;
  const meant = hidden ? undefined : (nearest(id, ids) ?? ids.find((known) => known.split('/')[0] === id.split('/')[0]));
  const allowed = ids.length === 0 ? `define it under ${section}` : `allowed is ${oneOf(ids)}`;
  return `${what}; ${allowed}${meant === undefined ? '' : `; did you mean "${meant}"?`}`;
};

/** Checks one list of a pipeline. */
const checkReferences = (
  { tree, defined, used, problems }: Check,
  path: Path,
  section: Section,
  list: unknown,
  signal: Signal | undefined,
): void => {
  if (!Array.isArray(list)) return;
  const { components, keys, resolve } = defined[section];
  const kind = kindOf[section];
  const seen = new Set<string>();
  for (const [index, written] of list.entries()) {
    if (typeof written !== 'string') continue;
    const id = resolve(written);
    const at = [...path, index];
    // What a reference gave may be a secret.
    const reference = tree.expandedAt(at)?.reference;
    const shown = reference ?? written;
    used.add(`${section} ${id}`);
    if (seen.has(id)) problems.push(tree.problemAtValue(at, `${kind} "${shown}" stands twice in this list; remove one`));
    else if (!components.has(id))
      problems.push(tree.problemAtValue(at, unknownReference(id, shown, reference !== undefined, section, defined)));
    else {
      const factory = components.get(id)?.factory;
      if (signal !== undefined && factory !== undefined && !factory.signals.includes(signal)) {
        const serves = factory.signals.length === 0 ? 'no pipelines' : oneOf(factory.signals).replace(' or ', ' and ');
        problems.push(tree.problemAtValue(at, `${kind} "${shown}" does not serve ${signal}; it serves ${serves}`));
      }
      if (id !== written && keys.get(id) !== written && reference === undefined)
        problems.push(tree.problemAtValue(at, `"${written}" is an older name of ${id}; write ${id}`, 'warning'));
    }
    seen.add(id);
  }
};

const isOfType = (id: ComponentId, type: string): boolean => {
  const parsed = parseId(id);
  return 'type' in parsed && parsed.type === type;
};

/** With the implicit processors that a pipeline does not name: before those that it does, but behind those that resolve, if it begins with such. */
const withImplied = (
  implicit: readonly ProcessorFactory[],
  signal: Signal,
  named: readonly ComponentId[],
  { components }: DefinedComponents['processors'],
): { readonly implied: readonly ComponentId[]; readonly all: readonly ComponentId[] } => {
  const implied = implicit
    .filter(({ type, signals }) => signals.includes(signal) && !named.some((id) => isOfType(id, type)))
    .map(({ type }) => type);
  const other = named.findIndex((id) => components.get(id)?.factory.resolves !== true);
  const place = other < 0 ? named.length : other;
  return { implied, all: [...named.slice(0, place), ...implied, ...named.slice(place)] };
};

/** Pipelines that do the same: each record would be sent twice. */
const warnOfTwins = (tree: YamlTree, base: Path, pipelines: readonly PipelineConfig[], problems: Problem[]): void => {
  const first = new Map<string, string>();
  for (const { id, signal, receivers, processors, exporters } of pipelines) {
    const content = JSON.stringify([signal, receivers.toSorted(), processors, exporters.toSorted()]);
    const twin = first.get(content);
    if (twin === undefined) first.set(content, id);
    else problems.push(tree.problemAtKey([...base, id], `does the same as ${twin}; each record is sent twice, remove one`, 'warning'));
  }
};

/** Checks `service.pipelines`, warns of components that no pipeline names, and gives the pipelines that are right. */
export const checkPipelines = (
  tree: YamlTree,
  base: Path,
  value: unknown,
  defined: DefinedComponents,
  sectionKeys: Readonly<Record<Section, string>>,
  implicit: readonly ProcessorFactory[],
  problems: Problem[],
): PipelineConfig[] => {
  const pipelines: PipelineConfig[] = [];
  const check: Check = { tree, defined, used: new Set(), problems };
  const before = problems.length;
  if (!isMap(value)) {
    problems.push(tree.problemAtValue(base, `expected a map of pipelines, found ${kindOfValue(value)}`));
    return pipelines;
  }
  if (Object.keys(value).length === 0) problems.push(tree.problemAtKey(base, 'no pipelines; at least one is needed, for instance logs'));
  for (const [id, body] of Object.entries(value)) {
    const path = [...base, id];
    const parsed = parsePipelineId(id);
    if ('message' in parsed) problems.push(tree.problemAtKey(path, parsed.message));
    const signal = 'signal' in parsed ? parsed.signal : undefined;
    const checked = validateValue(tree, path, pipelineSchema, body ?? {});
    problems.push(...checked.problems);
    const lists = checked.input;
    if (isMap(lists)) for (const section of sections) checkReferences(check, [...path, section], section, lists[section], signal);
    if (checked.value === undefined || signal === undefined) continue;
    const idsOf = (section: Section) => checked.value![section].map((written) => defined[section].resolve(written));
    const { implied, all: processors } = withImplied(implicit, signal, idsOf('processors'), defined.processors);
    for (const processor of implied) check.used.add(`processors ${processor}`);
    pipelines.push({ id, signal, receivers: idsOf('receivers'), processors, exporters: idsOf('exporters') });
  }
  // A wrong or unreadable pipeline makes components look unused that are not.
  if (problems.slice(before).some(({ severity }) => severity === 'error') || tree.problems.some(({ severity }) => severity === 'error'))
    return pipelines;
  warnOfTwins(tree, base, pipelines, problems);
  for (const section of sections) {
    for (const [id, component] of defined[section].components) {
      const key = defined[section].keys.get(id);
      if (component === undefined || key === undefined || check.used.has(`${section} ${id}`)) continue;
      const at = [sectionKeys[section], key];
      problems.push(tree.problemAtKey(at, `no pipeline names this ${kindOf[section]}; it will not be started`, 'warning'));
    }
  }
  return pipelines;
};
