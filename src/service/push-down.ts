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

/** Pipelines that keep the rules of others from the kernel: they want everything. Empty when no pipeline has rules. */
const unfiltered = (leading: LeadingRules): readonly string[] =>
  [...leading.values()].some((rules) => rules !== undefined)
    ? [...leading].flatMap(([id, rules]) => (rules === undefined ? [id] : []))
    : [];

/** Where the rules of the pipelines of each receiver will be evaluated; only of receivers that can take some, and have some. */
export const pushDownOf = (config: RingtailConfig): ReadonlyMap<ComponentId, PushDownReport> =>
  new Map(
    [...config.receivers.values()].flatMap(({ id, factory, config: options }) => {
      const leading = leadingRules(config, id);
      const report = factory.pushDown?.(options as never, [...leading.values()]);
      if (report === undefined || report.places.length === 0) return [];
      const ids = unfiltered(leading);
      const refused =
        ids.length === 0
          ? report.refused
          : `${ids.join(', ')} ${ids.length === 1 ? 'does not begin with a filter and wants' : 'do not begin with a filter and want'} everything`;
      return [[id, refused === undefined ? report : { ...report, refused }] as const];
    }),
  );

/** Tells every receiver what its pipelines drop. Takes effect when the kernel side follows. */
export const narrowReceivers = ({ config, receivers }: Pick<Graph, 'config' | 'receivers'>, logger: Logger): void => {
  for (const [id, { component }] of receivers) {
    if (component.narrow === undefined) continue;
    const leading = leadingRules(config, id);
    component.narrow([...leading.values()]);
    const pipelines = unfiltered(leading);
    if (pipelines.length > 0)
      logger.info(
        { component: id, pipelines },
        'filter rules stay in user space: these pipelines do not begin with a filter and want everything',
      );
  }
};
