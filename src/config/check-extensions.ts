import type { ComponentId } from '../core/component.ts';
import type { Defined } from './check-components.ts';
import { nearest, oneOf } from '../core/nearest.ts';
import type { Path, Problem } from './problems.ts';
import { extensionListSchema } from './schema.ts';
import { validateValue } from './validate-value.ts';
import type { YamlTree } from './located.ts';

const unknownExtension = (id: string, known: readonly string[], section: string): string => {
  const meant = nearest(id, known);
  const allowed = known.length === 0 ? `define it under ${section}` : `allowed is ${oneOf(known)}`;
  return `extension "${id}" is not defined; ${allowed}${meant === undefined ? '' : `; did you mean "${meant}"?`}`;
};

/** Checks `service.extensions`, warns of extensions that it does not name, and gives the ids that are right in the order of the list. */
export const checkExtensions = (
  tree: YamlTree,
  path: Path,
  value: unknown,
  section: string,
  defined: Defined<'extension'>,
  problems: Problem[],
): readonly ComponentId[] => {
  const checked = validateValue(tree, path, extensionListSchema, value ?? []);
  problems.push(...checked.problems);
  const ids = (checked.value ?? []).map((id) => defined.resolve(id));
  for (const [index, id] of ids.entries()) {
    const at = [...path, index];
    const shown = tree.expandedAt(at) === undefined ? id : tree.expandedAt(at)!.reference;
    if (ids.indexOf(id) < index) problems.push(tree.problemAtValue(at, `extension "${shown}" stands twice in this list; remove one`));
    else if (!defined.components.has(id))
      problems.push(
        tree.problemAtValue(
          at,
          unknownExtension(
            shown,
            [...defined.components.keys()].filter((known) => !defined.unusable.has(known)),
            section,
          ),
        ),
      );
  }
  if (checked.value === undefined || tree.problems.length > 0) return ids;
  for (const [id, component] of defined.components) {
    if (component !== undefined && !ids.includes(id)) {
      const message = 'service.extensions does not name this extension; it will not be started';
      problems.push(tree.problemAtKey([section, defined.keys.get(id)!], message, 'warning'));
    }
  }
  return ids;
};
