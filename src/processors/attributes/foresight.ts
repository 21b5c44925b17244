/**
 * What a list of actions makes of every record of a batch, when that can be told without looking at one: most lists set constants and
 * delete names.
 */
import type { Attribute, AttributeValue } from '../../core/batch.ts';
import type { Pattern } from '../../core/pattern.ts';
import type { Action, ValueOf } from '../shared/actions.ts';
import { converted, hashed } from '../shared/values.ts';

/** Names that are taken off a record, and attributes that are put on it. */
export type Outcome = {
  readonly names: ReadonlySet<string>;
  readonly patterns: readonly Pattern[];
  readonly added: readonly Attribute[];
};

/** An attribute that depends on the record: only the record can tell whether it is there, and its value. */
const unknown = Symbol('unknown');
type State = AttributeValue | undefined | typeof unknown;

/** Names that actions speak of, but for those that only an expression covers. */
export const namesIn = (actions: readonly Action[]): readonly string[] => [
  ...new Set(
    actions.flatMap((action) => [
      ...(action.key === undefined ? [] : [action.key]),
      ...('source' in action && action.source.from !== undefined ? [action.source.from] : []),
      ...(action.type === 'extract' ? action.pattern.groups : []),
    ]),
  ),
];

/** `mayHave` is asked for names of `namesIn`. Undefined: each record has to be looked at. */
export const foresee = (actions: readonly Action[], mayHave: (name: string) => boolean): Outcome | undefined => {
  const states = new Map<string, AttributeValue | undefined>();
  const patterns: Pattern[] = [];

  const stateOf = (name: string): State => {
    if (states.has(name)) return states.get(name);
    return patterns.some((pattern) => pattern.test(name)) || !mayHave(name) ? undefined : unknown;
  };
  const valueOf = ({ value, from, byDefault }: ValueOf): State => value ?? (from === undefined ? undefined : stateOf(from)) ?? byDefault;

  /** False: it cannot be told. */
  const step = (action: Action): boolean => {
    const { type } = action;
    if (type === 'delete') {
      if (action.key !== undefined) states.set(action.key, undefined);
      if (action.names !== undefined) {
        for (const name of states.keys()) if (action.names.test(name)) states.set(name, undefined);
        patterns.push(action.names);
      }
      return true;
    }
    if (type === 'hash' && action.names !== undefined) return false;
    const key = action.key!;
    const state = stateOf(key);
    if (type === 'upsert' || type === 'insert' || type === 'update') {
      const value = valueOf(action.source);
      if (value === undefined) return true;
      if (type !== 'upsert' && state === unknown) return false;
      if (type !== 'upsert' && (state !== undefined) !== (type === 'update')) return true;
      if (value === unknown) return false;
      states.set(key, value);
      return true;
    }
    if (state === undefined) return true;
    if (state === unknown) return false;
    if (action.type === 'hash') states.set(key, hashed(state));
    else if (action.type === 'convert') states.set(key, converted(state, action.to));
    else if (action.type === 'extract' && typeof state === 'string')
      action.pattern.capture(state)?.forEach((text, index) => states.set(action.pattern.groups[index]!, text));
    return true;
  };

  if (!actions.every(step)) return undefined;
  return {
    names: new Set(states.keys()),
    patterns,
    added: [...states].filter((entry): entry is [string, AttributeValue] => entry[1] !== undefined),
  };
};

/** What actions may change at all, whatever the record. */
export const reachOf = (actions: readonly Action[]): Pick<Outcome, 'names' | 'patterns'> => ({
  names: new Set(
    actions.flatMap((action) => (action.type === 'extract' ? action.pattern.groups : action.key === undefined ? [] : [action.key])),
  ),
  patterns: actions.flatMap((action) => ('names' in action && action.names !== undefined ? [action.names] : [])),
});
