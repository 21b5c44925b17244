/** What lines are put together from. */
import type { styleText } from 'node:util';
import type { AttributeValue } from '../../core/batch.ts';
import { escapeText, quoteArgument } from './escape.ts';

export type Style = Parameters<typeof styleText>[0];
export type Part = { readonly text: string; readonly style?: Style };

/** Attributes of an event by name. */
export type Values = ReadonlyMap<string, AttributeValue>;

/** Any value, safe to print. */
export const valueText = (value: AttributeValue): string =>
  typeof value === 'string' ? escapeText(value) : Array.isArray(value) ? value.map(quoteArgument).join(' ') : String(value);

/** The value of a name, safe to print; empty when there is none. */
export const show = (values: Values, key: string): string => {
  const value = values.get(key);
  return value === undefined ? '' : valueText(value);
};
