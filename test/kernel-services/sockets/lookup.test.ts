import { describe, expect, it } from 'vitest';
import { createCounters } from '../../../src/core/counters.ts';
import { sessionFlag, sessionState } from '../../../src/kernel/layouts.gen.ts';
import { CLOCK_STEP_NS, createSocketLookup, type ReadProcfsOptions } from '../../../src/kernel/sockets/lookup.ts';
import type { OpenSocket } from '../../../src/kernel/sockets/open-socket.ts';
import type { SocketQuestion } from '../../../src/kernel/sockets/question.ts';
import { entriesOf, type MadeSession } from './session-bytes.ts';

const LOCAL = [10, 0, 0, 5];
const PEER = [10, 0, 0, 9];
const SECOND = 1_000_000_000n;
const tuple = { protocol: 'tcp', local: Uint8Array.from(LOCAL), localPort: 443, peer: Uint8Array.from(PEER), peerPort: 51_234 } as const;
const question: SocketQuestion = {
  protocol: 'tcp',
  local: { address: tuple.local, port: 443 },
  peer: { address: tuple.peer, port: 51_234 },
};

const made = (over: MadeSession = {}): MadeSession => ({ local: LOCAL, localPort: 443, peer: PEER, peerPort: 51_234, ...over });
const owned = (pid: number, over: MadeSession = {}): MadeSession => made({ owner: { pid, startNs: 5n }, ...over });

const open = (inode: number, pid?: number, startNs = 100n): OpenSocket => ({
  ...tuple,
  family: 'ipv4',
  isDual: false,
  state: sessionState.tcpEstablished,
  inode,
  uid: 0,
  netns: 1,
  zone: undefined,
  holders: pid === undefined ? [] : [{ pid, startNs, fd: 3 }],
  txQueue: 0,
  rxQueue: 0,
});

