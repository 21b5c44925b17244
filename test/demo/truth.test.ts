import { describe, expect, it } from 'vitest';
import { cgroupNames, v2Mount } from '../../scripts/demo/places.ts';
import { summaryOf } from '../../scripts/demo/summary.ts';
import { type Actor, noCounts, noTypes, truthOf } from '../../scripts/demo/truth.ts';

const actor = (role: Actor['role'], cgroup: string, netns: number, requests: number): Actor => ({
  role,
  pid: 1,
  executable: '/opt/ringtail/build/demo-client',
  cgroup,
  cgroupId: cgroup.length,
  ...(cgroup.includes('docker') ? { containerId: cgroup.slice(-64) } : {}),
  netns,
  types: { ...noTypes(), http: { ...noCounts(), requests, sessions: 2, sessionsIpv6: 1, sentBytes: 2048, receivedBytes: 10 } },
  programs: {},
});

const head = {
  type: 'http',
  started: '2026-11-21T20:00:00.000Z',
  ended: '2026-11-21T20:00:05.000Z',
  endedBy: 'requests' as const,
  leftOut: ['IPv6: there is no ::1'],
  listening: [],
};

describe('the ground truth', () => {
  const container = `/demo/docker/${'3f'.repeat(32)}`;
  const truth = truthOf(head, [actor('server', '/demo/a', 1, 6), actor('client', '/demo/a', 1, 4), actor('client', container, 2, 2)]);

  it('adds up by role, cgroup and network namespace', () => {
    expect([truth.clients.http.requests, truth.servers.http.requests]).toEqual([6, 6]);
    expect(truth.byCgroup.map(({ cgroup, cgroupId, types }) => [cgroup, cgroupId, types.http.requests, types.http.sentBytes])).toEqual([
      ['/demo/a', 7, 10, 4096],
      [container, container.length, 2, 2048],
    ]);
    expect(truth.byNetns.map(({ netns, types }) => [netns, types.http.sessions])).toEqual([
      [1, 4],
      [2, 2],
    ]);
  });

  it('is told to people', () => {
    expect(summaryOf(truth)).toMatchInlineSnapshot(`
      "Ground truth: all requests were made, in 5.0 s.

      CLIENTS  REQUESTS      OUT    IN  MORE
      HTTP            6  4.0 KiB  20 B  4 connections, 2 of them IPv6

      CGROUP (clients and servers)     REQUESTS  SOCKETS     SENT  RECEIVED
      /demo/a                                10        4  4.0 KiB      20 B
      /demo/docker/3f3f3f3f3f3f [CTR]         2        2  2.0 KiB      10 B

      NETWORK NAMESPACE  REQUESTS  SOCKETS     SENT  RECEIVED
      1                        10        4  4.0 KiB      20 B
      2                         2        2  2.0 KiB      10 B
      left out: IPv6: there is no ::1
      "
    `);
  });
});

describe('places', () => {
  it('nests cgroups in pairs', () => {
    expect(cgroupNames(5)).toEqual(['demo-a', 'demo-a/demo-b', 'demo-c', 'demo-c/demo-d', 'demo-e']);
    expect(cgroupNames(0)).toEqual([]);
  });

  it.each([
    ['alone', 'cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n', '/sys/fs/cgroup'],
    [
      'beside v1',
      'cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n',
      '/sys/fs/cgroup/unified',
    ],
    ['not at all', 'cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n', undefined],
  ])('finds the v2 hierarchy where it is mounted %s', (_, mounts, place) => {
    expect(v2Mount(mounts)).toBe(place);
  });
});
