import { z } from 'zod';
import { withDependentDefaults } from '../../core/config-types.ts';
import { eventName } from '../../otlp/names.ts';
import { checkCondition } from './conditions/check.ts';
import type { ConditionSignal } from './conditions/attributes.ts';
import { presets, type PresetName } from './preset.ts';
import { contextRule, MOST_RULES, processRule, type ContextRule, type ProcessRule } from './rule-config.ts';
import { eventProblem } from './rule-values.ts';

const MOST_CONDITIONS = 1_024;
const LONGEST_CONDITION = 16_384;

const conditions = (signal: ConditionSignal) =>
  z
    .array(
      z
        .string()
        .min(1)
        .max(LONGEST_CONDITION)
        .superRefine((text, context) => {
          for (const { column, message } of checkCondition(signal, text).errors)
            context.addIssue({ code: 'custom', message: `column ${column}: ${message}` });
        }),
    )
    .max(MOST_CONDITIONS)
    .default([]);

const rules = <T extends z.ZodType>(rule: T, drops: string, keeps: string) =>
  z
    .strictObject({
      drop: z.array(rule).max(MOST_RULES).default([]).describe(drops),
      keep: z.array(rule).max(MOST_RULES).default([]).describe(keeps),
    })
    .prefault({});

const written = z.strictObject({
  preset: z
    .enum(['default', 'none'])
    .optional()
    .describe('Rules that come after those that are written: `default` drops the usual daemons and files, `none` nothing.'),
  never_drop: z
    .array(
      z.string().superRefine((text, context) => {
        const message = eventProblem(text);
        if (message !== undefined) context.addIssue({ code: 'custom', message });
      }),
    )
    .default([eventName.processExec, eventName.loss])
    .describe('Names of events that neither rules nor conditions drop.'),
  process: rules(processRule, 'Whose records are dropped.', 'Whose records no `process.drop` drops.'),
  context: rules(contextRule, 'Which records are dropped.', 'Which records no `context.drop` drops.'),
  log_conditions: conditions('logs').describe('Log records of which one is true are dropped.'),
  metric_conditions: conditions('metrics').describe('Points of metrics of which one is true are dropped.'),
  trace_conditions: conditions('traces').describe('Spans of which one is true are dropped.'),
  error_mode: z
    .enum(['ignore', 'silent', 'propagate'])
    .default('ignore')
    .describe('What becomes of a record when a condition cannot be evaluated for it.'),
});

type Written = z.output<typeof written>;

export type FilterConfig = Omit<Written, 'preset' | 'process' | 'context'> & {
  readonly process: { readonly drop: readonly ProcessRule[]; readonly keep: readonly ProcessRule[] };
  readonly context: { readonly drop: readonly ContextRule[]; readonly keep: readonly ContextRule[] };
};

type Lists = { readonly drop?: readonly unknown[]; readonly keep?: readonly unknown[] };
const isEmpty = ({ drop = [], keep = [] }: Lists): boolean => drop.length === 0 && keep.length === 0;

/** A filter that says nothing of its own is the default one. */
const presetOf = ({ preset, process, context, log_conditions, metric_conditions, trace_conditions }: Written): PresetName =>
  preset ??
  (isEmpty(process) && isEmpty(context) && [log_conditions, metric_conditions, trace_conditions].every(({ length }) => length === 0)
    ? 'default'
    : 'none');

const spelledOut = (config: Written): FilterConfig => {
  const { preset: _, ...rest } = config;
  const added = presets[presetOf(config)];
  return {
    ...rest,
    process: { drop: [...config.process.drop, ...added.process.drop], keep: config.process.keep },
    context: { drop: [...config.context.drop, ...added.context.drop], keep: config.context.keep },
  };
};

/** The output has the rules of the preset behind those that are written, and so has what is printed. */
export const filterConfig = withDependentDefaults(written, (filled) => {
  const { process, context } = spelledOut(filled as Written);
  return { preset: 'none', process, context };
}).transform(spelledOut);
