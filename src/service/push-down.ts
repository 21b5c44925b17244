/** What the pipelines of a receiver drop first of all, so that the receiver may drop it earlier: plain data, for the service and for `validate`. */
import type { ComponentConfig } from '../config/check-components.ts';
import type { RingtailConfig } from '../config/load.ts';
import type { ComponentId } from '../core/component.ts';
import type { Logger } from '../core/logger.ts';
import type { PushDownReport, RuleSet } from '../core/rules.ts';
import type { Graph } from './graph.ts';

/** By logs pipeline; undefined: it begins with no filter. */
export type LeadingRules = ReadonlyMap<string, RuleSet | undefined>;

/** A filter that stands in several pipelines is one. */
const known = new WeakMap<ComponentConfig<'processor'>, RuleSet>();

const rulesOf = (processor: ComponentConfig<'processor'>): RuleSet | undefined => {
  const { id, factory, config } = processor;
  const rules = known.get(processor) ?? factory.rules?.(id, config as never);
  if (rules !== undefined) known.set(processor, rules);
  return rules;
};

/** Of the logs pipelines that use the receiver. Processors that stand in every pipeline unasked do not count as its beginning: they drop nothing. */
export const leadingRules = ({ pipelines, processors }: RingtailConfig, receiver: ComponentId): LeadingRules =>
  new Map(
    pipelines
      .filter(({ signal, receivers }) => signal === 'logs' && receivers.includes(receiver))
      .map(({ id, processors: ids }) => {
        const first = ids.map((name) => processors.get(name)!).find(({ factory }) => factory.implicit !== true);
        return [id, first && rulesOf(first)];
      }),
  );

/** Pipelines that keep the rules of others from the kernel: they want everything. */
type Unfiltered = { readonly logs: readonly string[]; readonly traces: readonly string[] };

/** Receivers whose pipelines of logs decide together with those of this one. */
const sharing = ({ receivers }: RingtailConfig, id: ComponentId): readonly ComponentId[] => {
  const side = receivers.get(id)?.factory.ruleSide;
  return side === undefined
    ? [id]
    : [id, ...[...receivers.values()].filter((other) => other.id !== id && other.factory.ruleSide === side).map((other) => other.id)];
};

/** Empty when no pipeline of the receiver has rules. */
const unfilteredOf = (config: RingtailConfig, id: ComponentId): Unfiltered => {
  if (![...leadingRules(config, id).values()].some((rules) => rules !== undefined)) return { logs: [], traces: [] };
  const { pipelines, receivers } = config;
  const side = receivers.get(id)?.factory.ruleSide;
  const leading = sharing(config, id).flatMap((one) => [...leadingRules(config, one)]);
  const wantsAll = (one: ComponentId): boolean => {
    const { factory, config: options } = receivers.get(one)!;
    return side !== undefined && factory.wantsAll?.(options as never).includes(side) === true;
  };
  return {
    logs: [...new Set(leading.flatMap(([pipeline, rules]) => (rules === undefined ? [pipeline] : [])))],
    traces: pipelines.filter((one) => one.signal === 'traces' && one.receivers.some(wantsAll)).map((one) => one.id),
  };
};

const reasonOf = ({ logs, traces }: Unfiltered): string | undefined => {
  const reasons = [
    ...(logs.length === 0
      ? []
      : [
          `${logs.join(', ')} ${logs.length === 1 ? 'does not begin with a filter and wants' : 'do not begin with a filter and want'} everything`,
        ]),
    ...(traces.length === 0 ? [] : [`${traces.join(', ')} ${traces.length === 1 ? 'makes' : 'make'} spans of everything`]),
  ];
  return reasons.length === 0 ? undefined : reasons.join('; ');
};

/** Where the rules of the pipelines of each receiver will be evaluated; only of receivers that can take some, and have some. */
export const pushDownOf = (config: RingtailConfig): ReadonlyMap<ComponentId, PushDownReport> =>
  new Map(
    [...config.receivers.values()].flatMap(({ id, factory, config: options }) => {
      const own = new Set([...leadingRules(config, id).values()].flatMap((set) => set?.rules.map((rule) => rule.id) ?? []));
      if (own.size === 0) return [];
      const reason = reasonOf(unfilteredOf(config, id));
      const sets = sharing(config, id).flatMap((one) => [...leadingRules(config, one).values()]);
      const report = factory.pushDown?.(options as never, reason === undefined ? sets : [...sets, undefined]);
      if (report === undefined) return [];
      const places = report.places.filter(({ rule }) => own.has(rule));
      const refused = reason ?? report.refused;
      return [[id, { places, ...(refused === undefined ? {} : { refused }) }] as const];
    }),
  );

/** Tells every receiver what its pipelines drop. Takes effect when the kernel side follows. */
export const narrowReceivers = ({ config, receivers }: Pick<Graph, 'config' | 'receivers'>, logger: Logger): void => {
  for (const [id, { component }] of receivers) {
    if (component.narrow === undefined) continue;
    const leading = leadingRules(config, id);
    component.narrow([...leading.values()]);
    const { logs, traces } = unfilteredOf(config, id);
    const pipelines = [...logs, ...traces];
    if (pipelines.length > 0) logger.info({ component: id, pipelines }, 'filter rules stay in user space: these pipelines want everything');
  }
};
