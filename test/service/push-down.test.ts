/** Which rules receivers are told of, and when. */
import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadConfig, type RingtailConfig } from '../../src/config/load.ts';
import { createRegistry } from '../../src/config/registry.ts';
import type { ComponentFactory } from '../../src/core/component.ts';
import { createCounters } from '../../src/core/counters.ts';
import type { RuleSet } from '../../src/core/rules.ts';
import { planRules } from '../../src/kernel/calls/rules/plan.ts';
import { pushDownOf } from '../../src/service/push-down.ts';
import { createService } from '../../src/service/service.ts';
import { recordingLogger } from './fakes.ts';

const lifecycle = { start: async () => {}, stop: async () => {} };

/** `events` is what happened, in its order; `failing` makes the kernel refuse to follow. */
const createWorld = () => {
  const events: string[] = [];
  const state = { isFailing: false };
  const ruleSetOf = (id: string, comm: string): RuleSet => ({
    rules: [{ id: `${id} drop`, stage: 'process', action: 'drop', tests: { comm: [{ type: 'exact', text: comm }] } }],
    neverDrop: [],
    hasMore: false,
  });
  const show = (sets: readonly (RuleSet | undefined)[]) => sets.map((set) => set?.rules[0]!.tests.comm![0]!.text ?? 'all').join(' ');
  const shared = { summary: 'a fake', signals: ['logs', 'metrics'] } as const;
  const none = z.strictObject({});
  const factories: readonly ComponentFactory[] = [
    {
      kind: 'receiver',
      type: 'calls',
      ...shared,
      config: none,
      pushDown: (_, sets) => planRules(sets).report,
      create: ({ id }) => ({ ...lifecycle, logs$: NEVER, metrics$: NEVER, narrow: (sets) => void events.push(`${id}: ${show(sets)}`) }),
    },
    { kind: 'receiver', type: 'plain', ...shared, config: none, create: () => ({ ...lifecycle, logs$: NEVER }) },
    {
      kind: 'processor',
      type: 'filter',
      ...shared,
      config: z.strictObject({ comm: z.string() }),
      rules: (id, { comm }: { comm: string }) => ruleSetOf(id, comm),
      create: () => ({ ...lifecycle, logs: (source$) => source$, metrics: (source$) => source$ }),
    },
    { kind: 'processor', type: 'other', ...shared, config: none, create: () => ({ ...lifecycle, logs: (source$) => source$ }) },
    {
      kind: 'processor',
      type: 'guard',
      implicit: true,
      ...shared,
      config: none,
      create: () => ({ ...lifecycle, logs: (source$) => source$, metrics: (source$) => source$ }),
    },
    { kind: 'exporter', type: 'sink', ...shared, config: none, create: () => ({ ...lifecycle, logs() {}, metrics() {} }) },
  ];
  const registry = createRegistry(factories);
  const configOf = (pipelines: Readonly<Record<string, readonly string[]>>, a = 'a'): RingtailConfig => {
    const yaml = {
      receivers: { calls: {}, 'calls/b': {}, plain: {} },
      processors: { filter: { comm: a }, 'filter/b': { comm: 'b' }, other: {} },
      exporters: { sink: {} },
      service: {
        pipelines: Object.fromEntries(
          Object.entries(pipelines).map(([id, [receivers, ...processors]]) => [
            id,
            { receivers: receivers!.split(' '), processors, exporters: ['sink'] },
          ]),
        ),
      },
    };
    const { config, problems } = loadConfig([{ file: 'test', text: JSON.stringify(yaml) }], registry, {});
    if (config === undefined) throw new Error(JSON.stringify(problems));
    return config;
  };
  const follow = async (): Promise<void> => {
    events.push('kernel');
    if (state.isFailing) throw new Error('no room');
  };
  const logger = recordingLogger();
  const kernel = { start: follow, stop: async () => {}, reconfigure: follow };
  const serve = (config: RingtailConfig) =>
    createService({ config, counters: createCounters(), logger, version: '1', kernel, resource: [] });
  return { events, state, configOf, serve, logger };
};

describe('what receivers are told', () => {
  it('comes behind the pipelines and before the kernel, and again in each reload', async () => {
    const { events, configOf, serve } = createWorld();
    const service = serve(configOf({ logs: ['calls', 'filter', 'other'], 'logs/b': ['calls plain', 'filter/b'] }));
    await service.start();
    expect(events.splice(0)).toEqual(['calls: a b', 'kernel']);
    await service.reload(async () => ({ config: configOf({ logs: ['calls', 'filter'] }, 'c'), resource: [] }));
    expect(events.splice(0)).toEqual(['calls: c', 'kernel']);
    await service.stop();
  });

  it('is taken back when the kernel does not follow', async () => {
    const { events, state, configOf, serve } = createWorld();
    const service = serve(configOf({ logs: ['calls', 'filter'] }));
    await service.start();
    events.length = 0;
    state.isFailing = true;
    const { result } = await service.reload(async () => ({ config: configOf({ logs: ['calls', 'filter'] }, 'c'), resource: [] }));
    expect(result).toBe('refused');
    expect(events).toEqual(['calls: c', 'kernel', 'calls: a', 'kernel']);
    await service.stop();
  });

  it('is of the logs pipelines of each; what stands first unasked does not count, and a filter behind another processor is none', async () => {
    const { events, configOf, serve, logger } = createWorld();
    const pipelines = { logs: ['calls calls/b', 'filter'], 'logs/b': ['calls', 'other', 'filter/b'], metrics: ['calls/b', 'filter/b'] };
    const service = serve(configOf(pipelines));
    await service.start();
    expect(events).toEqual(['calls: a all', 'calls/b: a', 'kernel']);
    expect(logger.lines.filter(({ message }) => message.startsWith('filter rules stay')).map(({ fields }) => fields)).toEqual([
      { component: 'calls', pipelines: ['logs/b'] },
    ]);
    await service.stop();
  });
});

describe('where rules will run', () => {
  it('is told of receivers that can take some and have some, with the pipelines that want everything', () => {
    const { configOf } = createWorld();
    const reports = pushDownOf(configOf({ logs: ['calls calls/b plain', 'filter'], 'logs/b': ['calls'], 'logs/c': ['calls', 'other'] }));
    expect([...reports]).toEqual([
      [
        'calls',
        {
          places: [{ rule: 'filter drop', where: 'user', why: 'a pipeline wants everything' }],
          refused: 'logs/b, logs/c do not begin with a filter and want everything',
        },
      ],
      ['calls/b', { places: [{ rule: 'filter drop', where: 'kernel' }] }],
    ]);
  });
  it('is nothing without filters', () => {
    const { configOf } = createWorld();
    expect(pushDownOf(configOf({ logs: ['calls', 'other'] })).size).toBe(0);
  });
});
