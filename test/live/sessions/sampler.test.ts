import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createSessionSampler } from '../../../src/live/sessions/sampler.ts';
import { createFakeKernel } from './fake-kernel.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const HELD = ['claim', 'reconfigure'];
const LET_GO = ['end', 'reconfigure'];

const create = (options: Parameters<typeof createSessionSampler>[1] = {}) => {
  const fake = createFakeKernel();
  let now = 1000;
  const sampler = createSessionSampler(fake.kernel, { nowMs: () => now, ...options });
  return {
    ...fake,
    sampler,
    async pass(ms: number) {
      now += ms;
      await vi.advanceTimersByTimeAsync(ms);
    },
  };
};

test('nothing is asked of the kernel before somebody looks, and it is let go a while after the last look', async () => {
  const { sampler, done, pass } = create({ keepMs: 5000 });
  expect(done).toEqual([]);
  await sampler.sample();
  await pass(4000);
  await sampler.sample();
  expect(done).toEqual(HELD);
  await pass(4000);
  expect(done, 'a look keeps it').toEqual(HELD);
  await pass(4001);
  expect(done).toEqual([...HELD, ...LET_GO]);
  await sampler.sample();
  expect(done).toEqual([...HELD, ...LET_GO, ...HELD]);
  await sampler.close();
});

test('who looks once a minute has rates', async () => {
  const { sampler, state, done, pass } = create({ keepMs: 15_000 });
  state.rows = [{ id: 1n, sent: 0 }];
  await sampler.sample();
  await pass(60_000);
  await sampler.sample();
  await pass(60_000);
  state.rows = [{ id: 1n, sent: 6000 }];
  const { sinceMs, sessions } = await sampler.sample();
  expect([sinceMs, sessions[0]!.sentRate]).toEqual([60_000, 100]);
  expect(done).toEqual([...HELD, ...LET_GO, ...HELD]);
  await sampler.close();
});

test('who looks at about the same time shares a walk', async () => {
  const { sampler, state, pass } = create({ shareMs: 100 });
  const [one, two] = await Promise.all([sampler.sample(), sampler.sample()]);
  await pass(99);
  expect(await sampler.sample()).toBe(one);
  expect([two, state.shows]).toEqual([one, 1]);
  await pass(1);
  expect(await sampler.sample()).not.toBe(one);
  expect(state.shows).toBe(2);
  await sampler.close();
});

test('rates are by the time that passed; the first look and the first one after a pause have none', async () => {
  const { sampler, state, pass } = create({ keepMs: 5000 });
  state.rows = [{ id: 1n, sent: 1000 }];
  expect(await sampler.sample()).toMatchObject({ sinceMs: 0, sessions: [{ sentRate: 0 }] });
  await pass(2000);
  state.rows = [{ id: 1n, sent: 5000 }];
  expect(await sampler.sample()).toMatchObject({ sinceMs: 2000, sessions: [{ sentRate: 2000 }] });
  await pass(6000);
  expect(await sampler.sample()).toMatchObject({ sinceMs: 0, sessions: [{ sentRate: 0 }] });
  await sampler.close();
});

test('programs that are just loaded anew are waited for; a host that tells nothing is told of', async () => {
  const { sampler, state, done, pass } = create();
  state.failures = ['nothing'];
  expect((await sampler.sample()).sessions).toEqual([]);
  expect(done).toEqual([...HELD, 'reconfigure']);
  await pass(1000);
  state.failures = ['error'];
  expect((await sampler.sample()).sessions, 'a walk that broke is made again').toEqual([]);
  await pass(1000);
  state.failures = ['nothing', 'nothing'];
  state.notes = ['no BTF'];
  await expect(sampler.sample()).rejects.toThrow('this host does not tell of open sessions; no BTF');
  state.failures = ['error', 'error'];
  await expect(sampler.sample(), 'a failure is not shared').rejects.toThrow('open sessions cannot be read: ENOENT');
  expect(sampler.notes()).toEqual(['no BTF']);
  await sampler.close();
});

test('what the kernel refuses is told, and asked for again the next time', async () => {
  const { sampler, state, done, pass } = create();
  state.refuses = true;
  await expect(sampler.sample()).rejects.toThrow('it does not want to');
  expect(done).toEqual([...HELD, ...LET_GO]);
  state.refuses = false;
  await pass(1000);
  await sampler.sample();
  await sampler.close();
  expect(done).toEqual([...HELD, ...LET_GO, ...HELD, ...LET_GO]);
});

test('behind its end nobody is given anything, and nothing is held', async () => {
  const { sampler, done, pass } = create();
  await sampler.sample();
  await pass(1000);
  const [late] = await Promise.allSettled([sampler.sample(), sampler.close()]);
  expect(late).toMatchObject({ status: 'rejected', reason: { message: 'nobody follows sessions any more' } });
  expect(done).toEqual([...HELD, ...LET_GO]);
  await expect(sampler.sample()).rejects.toThrow('nobody follows sessions any more');
  await pass(100_000);
  await sampler.close();
  expect(done).toEqual([...HELD, ...LET_GO]);
  expect(vi.getTimerCount()).toBe(0);
});

test('TIME_WAIT by network namespace', async () => {
  const { sampler, state } = create();
  state.rows = [{ id: 1n, netns: 5, netnsCookie: 55n }];
  state.timeWaits = [{ netns: 5, count: 3 }, { netns: 6, count: 1 }]; // prettier-ignore
  expect((await sampler.sample()).timeWaits).toEqual([
    { netnsCookie: 55n, family: undefined, count: 3 },
    { netnsCookie: 0n, family: undefined, count: 1 },
  ]);
  await sampler.close();
});

test('what cannot be seen is told', async () => {
  const { sampler, state } = create();
  expect(sampler.notes()).toEqual([]);
  await sampler.sample();
  expect(sampler.notes()).toEqual([]);
  state.notes = ['no iterator'];
  state.cgroup = '/sys/fs/cgroup/some.slice';
  // two CPUs
  const values = Buffer.alloc(16 * 16);
  values.writeBigUInt64LE(3n, 0);
  values.writeBigUInt64LE(4n, 8);
  values.writeBigUInt64LE(9n, 16);
  state.stats = { count: 16, keyBytes: 4, valueBytes: 16, keys: Buffer.alloc(64), values };
  expect(sampler.notes()).toEqual([
    'no iterator',
    'of what is not TCP only the sockets of /sys/fs/cgroup/some.slice are followed, as a receiver asks for',
    '7 times a session was not followed, for want of room: max_sessions of the receiver sockets is too small',
  ]);
  await sampler.close();
});
