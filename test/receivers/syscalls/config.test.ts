import { describe, expect, it } from 'vitest';
import type { ConfigUse, PipelineUse } from '../../../src/core/component.ts';
import { callId, eventKind } from '../../../src/kernel/layouts.gen.ts';
import { callGroups, callNameOf, callsOf, kindsOf, listedCalls, recordedCalls } from '../../../src/receivers/shared/call-names.ts';
import { syscallsConfig, type SyscallsConfig } from '../../../src/receivers/syscalls/config.ts';
import { syscallsWarnings } from '../../../src/receivers/syscalls/warnings.ts';
import { allCalls } from './support.ts';

const parse = (input: unknown): SyscallsConfig => syscallsConfig.parse(input);

describe('the configuration', () => {
  it('has a default for everything', () => {
    expect(parse({})).toEqual({
      calls: ['files', 'network'],
      rate_limit: { enabled: true, per: 'process', events_per_second: 20_000, burst: 40_000 },
      aggregate: { enabled: false, interval: 10_000 },
      metrics: { collection_interval: 10_000, temporality: 'cumulative', max_series: 2000, expiry: 300_000 },
    });
  });

  it('takes groups and calls by name', () => {
    expect(
      parse({ calls: ['io', 'openat2', 'execve'], rate_limit: { per: 'cgroup', burst: 1 }, aggregate: { interval: '1s' } }),
    ).toMatchObject({
      calls: ['io', 'openat2', 'execve'],
      rate_limit: { per: 'cgroup', burst: 1, events_per_second: 20_000 },
      aggregate: { interval: 1000 },
    });
  });

  it.each([
    { calls: [] },
    { calls: ['opn'] },
    { calls: ['socketcall'] },
    { calls: ['send'] },
    { calls: 'files' },
    { rate_limit: { per: 'thread' } },
    { rate_limit: { events_per_second: 0 } },
    { rate_limit: { events_per_second: 1.5 } },
    { rate_limit: { burst: 2 ** 32 } },
    { rate_limit: { limit: 1 } },
    { aggregate: { interval: '1ms' } },
    { aggregate: { interval: '2h' } },
    { metrics: { temporality: 'both' } },
    { metrics: { collection_interval: 10 } },
    { metrics: { max_series: 0 } },
    { metrics: { max_series: 100_001 } },
    { metrics: { expiry: '900ms' } },
    { files: true },
  ])('refuses %j', (input) => {
    expect(syscallsConfig.safeParse(input).success).toBe(false);
  });
});

describe('calls', () => {
  it('have all the names that records have, in one group each', () => {
    expect(new Set(listedCalls).size).toBe(listedCalls.length);
    expect([...callsOf(listedCalls)].toSorted()).toEqual([...allCalls].toSorted());
    expect([...callNameOf.keys()].toSorted((a, b) => a - b)).toEqual(
      Object.entries(callId)
        .filter(([name]) => !['none', 'ids', 'socketcall'].includes(name))
        .map(([, id]) => id as number),
    );
  });

  it('that only 32-bit programs make come with those that say the same', () => {
    expect([...callsOf(['recvfrom'])]).toEqual(['recvfrom', 'recv']);
    expect(callsOf(['network']).has('send')).toBe(true);
  });

  it('that make processes are told when they fail, those that start programs not at all', () => {
    const { events, failures } = recordedCalls(callsOf(['process', 'files']));
    expect([...events]).toEqual(callGroups.files);
    expect([...failures]).toEqual(['clone', 'clone3', 'fork', 'vfork']);
  });

  it('become kinds of records', () => {
    expect(kindsOf(callsOf(['files']))).toEqual([eventKind.open, eventKind.unlink]);
    expect(kindsOf(callsOf(['close', 'pread64']))).toEqual([eventKind.read, eventKind.close]);
    expect(kindsOf(new Set())).toEqual([]);
    const { events, failures } = recordedCalls(allCalls);
    expect(new Set(kindsOf(new Set([...events, ...failures]))).size).toBe(eventKind.callFailed - eventKind.open + 1);
    // each has exactly one
    for (const call of [...events, ...failures]) expect(kindsOf(new Set([call]))).toHaveLength(1);
  });
});

describe('warnings', () => {
  const pipeline = (id: string, receivers: readonly string[], processors: readonly string[] = []): PipelineUse => ({
    id,
    signal: id.startsWith('metrics') ? 'metrics' : 'logs',
    receivers,
    processors,
  });
  const warn = (input: unknown, ...graph: readonly PipelineUse[]) => {
    const using = graph.filter(({ receivers }) => receivers.includes('syscalls')).map(({ id }) => id);
    const use: ConfigUse = { pipelines: using, all: graph.map(({ id }) => id), graph };
    return syscallsWarnings(parse(input), use).map(({ option, message }) => [option.join('.'), message]);
  };

  it('are none for the default', () => {
    expect(warn({}, pipeline('logs', ['syscalls']))).toEqual([]);
  });

  it('tell that reads and writes are many', () => {
    const [option, message] = warn(
      { calls: ['files', 'read'] },
      pipeline('logs/a', ['syscalls'], ['redact', 'filter/x']),
      pipeline('logs/b', ['syscalls']),
    )[0]!;
    expect(option).toBe('calls.1');
    expect(message).toContain('no filter stands in the pipeline logs/b');
    expect(warn({ calls: ['io'] }, pipeline('logs', ['syscalls'], ['filter']))).toEqual([]);
    expect(warn({ calls: ['io'], aggregate: { enabled: true } }, pipeline('logs', ['syscalls']))).toEqual([]);
    expect(warn({ calls: ['io'] }, pipeline('metrics', ['syscalls']))).toEqual([]);
  });

  it('tell that there is nothing to add up', () => {
    expect(warn({ aggregate: { enabled: true } }, pipeline('logs', ['syscalls']))).toEqual([
      ['aggregate.enabled', expect.stringContaining('without effect')],
    ]);
  });

  it('tell where processes are told', () => {
    expect(warn({ calls: ['files', 'process'] }, pipeline('logs', ['syscalls']))).toEqual([
      ['calls.1', expect.stringMatching(/^only failures become records here/)],
    ]);
    expect(warn({ calls: ['execve'] }, pipeline('logs', ['syscalls']))).toEqual([
      ['calls.0', expect.stringMatching(/^programs that are started/)],
    ]);
    expect(warn({ calls: ['process'] }, pipeline('logs', ['syscalls']), pipeline('logs/b', ['process/all']))).toEqual([]);
  });
});
