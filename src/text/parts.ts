/** What lines are put together from. */
import type { styleText } from 'node:util';
import type { AttributeValue } from '../core/batch.ts';
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

/** With a blank in front; empty when it is. */
export const before = (text: string): string => (text === '' ? '' : ` ${text}`);
export const dim = (text: string): Part => ({ text: before(text), style: 'dim' });

/** `192.0.2.1:80`, `[::1]:80`; without a port the address alone. */
export const endText = (values: Values, address: string, port: string): string => {
  const [host, number] = [show(values, address), show(values, port)];
  if (number === '') return host;
  return host.includes(':') ? `[${host}]:${number}` : `${host}:${number}`;
};
