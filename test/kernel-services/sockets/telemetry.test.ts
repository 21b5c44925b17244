import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createCounters } from '../../../src/core/counters.ts';
import { mapLayout, sessionState, sessionStat } from '../../../src/kernel/layouts.gen.ts';
import type { SocketsStatus } from '../../../src/kernel/sockets/needs.ts';
import { createSocketTelemetry } from '../../../src/kernel/sockets/telemetry.ts';
import { createSessionMaps } from '../../receivers/sockets/maps.ts';

const NOTHING: SocketsStatus = { rung: 'none', notes: [], hooks: [], pushDown: { places: [] } };
const EBPF: SocketsStatus = {
  ...NOTHING,
  rung: 'ebpf',
  hooks: [
    { hook: 'tcp', rung: 'tp_btf', note: '' },
    { hook: 'udp', rung: 'cgroup_skb', note: 'received bytes are those that reached the socket' },
    { hook: 'release', rung: 'none', note: 'cgroup v2 is not mounted' },
  ],
};

const setUp = () => {
  const counters = createCounters();
  const { now, maps } = createSessionMaps();
  let clockMs = 0;
  const stats: number[] = Array.from({ length: sessionStat.stats }, () => 0);
  const read = (map: string) => {
    if (map !== 'session_stats') return maps.read(map);
    const values = Buffer.alloc(2 * 8 * sessionStat.stats);
    for (const [index, count] of stats.entries()) values.writeBigUInt64LE(BigInt(count), 16 * index + 8);
    return { count: stats.length, keyBytes: 4, valueBytes: 16, keys: Buffer.alloc(4 * stats.length), values };
  };
  const telemetry = createSocketTelemetry({ counters, maps: { ...maps, read }, nowMs: () => clockMs });
  /** As a page shows them: `name{labels} value`. */
  const page = async (): Promise<readonly string[]> => {
    const lines = counters.samples().map(({ name, labels, value }) => `${name.replace('ringtail_', '')}{${Object.values(labels).join()}} ${value}`);
    clockMs += 1000;
    await setImmediate();
    return lines;
  };
  return { telemetry, now, stats, page };
}; // prettier-ignore

describe('own numbers of sessions', () => {
  it('are by what each part is done', async () => {
    const { telemetry, page } = setUp();
    telemetry.update(EBPF, 1000);
    expect((await page()).filter((line) => /^(hook|receiver_rung)/.test(line))).toEqual([
      'receiver_rung{sockets,ebpf} 1',
      'hook{sockets,tcp,tp_btf,best} 1',
      'hook{sockets,udp,cgroup_skb,degraded} 1',
      'hook{sockets,release,none,missing} 1',
    ]);
    telemetry.update({ ...NOTHING, rung: 'procfs' }, 1000);
    expect((await page()).filter((line) => /^(hook|receiver_rung)/.test(line))).toEqual(['receiver_rung{sockets,procfs} 1']);
    telemetry.update(NOTHING, undefined);
    expect((await page()).filter((line) => /^(hook|receiver_rung)/.test(line))).toEqual([]);
  });

  it('are what is open and how full the maps are, as soon as they were walked', async () => {
    const { telemetry, page, now } = setUp();
    now.live = [
      { state: sessionState.tcpEstablished, open: 3 },
      { role: 'server', state: sessionState.tcpSynReceived, open: 1 },
      { transport: 'udp', family: 6, open: 2 },
      { state: sessionState.tcpTimeWait, open: 9 },
    ];
    now.ended = [{ opened: 1 }];
    const of = async () => (await page()).filter((line) => /^session_(open|entries|capacity|bytes)/.test(line));
    expect(await of()).toEqual([]);
    telemetry.update(EBPF, 1000);
    await page();
    now.live = now.live.slice(1);
    await page();
    // the map's buckets, then the entries with their keys and 48 bytes each
    expect(await of()).toEqual([
      'session_entries{sessions} 3',
      'session_capacity{sessions} 1000',
      `session_bytes{sessions} ${1024 * 16 + 3 * (8 + mapLayout.session.size + 48)}`,
      'session_entries{flows} 0',
      'session_capacity{flows} 1000',
      `session_bytes{flows} ${1024 * 16}`,
      'session_open{tcp,ipv4} 1',
      'session_open{udp,ipv6} 2',
      'session_entries{session_counts} 1',
    ]);
  });

  it('are what was out of the ordinary, which never goes back', async () => {
    const { telemetry, page, stats } = setUp();
    telemetry.update(EBPF, 1000);
    const of = async () => (await page()).filter((line) => /^session_incidents.* [1-9]/.test(line));
    expect(await of()).toEqual([]);
    stats[sessionStat.noRoom] = 7;
    stats[sessionStat.moved] = 2;
    expect(await of()).toEqual(['session_incidents{no_room} 7', 'session_incidents{moved} 2']);
    stats[sessionStat.noRoom] = 1;
    expect(await of()).toEqual(['session_incidents{no_room} 8', 'session_incidents{moved} 4']);
    telemetry.close();
    expect(await of()).toEqual(['session_incidents{no_room} 8', 'session_incidents{moved} 4']);
  });

  it('are nothing of maps where they cannot be walked', async () => {
    const { telemetry, page, now } = setUp();
    now.canWalk = false;
    telemetry.update(EBPF, 1000);
    await page();
    expect((await page()).filter((line) => /^session_(open|entries)/.test(line))).toEqual([]);
  });
});
