import { describe, expect, it } from 'vitest';
import type { ConfigUse } from '../../../src/core/component.ts';
import { processConfig } from '../../../src/receivers/process/config.ts';
import { processWarnings } from '../../../src/receivers/process/traces-config.ts';

describe('the configuration', () => {
  it('has a default for everything', () => {
    expect(processConfig.parse({})).toEqual({
      events: ['exec', 'fork', 'exit'],
      args: { enabled: true, max_bytes: 32_768 },
      failed_execs: true,
      threads: false,
      metrics: { collection_interval: 10_000, temporality: 'cumulative', max_series: 2000, expiry: 300_000 },
      traces: {
        roots: { executables: [], cgroups: [], containers: [], sessions: false, users: [], pids: [], host: false },
        traceparent: 'off',
        sampling: { ratio: 1, traces_per_second: 0, keep_errors: false, keep_slower_than: 0, window: 30_000, max_spans: 20_000 },
        events: [],
        mark_after: 10_000,
      },
    });
  });

  it.each([
    { events: [] },
    { metrics: { collection_interval: 10 } },
    { metrics: { temporality: 'both' } },
    { metrics: { max_series: 0 } },
    { metrics: { max_series: 100_001 } },
    { metrics: { expiry: '1ms' } },
    { metrics: { interval: '1s' } },
    { traces: { roots: { executables: 'make' } } },
    { traces: { roots: { cgroups: ['relative'] } } },
    { traces: { roots: { pids: [0] } } },
    { traces: { traceparent: true } },
    { traces: { sampling: { ratio: 2 } } },
    { traces: { sampling: { window: '0s' } } },
    { traces: { events: ['everything'] } },
    { traces: { mark_after: -1 } },
    { other: 1 },
  ])('refuses %j', (input) => {
    expect(processConfig.safeParse(input).success).toBe(false);
  });
});

describe('what is warned of', () => {
  const warned = (traces: object, signal: 'logs' | 'traces') =>
    processWarnings(processConfig.parse({ traces }), { pipelines: ['x'], graph: [{ id: 'x', signal }] } as unknown as ConfigUse).map(
      ({ option }) => option.join('.'),
    );
  const roots = { executables: ['make'] };

  it.each([
    [{}, 'logs', []],
    [{ roots, traceparent: 'roots' }, 'logs', ['traces.roots', 'traces.traceparent']],
    [{ roots, traceparent: 'roots' }, 'traces', []],
    [{ traceparent: 'roots' }, 'traces', ['traces.roots']],
    [{ traceparent: 'all' }, 'traces', []],
  ] as const)('of %j in a pipeline of %s: %j', (traces, signal, options) => {
    expect(warned(traces, signal)).toEqual(options);
  });
});
