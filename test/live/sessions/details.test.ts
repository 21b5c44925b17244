import { expect, test, vi } from 'vitest';
import { headFlag, sessionFlag } from '../../../src/kernel/layouts.gen.ts';
import { createSessionSampler } from '../../../src/live/sessions/sampler.ts';
import type { LiveSession, SessionDetails } from '../../../src/live/sessions/types.ts';
import { escapeText } from '../../../src/text/escape.ts';
import { createFakeKernel } from './fake-kernel.ts';
import type { ShownRow } from './shown.ts';

const AF_INET6 = 10;
const AF_UNIX = 1;
const LINK_LOCAL = [0xfe, 0x80, ...Array.from({ length: 13 }, () => 0), 1];
const ANY_6 = Array.from({ length: 16 }, () => 0);

const setUp = async (...rows: readonly ShownRow[]) => {
  const fake = createFakeKernel();
  let now = 0;
  const sampler = createSessionSampler(fake.kernel, { shareMs: 0, keepMs: Infinity, nowMs: () => now });
  fake.state.rows = rows;
  const look = async (): Promise<readonly LiveSession[]> => (await sampler.sample()).sessions;
  return { ...fake, sampler, look, pass: (ms: number) => void (now += ms) };
};

const detailsOf = async (row: Partial<ShownRow>): Promise<SessionDetails> => {
  const { sampler, look } = await setUp({ id: 1n, ...row });
  const details = sampler.details((await look())[0]!);
  await sampler.close();
  return details;
};

test.each([
  ['IPv4', {}, '10.0.0.1:1000', '10.0.0.2:80'],
  ['a listener of all', { state: 10, local: [0, 0, 0, 0], peer: [0, 0, 0, 0], peerPort: 0 }, '0.0.0.0:1000', ''],
  ['of both families', { state: 10, family: AF_INET6, local: ANY_6, peer: ANY_6, peerPort: 0, flags: sessionFlag.localDual }, '*:1000', ''],
  ['IPv6 only', { state: 10, family: AF_INET6, local: ANY_6, peer: ANY_6, peerPort: 0 }, '[::]:1000', ''],
  ['link-local', { family: AF_INET6, local: LINK_LOCAL, peer: LINK_LOCAL, zone: 'eth0' }, '[fe80::1%eth0]:1000', '[fe80::1%eth0]:80'],
  ['a zone that is not about the address', { family: AF_INET6, local: [0x20, 1, ...ANY_6.slice(2)], peer: LINK_LOCAL, zone: 'eth0' }, '[2001::]:1000', '[fe80::1%eth0]:80'],
  ['IPv4 in IPv6', { family: AF_INET6, local: [...ANY_6.slice(6), 255, 255, 10, 0, 0, 1].slice(0, 16), peer: [...ANY_6.slice(6), 255, 255, 10, 0, 0, 2].slice(0, 16) }, '[::ffff:10.0.0.1]:1000', '[::ffff:10.0.0.2]:80'],
  ['without ports', { transport: 'icmp', localPort: 9, peerPort: 0 }, '10.0.0.1', '10.0.0.2'],
] as const)('%s', async (_, row, local, peer) => {
  expect(await detailsOf(row)).toMatchObject({ local, peer });
}); // prettier-ignore

test('a process is its path, else the name of its thread; who is gone keeps what it was', async () => {
  const { sampler, look, state, pass } = await setUp({ id: 1n, pid: 7, comm: Buffer.from('first') });
  const [session] = await look();
  expect(sampler.details(session!).process).toBe('first');
  state.paths.set(7, '/usr/bin/first');
  expect(sampler.details(session!).process, 'asked for again in its time').toBe('first');
  pass(6000);
  expect(sampler.details(session!).process).toBe('/usr/bin/first');
  state.paths.clear();
  pass(6000);
  expect(sampler.details(session!).process).toBe('/usr/bin/first');
  await sampler.close();
});

test('hostile names come as they are, every byte of them, and are made safe by whoever shows them', async () => {
  const { process } = await detailsOf({ pid: 7, comm: Buffer.from('\u001b[2J\u202e\xff', 'latin1') });
  expect(escapeText(process)).toBe(String.raw`\x1b[2J.\xff`);
  const zoned = await detailsOf({ family: AF_INET6, local: LINK_LOCAL, zone: '\u001b]0;x' });
  expect(escapeText(zoned.local)).toBe(String.raw`[fe80::1%\x1b]0;x]:1000`);
  expect(JSON.parse(JSON.stringify(process))).toBe(process);
});

test('users by name, else by number; those of containers by their process', async () => {
  const { sampler, look, state } = await setUp(
    { id: 1n, pid: 7, uid: 1000 },
    { id: 2n, pid: 8, uid: 1001 },
    { id: 3n, pid: 9, uid: 33, ownerFlags: headFlag.nestedPidNs },
    { id: 4n, uid: 1000 },
  );
  state.users.set(1000, 'ada');
  state.users.set(33, 'web');
  const sessions = await look();
  const shown = sessions.map((session) => sampler.details(session)).map(({ user, uid }) => `${user} ${uid}`);
  expect(shown).toEqual(['ada 1000', '1001 1001', 'web 33', 'ada 1000']);
  expect(state.questions).toContainEqual({ uid: 33, process: { pid: 9, startNs: 5_000_000_000n } });
  const asked = state.questions.length;
  await look();
  expect(state.questions, 'names are asked for once').toHaveLength(asked);
  await sampler.close();
});

test('a user base that hangs holds nobody up', async () => {
  vi.useFakeTimers();
  try {
    const { sampler, look, kernel } = await setUp({ id: 1n, pid: 7, uid: 1000 });
    vi.spyOn(kernel.users, 'lookup').mockReturnValue(new Promise(() => {}));
    const looked = look();
    await vi.advanceTimersByTimeAsync(100);
    expect(sampler.details((await looked)[0]!).user).toBe('1000');
    await sampler.close();
  } finally {
    vi.useRealTimers();
  }
});

test('containers and paths of cgroups, as they are known at each look', async () => {
  const { sampler, look, state } = await setUp({ id: 1n, cgroupId: 5n }, { id: 2n, cgroupId: 6n });
  state.cgroups.set(5n, '/docker/abc');
  const [inside, outside] = await look();
  expect(sampler.details(inside!)).toMatchObject({ container: undefined, cgroup: '/docker/abc' });
  state.containers.set(5n, { id: 'abc', name: 'web' });
  await look();
  expect(sampler.details(inside!)).toMatchObject({ container: { id: 'abc', name: 'web' }, cgroup: '/docker/abc' });
  expect(sampler.details(outside!)).toMatchObject({ container: undefined, cgroup: '' });
  await sampler.close();
});

test('unix sockets by their names', async () => {
  const { sampler, look, state } = await setUp({
    id: 1n,
    family: AF_UNIX,
    transport: 'unix',
    sk: 0xffff_8880_1234_5678n,
    peerPort: 0,
    localPort: 0,
  });
  const value = Buffer.alloc(232);
  value.writeUInt32LE(14, 0);
  value.write('/run/some.sock', 16);
  value.writeUInt32LE(5, 4);
  value.write('\0hide', 16 + 108);
  const keys = Buffer.alloc(8);
  keys.writeBigUInt64LE(0xffff_8880_1234_5678n);
  state.unix = { count: 1, keyBytes: 8, valueBytes: 232, keys, values: value };
  expect(sampler.details((await look())[0]!)).toMatchObject({ local: '/run/some.sock', peer: '@hide' });
  await sampler.close();
});
