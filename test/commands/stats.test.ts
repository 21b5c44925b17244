import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createCli } from './fakes.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Serves one page after the other, the last one again and again. */
const serve = async (...pages: readonly (readonly string[])[]): Promise<string> => {
  let requests = 0;
  const server = http.createServer((_, response) => response.end(`${pages[Math.min(requests++, pages.length - 1)]!.join('\n')}\n`));
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  closers.push(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const PAGE = [
  'ringtail_receiver_rung{receiver="sockets",rung="ebpf"} 1',
  'ringtail_hook{receiver="sockets",hook="tcp",rung="tp_btf",health="best"} 1',
  'ringtail_hook{receiver="sockets",hook="udp",rung="cgroup_skb",health="degraded"} 1',
  'ringtail_session_open{transport="tcp",family="ipv4"} 12',
  'ringtail_session_open{transport="udp",family="ipv6"} 3',
  'ringtail_session_entries{map="sessions"} 20',
  'ringtail_session_entries{map="session_counts"} 4',
  'ringtail_session_capacity{map="sessions"} 1000',
  'ringtail_session_bytes{map="sessions"} 22784',
  'ringtail_cache_hits_total{cache="process"} 99',
  'ringtail_cache_misses_total{cache="process"} 1',
  'ringtail_cache_entries{cache="process"} 40',
  'ringtail_cache_entries{cache="process_alive"} 30',
  'ringtail_cache_evictions_total{cache="process"} 2',
  'ringtail_cache_hits_total{cache="socket"} 0',
  'ringtail_cache_misses_total{cache="socket"} 0',
  'ringtail_cache_bytes{cache="socket"} 100',
  'ringtail_lookups_total{source="map",result="found",transport="tcp",family="ipv4"} 9',
  'ringtail_lookups_total{source="map",result="missing",transport="tcp",family="ipv4"} 1',
  'ringtail_lookups_total{source="map",result="found",transport="udp",family="ipv6"} 2',
  'ringtail_lookups_total{source="procfs",result="failed",transport="any",family="any"} 1',
  'ringtail_lookup_failures_total{source="procfs",reason="EACCES"} 1',
  'ringtail_lookup_seconds_total{source="map"} 0.00012',
  'ringtail_lookup_longest_seconds{source="map"} 0.0021',
  'ringtail_attribution_total{source="ebpf",result="named"} 7',
  'ringtail_attribution_total{source="ebpf",result="unnamed"} 0',
  'ringtail_attribution_total{source="procfs",result="named"} 0',
  'ringtail_attribution_total{source="none",result="unnamed",transport="udp",family="ipv6"} 1',
  'ringtail_traces_total{receiver="process",outcome="told"} 12',
  'ringtail_traces_total{receiver="process",outcome="not_sampled"} 3',
  'ringtail_traces_total{receiver="process",outcome="rate_limited"} 0',
  'ringtail_traces{receiver="process",outcome="waiting"} 1',
  'ringtail_trace_spans_total{receiver="process",outcome="told"} 250',
  'ringtail_trace_spans_total{receiver="process",outcome="forgotten"} 2',
  'ringtail_session_incidents_total{incident="no_room"} 5',
  'something_else{of="others"} 1',
];

describe('ringtail stats', () => {
  it('prints one table, without what is not known', async () => {
    const cli = createCli();
    expect(await cli.run('stats', '--address', await serve(PAGE))).toBe(0);
    expect(cli.stdout()).toBe(
      [
        'WHAT          OF                    VALUE  MORE',
        'hook          sockets                ebpf',
        'hook          sockets tcp          tp_btf  best',
        'hook          sockets udp      cgroup_skb  degraded',
        'sessions      tcp ipv4                 12  open',
        'sessions      udp ipv6                  3  open',
        'map           sessions                 20  entries, 2.0 % of 1000, 22 KiB',
        'map           session_counts            4  entries',
        'cache         process              99.0 %  99 hits, 1 misses, 40 entries, 2 evicted',
        'cache         socket                       0 hits, 0 misses, 100 B',
        'cache         process_alive                30 entries',
        'look-up       map tcp ipv4         90.0 %  9 found, 1 missing, 0 failed',
        'look-up       map udp ipv6          100 %  2 found, 0 missing, 0 failed',
        'look-up       procfs                0.0 %  0 found, 0 missing, 1 failed',
        'look-up time  map                 10.0 µs  mean, longest 2.1 ms',
        'failure       procfs EACCES             1',
        'named by      ebpf                  100 %  7 named, 0 not',
        'named by      nobody udp ipv6       0.0 %  0 named, 1 not',
        'traces        process                  12  told, 3 not sampled, 1 waiting',
        'trace spans   process                 250  told, 2 forgotten',
        'incident      no room                   5',
        '',
      ].join('\n'),
    );
  });

  it('prints JSON, without what is not known', async () => {
    const cli = createCli();
    expect(await cli.run('stats', '--address', await serve(PAGE), '--json')).toBe(0);
    expect(JSON.parse(cli.stdout())).toMatchObject({
      hooks: [
        { receiver: 'sockets', hook: '', rung: 'ebpf', health: '' },
        { hook: 'tcp', health: 'best' },
        { hook: 'udp', health: 'degraded' },
      ],
      sessions: [
        { transport: 'tcp', family: 'ipv4', open: 12 },
        { transport: 'udp', family: 'ipv6', open: 3 },
      ],
      maps: [{ map: 'sessions', entries: 20, capacity: 1000, bytes: 22784 }, { map: 'session_counts' }],
      caches: [
        { cache: 'process', hitRate: 0.99 },
        { cache: 'socket', hits: 0 },
        { cache: 'process_alive', entries: 30 },
      ],
      failures: [{ source: 'procfs', reason: 'EACCES', count: 1 }],
      traces: [
        {
          receiver: 'process',
          traces: { told: 12, not_sampled: 3, rate_limited: 0, waiting: 1 },
          spans: { told: 250, forgotten: 2 },
        },
      ],
      incidents: [{ incident: 'no_room', count: 5 }],
    });
    expect(cli.stdout()).not.toContain('null');
    const { caches, maps } = JSON.parse(cli.stdout()) as Record<string, readonly object[]>;
    expect(caches![2]).toEqual({ cache: 'process_alive', entries: 30 });
    expect(maps![1]).toEqual({ map: 'session_counts', entries: 4 });
  });

  it('asks twice, for what is open is walked when a page is asked for', async () => {
    const cli = createCli();
    const hook = 'ringtail_hook{receiver="sockets",hook="tcp",rung="tp_btf",health="best"} 1';
    expect(await cli.run('stats', '--address', await serve([hook], [hook, 'ringtail_session_open{transport="tcp",family="ipv4"} 1']))).toBe(
      0,
    );
    expect(cli.stdout()).toContain('tcp ipv4');
  });

  it('makes the names of a hostile page safe for a terminal', async () => {
    const cli = createCli();
    expect(await cli.run('stats', '--address', await serve(['ringtail_session_entries{map="\u001b[31m"} 1']))).toBe(0);
    expect(cli.stdout()).not.toContain('\u001b');
  });

  it('says when there is no Ringtail, or nothing to tell', async () => {
    const cli = createCli();
    expect(await cli.run('stats', '--address', await serve(['hello']))).toBe(4);
    expect(cli.stderr()).toContain('there are no statistics on the page of');
    const nothing = createCli();
    expect(await nothing.run('stats', '--address', '127.0.0.1:1')).toBe(4);
    expect(nothing.stderr()).toMatch(/cannot read the metrics of 127\.0\.0\.1:1: .*; is Ringtail running there\?/);
    const wrong = createCli();
    expect(await wrong.run('stats', '--address', 'here')).toBe(2);
  });
});
