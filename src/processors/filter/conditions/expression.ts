/** A condition as a tree. */
import type { AddressTest } from '../../../core/rules.ts';
import type { Pattern } from '../../../core/pattern.ts';
import type { PathField, ValueType } from './attributes.ts';

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=';
export type Literal = string | number | bigint | boolean | undefined;

export type Value =
  | { readonly type: 'literal'; readonly value: Literal; readonly column: number }
  /** `key`: of a map. */
  | {
      readonly type: 'path';
      readonly field: PathField;
      readonly key: string | undefined;
      readonly valueType: ValueType | undefined;
      readonly column: number;
    }
  | { readonly type: 'truth'; readonly of: Truth; readonly column: number };

export type Truth =
  | { readonly type: 'constant'; readonly value: boolean }
  | { readonly type: 'not'; readonly of: Truth }
  | { readonly type: 'and' | 'or'; readonly left: Truth; readonly right: Truth }
  | { readonly type: 'compare'; readonly operator: Operator; readonly left: Value; readonly right: Value }
  | { readonly type: 'isMatch'; readonly target: Value; readonly pattern: Pattern }
  | { readonly type: 'hasPrefix' | 'hasSuffix'; readonly target: Value; readonly text: string }
  | { readonly type: 'isInCidr'; readonly target: Value; readonly networks: readonly AddressTest[] };

/** Keys of the attributes of records, points or spans that it looks at. */
export const attributesIn = (truth: Truth): readonly string[] => {
  const names = new Set<string>();
  const ofValue = (value: Value): void => {
    if (value.type === 'path' && value.field === 'attributes' && value.key !== undefined) names.add(value.key);
    else if (value.type === 'truth') look(value.of);
  };
  const look = (one: Truth): void => {
    if ('target' in one) ofValue(one.target);
    else if (one.type === 'not') look(one.of);
    else if (one.type === 'compare') [one.left, one.right].forEach(ofValue);
    else if (one.type === 'and' || one.type === 'or') [one.left, one.right].forEach(look);
  };
  look(truth);
  return [...names];
};
