import { expect, test } from 'vitest';
import { mapLayout, netTransport, sessionState } from '../../../src/kernel/layouts.gen.ts';
import type { SocketNeeds } from '../../../src/kernel/sockets/needs.ts';
import { encodeSocketSettings, unionOfSockets } from '../../../src/kernel/sockets/settings.ts';

const NOTHING: SocketNeeds = {
  events: new Set(),
  states: new Set(),
  protocols: new Set(['tcp']),
  families: new Set(['ipv4']),
  loopback: false,
  idleTimeoutMs: {},
  counted: false,
  mode: 'auto',
  cgroup: undefined,
  maxSessions: 1000,
  procfsIntervalMs: 5000,
  ruleSets: [],
};
const at = mapLayout.sessionSettings;

test('nobody asks: undefined, and settings of zeros', () => {
  expect(unionOfSockets([])).toBeUndefined();
  expect(encodeSocketSettings(undefined, 5n)).toEqual(new Uint8Array(at.size));
});

test('together they get what any of them needs', () => {
  const drops = { rules: [], neverDrop: [], hasMore: false };
  const one: SocketNeeds = {
    ...NOTHING,
    events: new Set(['end']),
    ruleSets: [drops],
    mode: 'procfs',
    cgroup: '/one',
    procfsIntervalMs: 1000,
  };
  const two: SocketNeeds = {
    ...NOTHING,
    protocols: new Set(['udp']),
    families: new Set(['ipv6']),
    loopback: true,
    counted: true,
    maxSessions: 9,
  };
  expect(unionOfSockets([one, two])).toEqual({
    events: new Set(['end']),
    states: new Set(),
    protocols: new Set(['tcp', 'udp']),
    families: new Set(['ipv4', 'ipv6']),
    loopback: true,
    idleTimeoutMs: { tcp: 0, udp: 0 },
    counted: true,
    mode: 'auto',
    cgroup: undefined,
    maxSessions: 1000,
    procfsIntervalMs: 1000,
    // who wants no records has no say
    ruleSets: [drops],
  });
  expect(unionOfSockets([one, { ...one, mode: 'ebpf' }])).toMatchObject({ mode: 'ebpf', cgroup: '/one' });
  expect(unionOfSockets([{ ...one, ruleSets: [] }])!.ruleSets, 'who was told of no pipeline drops nothing').toEqual([undefined]);
});

test('a guest adds what it looks at, and changes nothing of what others are told', () => {
  const host: SocketNeeds = { ...NOTHING, counted: true, cgroup: '/one', mode: 'procfs', idleTimeoutMs: { tcp: 5 } };
  const guest: SocketNeeds = {
    ...NOTHING,
    events: new Set(['start']),
    protocols: new Set(['tcp', 'udp']),
    families: new Set(['ipv4', 'ipv6']),
    loopback: true,
    idleTimeoutMs: { tcp: 9, udp: 7 },
    maxSessions: 9000,
    procfsIntervalMs: 1,
    isGuest: true,
  };
  expect(unionOfSockets([guest, host])).toEqual({
    ...host,
    events: new Set(['start']),
    protocols: new Set(['tcp', 'udp']),
    families: new Set(['ipv4', 'ipv6']),
    idleTimeoutMs: { tcp: 5, udp: 7 },
    ruleSets: [undefined],
  });
  const { isGuest: _, ...alone } = guest;
  expect(unionOfSockets([guest]), 'nobody else asks').toEqual({ ...alone, ruleSets: [undefined] });
});

test('the longest idle time counts, and never is longer than all', () => {
  const udp = (idleMs: number): SocketNeeds => ({ ...NOTHING, protocols: new Set(['udp']), idleTimeoutMs: { udp: idleMs } });
  expect(unionOfSockets([udp(10), udp(30)])!.idleTimeoutMs).toEqual({ udp: 30 });
  expect(unionOfSockets([udp(10), udp(0)])!.idleTimeoutMs).toEqual({ udp: 0 });
  expect(unionOfSockets([udp(10), NOTHING])!.idleTimeoutMs, 'who does not follow UDP has no say').toMatchObject({ udp: 10 });
});

test('settings as the programs read them', () => {
  const needs: SocketNeeds = {
    ...NOTHING,
    events: new Set(['start', 'end']),
    states: new Set([sessionState.tcpEstablished, sessionState.tcpClosed]),
    protocols: new Set(['tcp', 'udp']),
    families: new Set(['ipv4', 'ipv6']),
    idleTimeoutMs: { udp: 1.5 },
    counted: true,
  };
  const bytes = encodeSocketSettings(needs, 7n);
  const view = new DataView(bytes.buffer);
  const u32 = (offset: number) => view.getUint32(offset, true);
  expect(view.getBigUint64(at.idleNs + 8 * netTransport.udp, true)).toBe(2_000_000n);
  expect(view.getBigUint64(at.idleNs + 8 * netTransport.tcp, true)).toBe(0n);
  expect(view.getBigUint64(at.cgroupId, true)).toBe(7n);
  expect([u32(at.wants), u32(at.states), u32(at.protocols), u32(at.families), u32(at.noLoopback)]).toEqual([
    0b10101, 0b10000010, 0b110, 3, 1,
  ]);
});

test('who only looks has sessions kept, and nothing told or counted of them', () => {
  const host: SocketNeeds = { ...NOTHING, events: new Set(['end']) };
  const looks: SocketNeeds = {
    ...NOTHING,
    protocols: new Set(['tcp', 'udp']),
    families: new Set(['ipv4', 'ipv6']),
    loopback: true,
    isGuest: true,
  };
  const both = unionOfSockets([host, looks])!;
  expect(both).toMatchObject({
    protocols: new Set(['tcp', 'udp']),
    told: new Set(['tcp']),
    families: new Set(['ipv4']),
    loopback: false,
    events: new Set(['end']),
  });
  const settings = (needs: SocketNeeds): readonly number[] => {
    const view = new DataView(encodeSocketSettings(needs, 0n).buffer);
    return [view.getUint32(at.protocols, true), view.getUint32(at.told, true)];
  };
  const [tcp, udp] = [1 << netTransport.tcp, 1 << netTransport.udp];
  expect(settings(both)).toEqual([tcp | udp, tcp]);
  expect(settings(unionOfSockets([looks])!)).toEqual([tcp | udp, 0]);
  expect(settings(unionOfSockets([host])!)).toEqual([tcp, tcp]);
  expect(settings(unionOfSockets([host, { ...looks, counted: true }])!)).toEqual([tcp | udp, tcp | udp]);
});
