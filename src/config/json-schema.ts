/** A JSON Schema of configurations, for editors. It knows keys, types and choices; what depends on other values only `validate` knows. */
import { toJSONSchema, type ZodType } from 'zod';
import type { ComponentFactory, ComponentKind, Signal } from '../core/component.ts';
import { type ComponentSection, kindOf } from './check-components.ts';
import { signals } from './ids.ts';
import type { Registry } from './registry.ts';
import { excludeSchema, extensionListSchema, kernelSchema, pipelineSchema, telemetrySchema } from './schema.ts';

type Json = { readonly [key: string]: unknown };

const durationPattern = String.raw`^\s*(0|(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+)\s*$`;
const sizePattern = String.raw`^\s*\d+(\.\d+)?\s*([kKmMgG][iI]?[bB]|[bB])?\s*$`;

/** A scalar may be a reference, whatever the option wants. */
const reference: Json = {
  type: 'string',
  pattern: String.raw`\$\{`,
  description: 'A reference: ${env:NAME}, ${env:NAME:-default} or ${file:PATH}.',
};
const nothing: Json = { type: 'null' };

const unitPatterns = { duration: durationPattern, bytes: sizePattern } as const;

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is said of a value rather than asked of it; stands outside of alternatives, where editors look for it. */
const annotations = ['title', 'description', 'default', 'deprecated', 'writeOnly', 'examples'] as const;

const mapValues = (map: unknown, change: (value: Json) => Json): Json =>
  Object.fromEntries(Object.entries(isJson(map) ? map : {}).map(([key, value]) => [key, isJson(value) ? change(value) : value]));

const orElse = (json: Json, ...alternatives: readonly Json[]): Json => {
  const said = Object.fromEntries(annotations.flatMap((name) => (name in json ? [[name, json[name]]] : [])));
  const asked = Object.fromEntries(Object.entries(json).filter(([name]) => !(name in said)));
  return {
    ...said,
    anyOf: [...((Object.keys(asked).length === 1 && (asked['anyOf'] as readonly Json[] | undefined)) || [asked]), ...alternatives],
  };
};

/** What zod says of the input, as YAML has it: with units, references and nothings. */
const asYaml = ({ unit, secret, format, ...json }: Json): Json => {
  const known = {
    ...json,
    // zod's own names of formats are unknown elsewhere, and it says the same by a pattern
    ...(format === undefined || json['pattern'] !== undefined ? {} : { format }),
    ...(secret === true ? { writeOnly: true } : {}),
  } as Json;
  if (unit === 'duration' || unit === 'bytes') {
    const { anyOf: _anyOf, type: _type, ...said } = known;
    const bare = unit === 'bytes' ? { type: 'number', minimum: 0 } : { const: 0 };
    return { ...said, anyOf: [{ type: 'string', pattern: unitPatterns[unit] }, bare, reference, nothing] };
  }
  if (known['type'] === 'object' || known['properties'] !== undefined) {
    const { properties, additionalProperties, ...rest } = known;
    return {
      ...rest,
      type: ['object', 'null'],
      ...(properties === undefined ? {} : { properties: mapValues(properties, asYaml) }),
      ...(additionalProperties === undefined
        ? {}
        : { additionalProperties: isJson(additionalProperties) ? asYaml(additionalProperties) : additionalProperties }),
    };
  }
  if (known['type'] === 'array')
    return { ...known, type: ['array', 'null'], ...(isJson(known['items']) ? { items: asYaml(known['items']) } : {}) };
  const alternatives = known['anyOf'] ?? known['oneOf'];
  if (Array.isArray(alternatives)) {
    const { anyOf: _any, oneOf: _one, ...said } = known;
    return { ...said, anyOf: [...(alternatives as readonly Json[]).map(asYaml), nothing] };
  }
  if (Array.isArray(known['allOf'])) return { ...known, allOf: (known['allOf'] as readonly Json[]).map(asYaml) };
  return Object.keys(known).every((name) => (annotations as readonly string[]).includes(name)) ? known : orElse(known, reference, nothing);
};

const schemaOf = (schema: ZodType): Json => {
  const { $schema: _schema, ...json } = toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Json;
  return asYaml(json);
};

const closedMap = (properties: Json, more: Json = {}): Json => ({
  type: ['object', 'null'],
  properties,
  additionalProperties: false,
  ...more,
});

const componentsOf = (factories: readonly ComponentFactory[], kind: ComponentKind, description: string): Json => {
  const own = factories.filter((factory) => factory.kind === kind);
  const patterns = own.flatMap(({ type, aliases = [], summary, config }) => {
    const json = { ...schemaOf(config), description: summary };
    const named = (name: string) => String.raw`^${name}(/[^\s]+)?$`;
    return [
      [named(type), json] as const,
      ...aliases.map(
        (alias) => [named(alias), { ...json, deprecated: true, description: `An older name of ${type}. ${summary}` }] as const,
      ),
    ];
  });
  return { type: ['object', 'null'], description, patternProperties: Object.fromEntries(patterns), additionalProperties: false };
};

const pipelinesOf = (): Json => {
  // nothing is no pipeline
  const pipeline = { ...schemaOf(pipelineSchema), type: 'object' };
  const patterns = signals.map((signal: Signal) => [String.raw`^${signal}(/[^\s]+)?$`, pipeline]);
  return {
    type: 'object',
    description: 'What goes where. Ids are logs, metrics or traces, with a name if there are several.',
    patternProperties: Object.fromEntries(patterns),
    additionalProperties: false,
    minProperties: 1,
  };
};

const descriptions: Readonly<Record<ComponentSection, string>> = {
  receivers: 'Where records come from, by type[/name].',
  processors: 'What is added to records, or done with them, by type[/name].',
  exporters: 'Where records go, by type[/name].',
  extensions: 'What serves Ringtail itself, by type[/name].',
};

/** A JSON Schema (draft 2020-12) of whole configurations with the components of a registry. */
export const configJsonSchema = (registry: Registry): object => {
  const section = (name: ComponentSection) => componentsOf(registry.factories, kindOf[name], descriptions[name]);
  const service = closedMap(
    {
      pipelines: pipelinesOf(),
      extensions: schemaOf(extensionListSchema),
      telemetry: schemaOf(telemetrySchema),
      exclude: schemaOf(excludeSchema),
    },
    { type: 'object', required: ['pipelines'], description: 'What runs, and how Ringtail tells of itself.' },
  );
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Ringtail configuration',
    type: 'object',
    properties: {
      receivers: section('receivers'),
      processors: section('processors'),
      exporters: section('exporters'),
      extensions: section('extensions'),
      kernel: schemaOf(kernelSchema),
      service,
    },
    required: ['receivers', 'exporters', 'service'],
    additionalProperties: false,
  };
};
