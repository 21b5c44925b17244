import { Observable } from 'rxjs';
import type { Batch } from '../../core/batch.ts';
import type { Processor, ProcessorFactory, Settings } from '../../core/component.ts';
import type { Counter } from '../../core/counters.ts';
import type { MetricBatch } from '../../core/metric-batch.ts';
import { createRateLimit } from '../../core/rate-limit.ts';
import type { RuleSet } from '../../core/rules.ts';
import type { GateNeed } from '../../kernel/questions.ts';
import { lookupsOf, type KernelLookups } from '../../kernel/service-types.ts';
import { filterConfig, type FilterConfig } from './config.ts';
import { createRecordConditions, type RecordConditions } from './record-conditions.ts';
import { createMetricConditions } from './metric-conditions.ts';
import { createRuleFilter, keptRows } from './rule-filter.ts';
import { ruleSetOf } from './rule-set.ts';
import { filterWarnings } from './warnings.ts';

/** What the rules ask of the kernel services. */
const needsOf = ({ rules }: RuleSet): readonly GateNeed[] => {
  const asks = (...fields: readonly string[]): boolean => rules.some(({ tests }) => fields.some((field) => field in tests));
  return [
    ...(asks('executable', 'parent') ? (['process'] as const) : []),
    ...(asks('user') ? (['user'] as const) : []),
    ...(asks('cgroup', 'container') ? (['cgroup'] as const) : []),
  ];
};

/** Emits what `change` leaves of each item; undefined: nothing. */
const mapSome =
  <T>(change: (item: T) => T | undefined) =>
  (source$: Observable<T>): Observable<T> =>
    new Observable((subscriber) =>
      source$.subscribe({
        next(item) {
          let changed: T | undefined;
          try {
            changed = change(item);
          } catch (error) {
            subscriber.error(error);
            return;
          }
          if (changed !== undefined) subscriber.next(changed);
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => subscriber.complete(),
      }),
    );

const createFilter = ({ id, logger, counters, kernel, resource }: Settings<KernelLookups>, config: FilterConfig): Processor => {
  const ruleSet = ruleSetOf(id, config);
  const rateLimit = createRateLimit();
  const matches = new Map<string, Counter>();
  const countMatch = (rule: string): void => {
    let counter = matches.get(rule);
    if (counter === undefined) matches.set(rule, (counter = counters.counter('ringtail_rule_matches', { rule, where: 'user' })));
    counter.value++;
  };
  const conditionFailed =
    (option: string, conditions: readonly string[]) =>
    (index: number): void => {
      const condition = `${id} ${option}[${index}]`;
      counters.counter('ringtail_condition_failures', { condition }).value++;
      if (config.error_mode === 'silent') return;
      if (config.error_mode === 'propagate') throw new Error(`${condition} cannot be evaluated for a record: ${conditions[index]}`);
      rateLimit(condition, logger.warn.bind(logger), { condition }, 'a condition cannot be evaluated for some records; they are kept');
    };

  const rules = createRuleFilter(ruleSet, (index) => countMatch(ruleSet.rules[index]!.id));
  const logConditions = createRecordConditions(
    'logs',
    config.log_conditions,
    resource,
    (index) => countMatch(`${id} log_conditions[${index}]`),
    conditionFailed('log_conditions', config.log_conditions),
  );
  const traceConditions = createRecordConditions(
    'traces',
    config.trace_conditions,
    resource,
    (index) => countMatch(`${id} trace_conditions[${index}]`),
    conditionFailed('trace_conditions', config.trace_conditions),
  );
  const filterMetrics = createMetricConditions(
    config.metric_conditions,
    resource,
    (index) => countMatch(`${id} metric_conditions[${index}]`),
    conditionFailed('metric_conditions', config.metric_conditions),
  );

  const withoutDropped = (batch: Batch, conditions: RecordConditions): Batch | undefined => {
    conditions.open(batch);
    const kept = keptRows(batch, conditions.drops);
    if (kept === undefined) return batch;
    return kept.length === 0 ? undefined : { ...batch, selection: kept };
  };

  const filterLogs = (batch: Batch): Batch | undefined => {
    if (rules.isProtected(batch.kind)) return batch;
    let left = batch;
    const kept = rules.keep(batch, lookupsOf(batch.frame, kernel));
    if (kept?.length === 0) return undefined;
    if (kept !== undefined) left = { ...left, selection: kept };
    return config.log_conditions.length === 0 ? left : withoutDropped(left, logConditions);
  };

  let endings: readonly (() => void)[] = [];
  return {
    async start() {
      endings = needsOf(ruleSet).map((need) => kernel.gate.require(need));
    },
    async stop() {
      for (const end of endings) end();
    },
    logs: mapSome(filterLogs),
    metrics: config.metric_conditions.length === 0 ? (source$) => source$ : mapSome<MetricBatch>(filterMetrics),
    traces: config.trace_conditions.length === 0 ? (source$) => source$ : mapSome<Batch>((batch) => withoutDropped(batch, traceConditions)),
  };
};

/** Drops records by who did what, by rules and by conditions of the Collector. */
export const filterProcessor: ProcessorFactory = {
  kind: 'processor',
  type: 'filter',
  summary: 'Drops records by who did what: processes, files, addresses, or conditions as the Collector has them',
  signals: ['logs', 'metrics', 'traces'],
  config: filterConfig,
  rules: (id, config: FilterConfig) => ruleSetOf(id, config),
  warnings: filterWarnings,
  create: createFilter,
};
