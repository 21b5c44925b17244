import { createServer } from 'node:net';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '../../../src/core/logger.ts';
import type { NativeFilter, NativeHook } from '../../../src/kernel/addon.ts';
import { createAttach } from '../../../src/kernel/packets/attach.ts';
import { createFilters } from '../../../src/kernel/packets/filters.ts';
import type { HookMode } from '../../../src/kernel/packets/ladder.ts';
import { fakePrograms, filterOf, linkOf, refusal } from './fakes.ts';

const HANDLE = 0x5254_0001;
const link = linkOf(3, 'veth0');
type Xdp = { readonly mode: 'native' | 'generic' | 'offloaded'; readonly id: number; readonly name: string } | undefined;

const attachWith = (refuse: (hook: NativeHook) => string | undefined, xdp: () => Promise<Xdp> = async () => undefined) => {
  const programs = fakePrograms(1, refuse);
  const attach = createAttach({ addon: { xdpOn: xdp }, programs, filters: { handle: async () => HANDLE } });
  return { programs, attach };
};

test.each<[what: string, refusals: Partial<Record<HookMode, string>>, mode: HookMode | 'none', note: RegExp]>([
  ['the best one', {}, 'xdp', /^$/],
  ['the next one, and why', { xdp: 'EOPNOTSUPP' }, 'tcx', /^veth has no native XDP$/],
  [
    'the last one, and why',
    { xdp: 'EBUSY', tcx: 'EINVAL' },
    'clsact',
    /^another XDP program is attached and stays; tcx was refused: EINVAL$/,
  ],
  ['none without privileges', { xdp: 'EPERM', tcx: 'EPERM', clsact: 'EPERM' }, 'none', /xdp needs CAP_NET_ADMIN and CAP_BPF: run as root/],
  [
    'none of its size',
    { xdp: 'ERANGE', tcx: 'EBUSY', clsact: 'EBUSY' },
    'none',
    /its driver refuses xdp \(ERANGE\), perhaps for its MTU of 1500/,
  ],
])('%s', async (_, refusals, mode, note) => {
  const { attach } = attachWith(({ kind }) => refusals[kind]);
  const attached = await attach(link, { modes: ['xdp', 'tcx', 'clsact'], note: '' });
  expect(attached.mode).toBe(mode);
  expect(attached.note).toMatch(note);
});

test('the program that is there is told by its name and number, by its number alone where names are not told', async () => {
  const ladder = { modes: ['xdp'], note: 'it would have cost much' } as const;
  const named = attachWith(() => 'EEXIST', async () => ({ mode: 'native', id: 12, name: 'balancer' })); // prettier-ignore
  expect((await named.attach(link, ladder)).note).toBe('the native XDP program balancer (id 12) is attached and stays');
  const nameless = attachWith(() => 'EBUSY', async () => ({ mode: 'generic', id: 12, name: '' })); // prettier-ignore
  expect((await nameless.attach(link, ladder)).note).toBe('the generic XDP program (id 12) is attached and stays');
  const unknown = attachWith(() => 'EBUSY', async () => { throw refusal('EPERM'); }); // prettier-ignore
  expect((await unknown.attach(link, ladder)).note).toBe('another XDP program is attached and stays');
});

test('a filter stands as far in front as others let it', async () => {
  const { attach, programs } = attachWith(({ priority }) => (priority! < 3 ? 'EINVAL' : undefined));
  expect((await attach(link, { modes: ['clsact'], note: '' })).mode).toBe('clsact');
  expect([...programs.hooks.values()]).toEqual([{ ifindex: 3, kind: 'clsact', handle: HANDLE, priority: 3, raw: false }]);
});

test('an interface that went meanwhile is no reason to complain', async () => {
  const { attach } = attachWith(() => 'ENODEV');
  expect(await attach(link, { modes: ['tcx', 'clsact'], note: '' })).toEqual({ hook: undefined, mode: 'none', note: '' });
});

/** As the filters of another Ringtail are while it lives. */
const holdHandle = async (handle: number): Promise<void> => {
  const server = createServer().listen({ path: `\0ringtail-clsact-${handle.toString(16)}` });
  await once(server, 'listening');
  onTestFinished(() => void server.close());
};

const sweepOf = async (filters: readonly NativeFilter[]): Promise<readonly number[]> => {
  const removed: number[] = [];
  const addon = {
    filters: async () => filters,
    removeFilter: async ({ handle }: Pick<NativeFilter, 'handle'>) => void removed.push(handle),
  };
  const all = createFilters(addon, silentLogger);
  await all.sweep();
  all.stop();
  return removed;
};

test('filters of Ringtails that are no more are removed; those of living ones and of others are not', async () => {
  const [dead, alive] = [0x5254_f001, 0x5254_f002];
  await holdHandle(alive);
  const removed = await sweepOf([
    filterOf(dead, 'on_clsact:[12]'),
    filterOf(dead + 2, 'on_clsact_raw:[13]'),
    filterOf(alive, 'on_clsact:[12]'),
    filterOf(1, 'on_clsact:[12]'),
    filterOf(dead, 'cil_from_netdev'),
    filterOf(dead, 'on_clsact_of_others:[1]'),
  ]);
  expect(removed).toEqual([dead, dead + 2]);
});

test('a number is held for as long as the filters are, and none is had twice', async () => {
  const nothing = { filters: async () => [], removeFilter: async () => {} };
  const [one, other] = [createFilters(nothing, silentLogger), createFilters(nothing, silentLogger)];
  const handle = await one.handle();
  expect(await one.handle()).toBe(handle);
  expect(await other.handle()).not.toBe(handle);
  expect(await sweepOf([filterOf(handle, 'on_clsact:[12]')])).toEqual([]);
  one.stop();
  other.stop();
  await expect.poll(() => sweepOf([filterOf(handle, 'on_clsact:[12]')])).toEqual([handle]);
});

test('filters that cannot be listed are no reason to stop', async () => {
  const addon = { filters: () => Promise.reject(refusal('EPERM')), removeFilter: async () => {} };
  await expect(createFilters(addon, silentLogger).sweep()).resolves.toBeUndefined();
});
