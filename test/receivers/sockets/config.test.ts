import { describe, expect, it } from 'vitest';
import type { ConfigUse, PipelineUse } from '../../../src/core/component.ts';
import { connectionStates } from '../../../src/receivers/shared/session-names.ts';
import { socketsConfig, type SocketsConfig } from '../../../src/receivers/sockets/config.ts';
import { needsOf } from '../../../src/receivers/sockets/needs.ts';
import { socketsWarnings } from '../../../src/receivers/sockets/warnings.ts';

const parse = (input: unknown): SocketsConfig => socketsConfig.parse(input);

describe('the configuration', () => {
  it('has a default for everything', () => {
    expect(parse({})).toEqual({
      events: ['start', 'end', 'listen'],
      states: connectionStates,
      mode: 'auto',
      protocols: ['tcp', 'udp', 'icmp', 'raw'],
      families: ['ipv4', 'ipv6'],
      loopback: true,
      idle_timeout: { udp: 120_000, icmp: 30_000, raw: 600_000 },
      max_sessions: 65_536,
      interval: 1000,
      metrics: { collection_interval: 10_000, temporality: 'cumulative', max_series: 2000, expiry: 300_000 },
    });
  });

  it('becomes what the kernel is asked for', () => {
    const config = parse({
      mode: 'procfs',
      protocols: ['udp'],
      families: ['ipv6'],
      loopback: false,
      cgroup: '/sys/fs/cgroup/a',
      idle_timeout: { udp: 0, icmp: '5s' },
      max_sessions: 2048,
      interval: '3s',
    });
    expect(needsOf(config)).toEqual({
      mode: 'procfs',
      protocols: new Set(['udp']),
      families: new Set(['ipv6']),
      loopback: false,
      cgroup: '/sys/fs/cgroup/a',
      idleTimeoutMs: { udp: 0, icmp: 5000, raw: 600_000 },
      maxSessions: 2048,
      procfsIntervalMs: 3000,
    });
  });

  it.each([
    { events: [] },
    { events: ['begin'] },
    { events: ['end', 'end'] },
    { states: [] },
    { states: ['ESTABLISHED'] },
    { mode: 'kprobe' },
    { protocols: [] },
    { protocols: ['sctp'] },
    { families: ['inet'] },
    { families: [] },
    { loopback: 'no' },
    { cgroup: 'system.slice' },
    { idle_timeout: { tcp: '1s' } },
    { idle_timeout: { udp: 60 } },
    { idle_timeout: { udp: '8000h' } },
    { idle_timeout: '60s' },
    { max_sessions: 0 },
    { max_sessions: 1.5 },
    { max_sessions: 10_000_000 },
    { interval: '1ms' },
    { metrics: { temporality: 'both' } },
    { metrics: { collection_interval: 10 } },
    { metrics: { max_series: 0 } },
    { metrics: { max_series: 100_001 } },
    { metrics: { expiry: '900ms' } },
    { connections: true },
  ])('refuses %j', (input) => {
    expect(socketsConfig.safeParse(input).success).toBe(false);
  });
});

describe('warnings', () => {
  const pipeline = (id: string): PipelineUse => ({
    id,
    signal: id.startsWith('metrics') ? 'metrics' : 'logs',
    receivers: ['sockets'],
    processors: [],
  });
  const warn = (input: unknown, ...ids: readonly string[]) => {
    const graph = (ids.length === 0 ? ['logs'] : ids).map(pipeline);
    const use: ConfigUse = { pipelines: graph.map(({ id }) => id), all: graph.map(({ id }) => id), graph };
    return socketsWarnings(parse(input), use).map(({ option, message }) => [option.join('.'), message]);
  };
  const withoutEffect = expect.stringMatching(/^without effect: /);

  it('are none for what has its effect', () => {
    expect(warn({})).toEqual([]);
    expect(warn({ events: ['end', 'state'], states: ['closed'] })).toEqual([]);
    expect(warn({ protocols: ['udp'], idle_timeout: { udp: '5s' } })).toEqual([]);
    expect(warn({ mode: 'procfs', interval: '5s' })).toEqual([]);
    expect(warn({ protocols: ['tcp'], families: ['ipv6'] })).toEqual([]);
  });

  it.each([
    [{ states: ['closed'] }, 'states'],
    [{ events: ['start', 'state'], protocols: ['udp'] }, 'events.1'],
    [{ protocols: ['tcp'], idle_timeout: { icmp: '5s' } }, 'idle_timeout.icmp'],
    [{ mode: 'ebpf', interval: '5s' }, 'interval'],
    [{ protocols: ['unix'], families: ['ipv4'] }, 'families'],
  ])('tell what has none: %j', (input, option) => {
    expect(warn(input)).toEqual([[option, withoutEffect]]);
  });

  it('ask for no event where there are metrics alone', () => {
    expect(warn({ states: ['closed'] }, 'metrics')).toEqual([]);
    expect(warn({ states: ['closed'] }, 'metrics', 'logs/a')).toEqual([['states', withoutEffect]]);
  });
});
