/** Actions on attributes, in order, on a record's or a resource's attributes by name. */
import type { AttributeValue } from '../../core/batch.ts';
import { compilePattern, type Pattern } from '../../core/pattern.ts';
import type { ActionConfig } from './actions-config.ts';
import { converted, hashed, type ConvertedType } from './values.ts';

export type ValueOf = { readonly value?: AttributeValue; readonly from?: string; readonly byDefault?: AttributeValue };

export type Action =
  | { readonly type: 'insert' | 'update' | 'upsert'; readonly key: string; readonly source: ValueOf }
  | { readonly type: 'delete' | 'hash'; readonly key: string | undefined; readonly names: Pattern | undefined }
  | { readonly type: 'extract'; readonly key: string; readonly pattern: Pattern }
  | { readonly type: 'convert'; readonly key: string; readonly to: ConvertedType };

/** The configuration was checked; an expression that does not compile throws. */
export const actionOf = (config: ActionConfig): Action => {
  const { action: type, key = '', pattern } = config;
  switch (type) {
    case 'insert':
    case 'update':
    case 'upsert': {
      const source = {
        ...(config.value !== undefined && { value: config.value }),
        ...(config.from_attribute !== undefined && { from: config.from_attribute }),
        ...(config.default_value !== undefined && { byDefault: config.default_value }),
      };
      return { type, key, source };
    }
    case 'delete':
    case 'hash':
      return { type, key: config.key, names: pattern === undefined ? undefined : compilePattern(pattern) };
    case 'extract':
      return { type, key, pattern: compilePattern(pattern!) };
    case 'convert':
      return { type, key, to: config.converted_type! };
  }
};

type Attributes = Map<string, AttributeValue>;

const sourceValue = ({ value, from, byDefault }: ValueOf, attributes: Attributes): AttributeValue | undefined =>
  value ?? (from === undefined ? undefined : attributes.get(from)) ?? byDefault;

const applyOne = (action: Action, attributes: Attributes): void => {
  const { type, key } = action;
  switch (type) {
    case 'insert':
    case 'update':
    case 'upsert': {
      const value = sourceValue(action.source, attributes);
      if (value !== undefined && (type === 'upsert' || attributes.has(key!) === (type === 'update'))) attributes.set(key!, value);
      break;
    }
    case 'delete':
      if (key !== undefined) attributes.delete(key);
      if (action.names !== undefined) for (const name of attributes.keys()) if (action.names.test(name)) attributes.delete(name);
      break;
    case 'hash':
      if (key !== undefined && attributes.has(key)) attributes.set(key, hashed(attributes.get(key)!));
      if (action.names !== undefined)
        for (const [name, value] of attributes) if (action.names.test(name)) attributes.set(name, hashed(value));
      break;
    case 'extract': {
      const value = attributes.get(key!);
      const texts = typeof value === 'string' ? action.pattern.capture(value) : undefined;
      texts?.forEach((text, index) => attributes.set(action.pattern.groups[index]!, text));
      break;
    }
    case 'convert': {
      const value = attributes.get(key!);
      if (value !== undefined) attributes.set(key!, converted(value, action.to));
      break;
    }
  }
};

/** Changes `attributes` by all actions in their order. */
export const applyActions = (actions: readonly Action[], attributes: Attributes): void => {
  for (const action of actions) applyOne(action, attributes);
};
