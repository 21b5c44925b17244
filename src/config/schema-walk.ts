/** Questions about zod schemas: what stands at a path, what is secret. */
import type { ZodType } from 'zod';
import type { Path } from './problems.ts';

export type Definition = {
  readonly type: string;
  readonly shape?: Readonly<Record<string, ZodType>>;
  readonly innerType?: ZodType;
  readonly in?: ZodType;
  readonly out?: ZodType;
  readonly element?: ZodType;
  readonly valueType?: ZodType;
  readonly options?: readonly ZodType[];
  readonly left?: ZodType;
  readonly right?: ZodType;
  readonly getter?: () => ZodType;
  /** Of default and prefault. */
  readonly defaultValue?: unknown;
  readonly keyType?: ZodType;
};

export const definitionOf = (schema: ZodType): Definition => schema.def as unknown as Definition;

/** The schema of what stands under a key. */
const innerAt = ({ shape, valueType, element }: Definition, key: string | number): ZodType | undefined =>
  shape !== undefined && Object.hasOwn(shape, String(key)) ? shape[String(key)] : (valueType ?? element);

/** The schemas that a value at `path` below `schema` may have, wrappers taken off; more than one for unions. */
export const schemasAt = (schema: ZodType, path: Path): readonly ZodType[] => {
  const def = definitionOf(schema);
  const [key, ...rest] = path;
  if (def.type === 'union') return (def.options ?? []).flatMap((option) => schemasAt(option, path));
  if (def.type === 'intersection') return [def.left!, def.right!].flatMap((side) => schemasAt(side, path));
  if (def.type === 'lazy') return schemasAt(def.getter!(), path);
  if (def.type === 'pipe') return schemasAt(definitionOf(def.in!).type === 'transform' ? def.out! : def.in!, path);
  if (def.innerType !== undefined) return schemasAt(def.innerType, path);
  if (key === undefined) return [schema];
  const inner = innerAt(def, key);
  return inner === undefined ? [] : schemasAt(inner, rest);
};
const marked = (schema: ZodType): boolean => schema.meta()?.['secret'] === true;

/** The unit of a value that stands in YAML as text; see src/core/config-types.ts. */
export const unitOf = (schema: ZodType): 'duration' | 'bytes' | undefined => schema.meta()?.['unit'] as 'duration' | 'bytes' | undefined;

/** True when a value of this schema is secret or may hold something that is. */
export const isSecretSchema = (schema: ZodType, above: ReadonlySet<ZodType> = new Set()): boolean => {
  if (marked(schema)) return true;
  if (above.has(schema)) return false;
  const inside = new Set(above).add(schema);
  const { shape, innerType, in: input, out, element, valueType, options, left, right, getter } = definitionOf(schema);
  return [...Object.values(shape ?? {}), innerType, input, out, element, valueType, ...(options ?? []), left, right, getter?.()].some(
    (inner) => inner !== undefined && isSecretSchema(inner, inside),
  );
};

/** True when what stands at `path` is secret, or would hold something that is if it had the right type. */
export const isSecretAt = (schema: ZodType, path: Path): boolean => {
  if (isSecretSchema(schema) === false) return false;
  if (marked(schema)) return true;
  const def = definitionOf(schema);
  const [key, ...rest] = path;
  const through = [def.innerType, def.in, def.out, def.left, def.right, ...(def.options ?? []), def.getter?.()];
  if (through.some((inner) => inner !== undefined && isSecretAt(inner, path))) return true;
  if (key === undefined) return true;
  const inner = innerAt(def, key);
  return inner !== undefined && isSecretAt(inner, rest);
};

/** The secrets in a value of a schema, or in one that has the wrong type. */
export const secretPaths = (schema: ZodType, value: unknown): readonly { readonly path: Path; readonly text: string }[] => {
  const found: { readonly path: Path; readonly text: string }[] = [];
  const look = (at: unknown, path: Path): void => {
    if (typeof at === 'object' && at !== null)
      for (const [key, inner] of Object.entries(at)) look(inner, [...path, Array.isArray(at) ? Number(key) : key]);
    else if (at !== null && at !== undefined && isSecretAt(schema, path)) found.push({ path, text: String(at) });
  };
  if (isSecretSchema(schema)) look(value, []);
  return found;
};
