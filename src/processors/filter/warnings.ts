/** What of a filter is allowed and yet worth a word. */
import type { ConfigUse, ConfigWarning, OptionPath } from '../../core/component.ts';
import { hasHostBits, parseNetwork } from './address-tests.ts';
import { attributeName, eventName } from '../../otlp/names.ts';
import { checkCondition } from './conditions/check.ts';
import { attributesIn } from './conditions/expression.ts';
import { parseCondition } from './conditions/parse.ts';
import type { FilterConfig } from './config.ts';
import { isOfPreset } from './preset.ts';
import { valuesOf, type ContextRule } from './rule-config.ts';
import { contradictions, duplicates } from './rule-conflicts.ts';
import { eventsOf } from './rule-sense.ts';
import { fieldsOfEvent } from './what-columns.ts';

type Stage = 'process' | 'context';
const stages: readonly Stage[] = ['process', 'context'];

const networkWarnings = (rule: ContextRule, path: OptionPath): readonly ConfigWarning[] =>
  (['address', 'local_address'] as const).flatMap((field) =>
    valuesOf(rule[field]).flatMap((text, index): ConfigWarning[] => {
      const network = parseNetwork(text);
      if (typeof network === 'string' || !hasHostBits(network)) return [];
      const option = [...path, field, ...(Array.isArray(rule[field]) ? [index] : [])];
      return [{ option, message: `only the first ${network.bits} bits of the address count` }];
    }),
  );

/** True when of events with a path there are none but these. */
const isOfDeletions = (event: ContextRule['event']): boolean =>
  eventsOf(event).every((name) => name === eventName.fileUnlink || !fieldsOfEvent(name).has('path'));

const ruleWarnings = (config: FilterConfig, stage: Stage): readonly ConfigWarning[] => {
  const { drop, keep } = config[stage];
  const warnings: ConfigWarning[] = [];
  const protectedEvents = new Set(config.never_drop.length === 0 ? [] : eventsOf(config.never_drop));
  for (const [action, rules] of [['drop', drop] as const, ['keep', keep] as const])
    for (const [index, rule] of rules.entries()) {
      if (isOfPreset(rule)) continue;
      const at = [stage, action, index];
      warnings.push(...networkWarnings(rule, at));
      const { event, path } = rule as ContextRule;
      if (action === 'drop' && path !== undefined && event !== undefined && isOfDeletions(event))
        warnings.push({
          option: [...at, 'path'],
          message: 'the path of a deletion is the word of its caller, by which nothing is dropped: the rule drops nothing',
        });
      if (action === 'drop' && event !== undefined && eventsOf(event).every((name) => protectedEvents.has(name)))
        warnings.push({ option: [...at, 'event'], message: 'never_drop protects these events: the rule drops nothing' });
    }
  if (keep.length > 0 && drop.length === 0)
    warnings.push({ option: [stage, 'keep'], message: `keeps nothing: there is no ${stage}.drop that would drop it` });
  for (const { index, twin } of contradictions({ drop, keep }))
    if (!isOfPreset(drop[index]!))
      warnings.push({
        option: [stage, 'drop', index],
        message: `contradicts ${stage}.keep[${twin}], which is the same and comes first: it drops nothing`,
      });
  for (const [action, rules] of [['drop', drop] as const, ['keep', keep] as const])
    for (const { index, twin } of duplicates(rules))
      if (!isOfPreset(rules[index]!))
        warnings.push({ option: [stage, action, index], message: `the same as ${stage}.${action}[${twin}]; one of them is enough` });
  return warnings;
};

const conditionLists = [
  ['log_conditions', 'logs'],
  ['metric_conditions', 'metrics'],
  ['trace_conditions', 'traces'],
] as const;

/** Attributes that records only have behind a processor. */
const addedBy: ReadonlyMap<string, string> = new Map([
  [attributeName.processExecutablePath, 'resolve_process'],
  [attributeName.processExecutableName, 'resolve_process'],
  [attributeName.executableKind, 'resolve_process'],
  [attributeName.processLinuxCgroup, 'resolve_process'],
  [attributeName.ancestors, 'resolve_process'],
  [attributeName.attribution, 'resolve_process'],
  [attributeName.container, 'resolve_container'],
  [attributeName.processOwner, 'resolve_user'],
  [attributeName.loginUserName, 'resolve_user'],
]);
const typeOf = (id: string): string => id.split('/')[0]!;

/** What replays say is in their files. */
const missingWarnings = (conditions: readonly string[], { pipelines, graph }: ConfigUse): readonly ConfigWarning[] =>
  conditions.flatMap((text, index) =>
    attributesIn(parseCondition('logs', text).truth).flatMap((name): ConfigWarning[] => {
      const processor = addedBy.get(name);
      const without = graph.find(
        ({ id, signal, receivers, processors }) =>
          signal === 'logs' &&
          pipelines.includes(id) &&
          !receivers.some((receiver) => typeOf(receiver) === 'replay') &&
          !processors.some((one) => typeOf(one) === processor),
      );
      if (processor === undefined || without === undefined) return [];
      const message = `"${name}" is always nil in ${without.id}: ${processor}, which adds it, does not stand there before the filter`;
      return [{ option: ['log_conditions', index], message }];
    }),
  );

export const filterWarnings = (config: FilterConfig, use: ConfigUse): readonly ConfigWarning[] => {
  const signals = new Set(use.pipelines.map(typeOf));
  const of = conditionLists.flatMap(([option, signal]): ConfigWarning[] => {
    const list = config[option];
    if (list.length === 0) return [];
    if (!signals.has(signal))
      return [{ option: [option], message: `no pipeline of ${signal} names this filter; these conditions have no effect` }];
    return list.flatMap((text, index) =>
      checkCondition(signal, text).warnings.map(({ column, message }) => ({
        option: [option, index],
        message: `column ${column}: ${message}`,
      })),
    );
  });
  const idle = conditionLists
    .filter(([option, signal]) => signal !== 'logs' && signals.has(signal) && config[option].length === 0)
    .map(([option, signal]): ConfigWarning => {
      const message = `drops nothing of ${signal}, which rules do not judge; write ${option}, or take it out of pipelines of ${signal}`;
      return { option: [], message };
    });
  return [...stages.flatMap((stage) => ruleWarnings(config, stage)), ...of, ...missingWarnings(config.log_conditions, use), ...idle];
};