/** A host whose maps, sockets and clock are ours. */
const createHost = () => {
  const counters = createCounters();
  const host = {
    sessions: undefined as readonly MadeSession[] | undefined,
    flows: [] as readonly MadeSession[],
    sockets: [] as readonly OpenSocket[],
    mapError: undefined as Error | undefined,
    nowNs: 100n * SECOND,
    looks: [] as ReadProcfsOptions[],
    /** Runs while procfs is read, after it was read. */
    during: undefined as (() => void | Promise<void>) | undefined,
    passMs(ms: number) {
      host.nowNs += BigInt(ms) * 1_000_000n;
    },
    count: (name: string, labels: Readonly<Record<string, string>>) =>
      counters
        .samples()
        .filter((sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
        .reduce((sum, { value }) => sum + value, 0),
  };
  const lookup = createSocketLookup({
    counters,
    capacity: 4,
    nowNs: () => host.nowNs,
    nowMs: () => Number(host.nowNs / 1_000_000n),
    readMaps(map, match) {
      if (host.mapError !== undefined) throw host.mapError;
      const entries = map === 'sessions' ? host.sessions : host.flows;
      return entries === undefined || host.sessions === undefined ? undefined : entriesOf(map, entries, match);
    },
    async readProcfs(options) {
      host.looks.push(options);
      const { pids } = options;
      const seen = host.sockets.filter(({ holders }) => pids === undefined || holders.some(({ pid }) => pids.includes(pid)));
      await host.during?.();
      return seen;
    },
    readExecutable: async (pid) => `/bin/p${pid}`,
  });
  return { host, lookup };
};
const pidsOf = (found: readonly { readonly pid: number }[]): readonly number[] => found.map(({ pid }) => pid);

describe('find', () => {
  it('asks the map first, and procfs not at all', async () => {
    const { host, lookup } = createHost();
    host.sessions = [owned(12), owned(99, { localPort: 80 })];
    const [answer, ...others] = await lookup.find(question);
    expect(answer).toMatchObject({ pid: 12, startNs: 5n, source: 'map', knownBy: 'event' });
    expect(others).toEqual([]);
    expect(host.looks).toEqual([]);
    expect(host.count('ringtail_lookups', { source: 'map', result: 'found', transport: 'tcp', family: 'ipv4' })).toBe(1);
  });

  it('finds by a part: a port, a process, either end', async () => {
    const { host, lookup } = createHost();
    host.sessions = [owned(12), owned(13, { localPort: 80, sk: 2n })];
    host.flows = [owned(14, { sk: 3n, transport: 2, localPort: 53, peerPort: 999 })];
    expect(pidsOf(await lookup.find({ either: [{ port: 443 }] }))).toEqual([12]);
    expect(pidsOf(await lookup.find({ either: [{ address: tuple.peer }] }))).toEqual([12, 13, 14]);
    expect(pidsOf(await lookup.find({ pid: 13 }))).toEqual([13]);
    expect(pidsOf(await lookup.find({ protocol: 'udp' }))).toEqual([14]);
  });

  it('goes on to procfs where the map knows nobody, and says so', async () => {
    const { host, lookup } = createHost();
    host.sessions = [made()];
    host.sockets = [open(1, 7)];
    expect(await lookup.find(question)).toMatchObject([{ pid: 7, source: 'procfs', knownBy: 'procfs', executable: '/bin/p7' }]);
    expect(host.count('ringtail_lookups', { source: 'map', result: 'missing' })).toBe(1);
    expect(host.count('ringtail_lookups', { source: 'procfs', result: 'found' })).toBe(1);
  });

  it('does without a map that cannot be read, and counts why', async () => {
    const { host, lookup } = createHost();
    host.mapError = Object.assign(new Error('no'), { code: 'EPERM' });
    host.sockets = [open(1, 7)];
    expect(pidsOf(await lookup.find(question))).toEqual([7]);
    expect(host.count('ringtail_lookup_failures', { source: 'map', reason: 'EPERM' })).toBe(1);
  });

  it('is empty when nothing can be read', async () => {
    const { host, lookup } = createHost();
    host.during = () => {
      throw Object.assign(new Error('no'), { code: 'EACCES' });
    };
    expect(await lookup.find(question)).toEqual([]);
    expect(host.count('ringtail_lookup_failures', { source: 'procfs', reason: 'EACCES' })).toBe(1);
  });

  it('takes what is remembered when it is still so: one process is read and not all', async () => {
    const { host, lookup } = createHost();
    host.sockets = [open(1, 7), { ...open(2, 8), localPort: 80 }];
    await lookup.find(question);
    expect(await lookup.find(question)).toMatchObject([{ pid: 7, source: 'cache' }]);
    expect(host.looks).toEqual([{}, { pids: [7], protocol: 'tcp' }]);
    expect(host.count('ringtail_cache_hits', { cache: 'socket' })).toBe(1);
  });

  it.each<[string, readonly OpenSocket[], readonly number[]]>([
    ['another process has the addresses', [open(2, 8)], [8]],
    ['the same process, another socket', [open(2, 7)], [7]],
    ['another process has the number', [open(1, 7, 999n)], [7]],
    ['nobody has them', [], []],
  ])('never gives a former owner: %s', async (_, later, expected) => {
    const { host, lookup } = createHost();
    host.sockets = [open(1, 7)];
    await lookup.find(question);
    host.sockets = later;
    const found = await lookup.find(question);
    expect(pidsOf(found)).toEqual(expected);
    expect(found.every(({ source }) => source === 'procfs')).toBe(true);
  });

  it('asks again after a pause that grows, and at once when it was found', async () => {
    const { host, lookup } = createHost();
    const pausesMs: number[] = [];
    let lastMs = 0;
    for (let ms = 0; ms < 2_000; ms += 10) {
      const looks = host.looks.length;
      await lookup.find(question);
      if (host.looks.length > looks) {
        pausesMs.push(ms - lastMs);
        lastMs = ms;
      }
      host.passMs(10);
    }
    expect(pausesMs).toEqual([0, 100, 200, 400, 800]);
    host.sockets = [open(1, 7)];
    host.passMs(2_000);
    expect(pidsOf(await lookup.find(question))).toEqual([7]);
  });

  it('reads procfs once for all who ask, and again for who asked after it had begun', async () => {
    const { host, lookup } = createHost();
    host.sockets = [open(1, 7)];
    const reading = Promise.withResolvers<void>();
    host.during = () => reading.promise;
    const first = lookup.find({ either: [{ port: 443 }] });
    await Promise.resolve();
    host.sockets = [open(2, 8)];
    const later = [lookup.find({ either: [{ port: 443 }] }), lookup.find({ pid: 8 }), lookup.find({ protocol: 'tcp' })];
    await new Promise(setImmediate);
    reading.resolve();
    expect(pidsOf(await first)).toEqual([7]);
    for (const found of await Promise.all(later)) expect(pidsOf(found)).toEqual([8]);
    expect(host.looks).toHaveLength(2);
  });

  it('leaves out sessions that are over', async () => {
    const { host, lookup } = createHost();
    host.sessions = [owned(12, { flags: sessionFlag.isClosed }), owned(13, { sk: 2n, state: sessionState.tcpClosed })];
    expect(await lookup.find(question)).toEqual([]);
  });
});

describe('at a moment', () => {
  it('has the owner whose session had begun', async () => {
    const { host, lookup } = createHost();
    host.sessions = [owned(12, { startNs: 50n * SECOND })];
    expect(pidsOf(await lookup.find(question, 60n * SECOND))).toEqual([12]);
    expect(await lookup.find(question, 40n * SECOND)).toEqual([]);
  });

  it('has nobody by a later look at procfs alone: the addresses may have been those of another process', async () => {
    const { host, lookup } = createHost();
    host.sockets = [open(1, 7)];
    expect(await lookup.find(question, host.nowNs)).toEqual([]);
    expect(pidsOf(await lookup.find(question))).toEqual([7]);
  });

  it('has who held it at two looks, for the time between them', async () => {
    const { host, lookup } = createHost();
    host.sockets = [open(1, 7)];
    await lookup.find(question);
    host.passMs(500);
    const between = host.nowNs;
    host.passMs(500);
    await lookup.find(question);
    expect(lookup.peek(tuple, between)).toMatchObject({ pid: 7, source: 'cache' });
    expect(lookup.peek(tuple, between - SECOND)).toBeUndefined();
    expect(lookup.peek(tuple, host.nowNs + CLOCK_STEP_NS)).toBeUndefined();
  });

  it('has who holds what the map knows since before, when the map has the same one afterwards', async () => {
    const { host, lookup } = createHost();
    host.sessions = [made({ startNs: 50n * SECOND, cookie: 1n })];
    host.sockets = [open(1, 7)];
    expect(pidsOf(await lookup.find(question, 60n * SECOND))).toEqual([7]);
  });

  it('has nobody when the map has another one afterwards', async () => {
    const { host, lookup } = createHost();
    host.sessions = [made({ startNs: 50n * SECOND, cookie: 1n })];
    host.sockets = [open(1, 7)];
    host.during = () => void (host.sessions = [made({ startNs: 55n * SECOND, cookie: 2n })]);
    expect(await lookup.find(question, 60n * SECOND)).toEqual([]);
  });
});

describe('peek', () => {
  it('tells from the map who had it then', () => {
    const { host, lookup } = createHost();
    host.sessions = [owned(12, { startNs: 50n * SECOND })];
    expect(lookup.peek(tuple, 60n * SECOND)).toMatchObject({ pid: 12, source: 'map' });
    expect(lookup.peek(tuple, 40n * SECOND)).toBeUndefined();
  });

  it('reads the maps once for all moments that lie before', () => {
    const { host, lookup } = createHost();
    host.sessions = [owned(12, { startNs: 50n * SECOND })];
    expect(lookup.peek(tuple, 60n * SECOND)?.pid).toBe(12);
    // the addresses went to another process afterwards; the record is of before
    host.sessions = [owned(13, { startNs: 100n * SECOND, cookie: 8n })];
    expect(lookup.peek(tuple, 61n * SECOND)?.pid).toBe(12);
    host.passMs(200);
    expect(lookup.peek(tuple, host.nowNs)?.pid).toBe(13);
  });

  it('asks for what it does not know, once, and knows it later', async () => {
    const { host, lookup } = createHost();
    host.sessions = [made({ startNs: 50n * SECOND })];
    host.sockets = [open(1, 7)];
    expect(lookup.peek(tuple, 60n * SECOND)).toBeUndefined();
    expect(lookup.peek(tuple, 60n * SECOND)).toBeUndefined();
    await new Promise(setImmediate);
    expect(host.looks).toHaveLength(1);
    expect(lookup.peek(tuple, 60n * SECOND)).toMatchObject({ pid: 7, source: 'cache', executable: '/bin/p7' });
  });
});

it('keeps at most so many connections, and counts what it gave up', async () => {
  const { host, lookup } = createHost();
  for (let port = 1; port <= 6; port++) {
    host.sockets = [{ ...open(port, 7), localPort: port }];
    await lookup.find({ ...question, local: { address: tuple.local, port } });
  }
  expect(host.count('ringtail_cache_entries', { cache: 'socket' })).toBe(4);
  expect(host.count('ringtail_cache_evictions', { cache: 'socket' })).toBe(2);
  expect(host.count('ringtail_cache_bytes', { cache: 'socket' })).toBeGreaterThan(0);
  lookup.close();
  expect(host.count('ringtail_cache_entries', { cache: 'socket' })).toBe(0);
});
