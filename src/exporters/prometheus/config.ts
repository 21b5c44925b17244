import { z } from 'zod';
import { duration } from '../../core/config-types.ts';
import { endpoint } from './address.ts';
import { serverTls } from './tls.ts';

const MOST_LABELS = 32;
const LONGEST_TEXT = 1024;

const constLabels = z
  .record(
    z
      .string()
      .min(1)
      .max(128)
      .regex(/^(?!__)/, 'begins with __, which Prometheus keeps for itself'),
    z.string().max(LONGEST_TEXT),
  )
  .refine((labels) => Object.keys(labels).length <= MOST_LABELS, `more than ${MOST_LABELS} labels`)
  .default({})
  .describe('labels of every series');

/** Of one word; what may not stand in a name becomes an underscore. */
const namespace = z.string().min(1).max(128).optional().describe('stands in front of every name');

const globs = z.array(z.string().min(1).max(256)).max(64).default([]);

export const prometheusConfig = z
  .strictObject({
    endpoint,
    tls: serverTls,
    namespace,
    const_labels: constLabels,
    send_timestamps: z.boolean().default(false).describe('true: every value has the time at which it was read'),
    metric_expiration: duration({ minMs: 1000 }).prefault('5m').describe('a series that was told no more is shown for so long'),
    enable_open_metrics: z.boolean().default(false).describe('true: OpenMetrics for who asks for it, with the start of every counter'),
    add_metric_suffixes: z.boolean().default(true).describe('false: neither units nor _total are put behind names'),
    translation_strategy: z
      .enum(['UnderscoreEscapingWithSuffixes', 'UnderscoreEscapingWithoutSuffixes'])
      .optional()
      .describe('goes before add_metric_suffixes'),
    without_scope_info: z.boolean().default(false).describe('true: no labels tell which receiver it was'),
    resource_to_telemetry_conversion: z
      .strictObject({
        enabled: z.boolean().default(false).describe('true: every attribute of the resource is a label'),
        exclude_service_attributes: z.boolean().default(false).describe('true: those that make job and instance are not'),
      })
      .prefault({}),
    resource_constant_labels: z
      .strictObject({
        included: globs.describe('attributes of the resource that are labels; * and ? stand for any characters'),
        excluded: globs.describe('those that are not; alone: all others are'),
      })
      .prefault({}),
    max_series: z.int().min(1).max(1_000_000).default(100_000).describe('most series; newcomers on top of them are dropped'),
  })
  .refine(
    ({ resource_to_telemetry_conversion: all, resource_constant_labels: some }) =>
      !(all.enabled || all.exclude_service_attributes) || some.included.length + some.excluded.length === 0,
    { path: ['resource_constant_labels'], message: 'excludes resource_to_telemetry_conversion; write one of them' },
  );

export type PrometheusConfig = z.output<typeof prometheusConfig>;

/** Whether units and `_total` are put behind names. */
export const hasSuffixes = ({ add_metric_suffixes: added, translation_strategy: strategy }: PrometheusConfig): boolean =>
  strategy === undefined ? added : strategy === 'UnderscoreEscapingWithSuffixes';
