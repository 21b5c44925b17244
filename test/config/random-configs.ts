/** Random inputs that schemas take. */
import fc from 'fast-check';
import type { ZodType } from 'zod';
import { definitionOf } from '../../src/config/schema-walk.ts';

/** Some of these suit every text, duration, size, address, path, pattern or number that an option wants. */
const pool: readonly unknown[] = [
  '',
  'a',
  'x y',
  '$',
  '${',
  '$$',
  'é\u202e"\'',
  '- a: [b]',
  '0123',
  'true',
  'null',
  '~',
  '<<',
  '#',
  '*a',
  '&a',
  'process.pid',
  'GET',
  '0',
  '5s',
  '1m30s',
  '250ms',
  '1h',
  '2500ms',
  '90s',
  '10m',
  '1.5s',
  '1KiB',
  '8MiB',
  '64 MiB',
  '5000',
  '1GB',
  '127.0.0.1:4317',
  '127.0.0.1:13133',
  'localhost:1',
  '[::1]:9',
  'http://127.0.0.1:4318',
  'https://collector.example:4318/x',
  '/',
  '/run/x.pid',
  '/usr/bin/otelcol',
  '/tmp',
  'a.b.c',
  '^a+$',
  'a|b',
  '[REDACTED]',
  0,
  1,
  2,
  3,
  5,
  0.25,
  0.5,
  1.5,
  10,
  80,
  100,
  1024,
  8192,
  65_536,
  1_048_576,
  8_388_608,
  -1,
  true,
  false,
];

const taken = (schema: ZodType): fc.Arbitrary<unknown> | undefined => {
  const right = pool.filter((value) => schema.safeParse(value).success);
  return right.length === 0 ? undefined : fc.constantFrom(...right);
};

const optionally = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constant(null) }, { weight: 3, arbitrary: value });

const mapOf = (shape: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> =>
  fc.record(shape).map((map) => Object.fromEntries(Object.entries(map).filter(([, value]) => value !== undefined)));

/** Inputs of a schema; undefined when none was found. Checks between options may refuse them still. */
export const inputsOf = (schema: ZodType): fc.Arbitrary<unknown> | undefined => {
  const def = definitionOf(schema);
  if (schema.meta()?.['secret'] === true || schema.meta()?.['unit'] !== undefined) return taken(schema);
  switch (def.type) {
    case 'object': {
      const shape: Record<string, fc.Arbitrary<unknown>> = {};
      for (const [key, inner] of Object.entries(def.shape!)) {
        const inputs = inputsOf(inner);
        if (inputs !== undefined) shape[key] = inner.safeParse(undefined).success ? optionally(inputs) : inputs;
      }
      return mapOf(shape);
    }
    case 'record': {
      const keys = taken(def.keyType!.safeParse('a').success ? def.keyType! : schema);
      const values = inputsOf(def.valueType!);
      return keys === undefined || values === undefined
        ? undefined
        : fc.dictionary(
            keys.map(String).filter((key) => key !== '<<'),
            values,
            { maxKeys: 3 },
          );
    }
    case 'array': {
      const items = inputsOf(def.element!);
      return items === undefined ? undefined : fc.array(items, { minLength: schema.safeParse([]).success ? 0 : 1, maxLength: 3 });
    }
    case 'enum':
    case 'literal':
      return fc.constantFrom(
        ...((def as unknown as { values?: unknown[]; entries?: Record<string, unknown> }).values ??
          Object.values((def as unknown as { entries: Record<string, unknown> }).entries)),
      );
    case 'union': {
      const branches = def.options!.map(inputsOf).filter((branch) => branch !== undefined);
      return branches.length === 0 ? undefined : fc.oneof(...branches);
    }
    case 'pipe':
      return inputsOf(definitionOf(def.in!).type === 'transform' ? def.out! : def.in!);
    case 'lazy':
      return inputsOf(def.getter!());
    default:
      return def.innerType === undefined ? taken(schema) : inputsOf(def.innerType);
  }
};
