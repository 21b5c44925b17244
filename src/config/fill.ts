/** What a value of a schema would look like if somebody had written every default. */
import type { ZodType } from 'zod';
import { dependentDefaultsOf, formatByteSize, parseByteSize, REDACTED } from '../core/config-types.ts';
import { definitionOf, isSecretSchema, unitOf } from './schema-walk.ts';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Text stays as it was written; bare numbers get a unit. */
const inUnit = (unit: 'duration' | 'bytes', value: unknown): unknown => {
  if (typeof value !== 'number') return value;
  if (unit === 'duration') return value === 0 ? '0s' : value;
  const text = formatByteSize(value);
  return parseByteSize(text) === value ? text : value;
};

const transforms = (schema: ZodType): boolean => {
  const { type, shape, innerType, element, valueType, options } = definitionOf(schema);
  if (type === 'pipe' || type === 'transform' || type === 'lazy') return true;
  return [...Object.values(shape ?? {}), innerType, element, valueType, ...(options ?? [])].some(
    (inner) => inner !== undefined && transforms(inner),
  );
};

type Fill = (schema: ZodType, value: unknown) => unknown;

const fillMap = (
  fill: Fill,
  shape: Readonly<Record<string, ZodType>>,
  value: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> => {
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, inner] of Object.entries(shape)) {
    const filled = fill(inner, value[key]);
    if (filled !== undefined) out[key] = filled;
  }
  for (const key of Object.keys(value)) if (!(key in out) && value[key] !== undefined) out[key] = value[key];
  return out;
};

const fillRecord = (fill: Fill, schema: ZodType, value: Readonly<Record<string, unknown>>): unknown => {
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, inner] of Object.entries(value)) out[key] = fill(schema, inner);
  return out;
};

/**
 * The input of a schema with every default in it: both give the same output. `value` is one that the schema takes, or undefined; undefined
 * comes back where there is no default. With `redact` secrets become a placeholder. A default that only stands on the output side, where it
 * cannot be written, stays left out.
 */
export const filledWith =
  (redact: boolean): Fill =>
  (schema, value) => {
    const fill = filledWith(redact);
    const def = definitionOf(schema);
    const unit = unitOf(schema);
    switch (def.type) {
      case 'prefault':
        return fill(def.innerType!, value ?? def.defaultValue);
      case 'default':
        return fill(def.innerType!, value ?? (transforms(def.innerType!) ? undefined : def.defaultValue));
      case 'pipe':
        if (value === undefined) return undefined;
        if (schema.meta()?.['secret'] === true) return redact ? REDACTED : value;
        if (unit !== undefined) return inUnit(unit, value);
        return fill(definitionOf(def.in!).type === 'transform' ? def.out! : def.in!, value);
      case 'lazy':
        return fill(def.getter!(), value);
      case 'union': {
        const meant = value === undefined ? undefined : def.options!.find((option) => option.safeParse(value).success);
        return meant === undefined ? hide(schema, value, redact) : fill(meant, value);
      }
      case 'intersection':
        return fill(def.right!, fill(def.left!, value));
      case 'object': {
        if (!isObject(value)) return value;
        const filled = fillMap(fill, def.shape!, value);
        const more = dependentDefaultsOf(schema, filled);
        // once again, so that keys stand in the order of the schema
        return Object.keys(more).length === 0 ? filled : fillMap(fill, def.shape!, { ...value, ...more });
      }
      case 'record':
        return isObject(value) ? fillRecord(fill, def.valueType!, value) : value;
      case 'array':
        return Array.isArray(value) ? value.map((item) => fill(def.element!, item)) : value;
      default:
        return def.innerType === undefined ? hide(schema, value, redact) : fill(def.innerType, value);
    }
  };

const hide = (schema: ZodType, value: unknown, redact: boolean): unknown =>
  redact && value !== undefined && isSecretSchema(schema) ? REDACTED : value;
