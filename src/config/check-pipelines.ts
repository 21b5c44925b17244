import type { ComponentId, Signal } from '../core/component.ts';
import { type Defined, isMap, kindOf, type Section } from './check-components.ts';
import { parsePipelineId } from './ids.ts';
import { nearest, oneOf } from './nearest.ts';
import type { Path, Problem } from './problems.ts';
import { pipelineSchema } from './schema.ts';
import { show } from './issue-words.ts';
import { validateValue } from './validate-value.ts';
import type { YamlTree } from './yaml-tree.ts';

export type PipelineConfig = {
  /** `signal[/name]`. */
  readonly id: string;
  readonly signal: Signal;
  readonly receivers: readonly ComponentId[];
  readonly processors: readonly ComponentId[];
  readonly exporters: readonly ComponentId[];
};

export type DefinedComponents = {
  readonly receivers: Defined<'receiver'>;
  readonly processors: Defined<'processor'>;
  readonly exporters: Defined<'exporter'>;
};

const sections: readonly Section[] = ['receivers', 'processors', 'exporters'];

const unknownReference = (id: string, section: Section, defined: DefinedComponents): string => {
  const ids = [...defined[section].keys()];
  const elsewhere = sections.find((other) => other !== section && defined[other].has(id));
  const what = `${kindOf[section]} "${id}" is not defined`;
  if (elsewhere !== undefined) return `${what}; "${id}" is defined under ${elsewhere}`;
  const meant = nearest(id, ids) ?? ids.find((known) => known.split('/')[0] === id.split('/')[0]);
  const allowed = ids.length === 0 ? `define it under ${section}` : `allowed is ${oneOf(ids)}`;
  return `${what}; ${allowed}${meant === undefined ? '' : `; did you mean "${meant}"?`}`;
};

/** Checks one list of a pipeline. */
const checkReferences = (
  tree: YamlTree,
  path: Path,
  section: Section,
  list: unknown,
  signal: Signal | undefined,
  defined: DefinedComponents,
  used: Set<string>,
  problems: Problem[],
): void => {
  if (!Array.isArray(list)) return;
  const seen = new Set<string>();
  for (const [index, id] of list.entries()) {
    if (typeof id !== 'string') continue;
    const at = [...path, index];
    used.add(`${section} ${id}`);
    if (seen.has(id)) problems.push(tree.problemAtValue(at, `${kindOf[section]} "${id}" stands twice in this list; remove one`));
    else if (!defined[section].has(id)) problems.push(tree.problemAtValue(at, unknownReference(id, section, defined)));
    else {
      const serves = defined[section].get(id)?.factory.signals;
      if (signal !== undefined && serves !== undefined && !serves.includes(signal)) {
        problems.push(
          tree.problemAtValue(
            at,
            `${kindOf[section]} "${id}" does not serve ${signal}; it serves ${oneOf(serves).replace(' or ', ' and ')}`,
          ),
        );
      }
    }
    seen.add(id);
  }
};

/** Checks `service.pipelines`, warns of components that no pipeline names, and gives the pipelines that are right. */
export const checkPipelines = (
  tree: YamlTree,
  base: Path,
  value: unknown,
  defined: DefinedComponents,
  problems: Problem[],
): PipelineConfig[] => {
  const pipelines: PipelineConfig[] = [];
  const used = new Set<string>();
  const before = problems.length;
  if (!isMap(value)) {
    problems.push(tree.problemAtValue(base, `expected a map of pipelines, found ${show(value)}`));
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
    if (isMap(body))
      for (const section of sections) checkReferences(tree, [...path, section], section, body[section], signal, defined, used, problems);
    if (checked.value !== undefined && signal !== undefined) pipelines.push({ id, signal, ...checked.value });
  }
  // A wrong or unreadable pipeline makes components look unused that are not.
  if (problems.length > before || tree.problems.length > 0) return pipelines;
  for (const section of sections) {
    for (const [id, component] of defined[section]) {
      if (component === undefined || used.has(`${section} ${id}`)) continue;
      problems.push(tree.problemAtKey([section, id], `no pipeline names this ${kindOf[section]}; it will not be started`, 'warning'));
    }
  }
  return pipelines;
};
