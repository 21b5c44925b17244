import { stringify } from 'yaml';
import type { ZodType } from 'zod';
import type { ComponentKind, ComponentId } from '../core/component.ts';
import type { ComponentConfig } from './check-components.ts';
import { filledWith } from './fill.ts';
import { literalValue } from './generated.ts';
import type { RingtailConfig } from './load.ts';
import { excludeSchema, kernelSchema, telemetrySchema } from './schema.ts';

const isEmpty = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/**
 * The configuration in force as YAML: every default filled in, references expanded, ids resolved, implicit processors named. The text loads
 * again and gives an equal configuration, with `[REDACTED]` for secrets unless `redact` is false.
 */
export const effectiveConfig = (config: RingtailConfig, { redact = true }: { readonly redact?: boolean } = {}): string => {
  const fill = filledWith(redact);
  const written = (schema: ZodType, input: unknown) => literalValue(fill(schema, input ?? {}));
  const section = (components: ReadonlyMap<ComponentId, ComponentConfig<ComponentKind>>) =>
    Object.fromEntries(Array.from(components, ([id, { factory, input }]) => [id, written(factory.config, input)]));
  const pipelines = config.pipelines.map(({ id, receivers, processors, exporters }) => [id, { receivers, processors, exporters }] as const);
  const all = {
    receivers: section(config.receivers),
    processors: section(config.processors),
    exporters: section(config.exporters),
    extensions: section(config.extensions),
    kernel: written(kernelSchema, config.inputs.kernel),
    service: {
      extensions: [...config.extensions.keys()],
      telemetry: written(telemetrySchema, config.inputs.telemetry),
      exclude: written(excludeSchema, config.inputs.exclude),
      pipelines: Object.fromEntries(pipelines),
    },
  };
  const present = Object.fromEntries(Object.entries(all).filter(([, value]) => !isEmpty(value)));
  return stringify(present, { lineWidth: 0, aliasDuplicateObjects: false, schema: 'core' });
};
