/** Configurations that Ringtail writes itself, of what a caller said: each text in them means itself. */
import { stringify } from 'yaml';
import type { ConfigSource } from './sources.ts';

/** The text of a scalar that is read as `text`: a dollar sign would begin a reference. */
export const literalText = (text: string): string => text.replaceAll('$', '$$$$');

/** The same for every text in a value; keys stay. */
export const literalValue = (value: unknown): unknown => {
  if (typeof value === 'string') return literalText(value);
  if (Array.isArray(value)) return value.map(literalValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, literalValue(inner)]));
};

/** `file`: what problems call it. */
export const generatedSource = (file: string, config: object): ConfigSource => ({ file, text: stringify(literalValue(config)) });
