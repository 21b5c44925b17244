import { expect, test } from 'vitest';
import { sessionFlag } from '../../../src/kernel/layouts.gen.ts';
import { createSessionStore } from '../../../src/live/sessions/store.ts';
import { encodeRow, encodeRows } from './shown.ts';

test('a session is one object over the looks, with rates by the time between them', async () => {
  const store = createSessionStore();
  const [first] = await store.update([encodeRow({ id: 2n ** 63n + 5n, sent: 1000, received: 50, role: 'client', pid: 7, startNs: 9n })], 0);
  expect(first).toMatchObject({
    id: '9223372036854775813', transport: 'tcp', family: 'ipv4', role: 'client', state: 'established', pid: 7,
    sentBytes: 1000, receivedBytes: 50, sentRate: 0, receivedRate: 0, beganNs: 9n, cgroupId: 1n, netnsCookie: 1n,
  }); // prettier-ignore
  const [second] = await store.update([encodeRow({ id: 2n ** 63n + 5n, sent: 3000, received: 50, state: 4, pid: 7 })], 500);
  expect(second).toBe(first);
  expect(second).toMatchObject({ sentBytes: 3000, sentRate: 4000, receivedRate: 0, state: 'fin_wait_1' });
  await store.update([encodeRow({ id: 2n ** 63n + 5n, sent: 2999, received: 60, pid: 7 })], 1000);
  expect(second, 'numbers that went back are no rate').toMatchObject({ sentRate: 0, receivedRate: 10 });
});

test('numbers beyond 32 bits', async () => {
  const store = createSessionStore();
  const [one] = await store.update(
    [encodeRow({ id: 1n, sent: 2 ** 40 + 3, received: 2 ** 33, cgroupId: 2n ** 50n, netnsCookie: 2n ** 40n })],
    0,
  );
  expect(one).toMatchObject({ sentBytes: 2 ** 40 + 3, receivedBytes: 2 ** 33, cgroupId: 2n ** 50n, netnsCookie: 2n ** 40n });
});

test('what is gone is forgotten, and begins anew when its id comes again', async () => {
  const store = createSessionStore();
  const [one, two] = await store.update([encodeRows({ id: 1n, sent: 10 }, { id: 2n, sent: 10 })], 0);
  expect(await store.update([encodeRow({ id: 2n, sent: 20 })], 1000)).toEqual([two]);
  const [again] = await store.update([encodeRows({ id: 1n, sent: 500 })], 1000);
  expect(again).not.toBe(one);
  expect(again).toMatchObject({ sentBytes: 500, sentRate: 0 });
});

test('ids that differ in their upper bits alone are two sessions', async () => {
  const store = createSessionStore();
  const found = await store.update([encodeRow({ id: 1n }), encodeRow({ id: (1n << 63n) + 1n })], 0);
  expect(new Set(found.map(({ id }) => id)).size).toBe(2);
});

test('a session that the walk met twice stands there once', async () => {
  const store = createSessionStore();
  expect(await store.update([encodeRows({ id: 1n, sent: 1 }, { id: 2n }), encodeRow({ id: 1n, sent: 2 })], 0)).toHaveLength(2);
});

test('memory that begins at an odd place, and a record that is cut', async () => {
  const store = createSessionStore();
  const bytes = Buffer.concat([Buffer.alloc(1), encodeRows({ id: 1n, pid: 3 }, { id: 2n })]).subarray(1, 1 + 300);
  expect((await store.update([bytes], 0)).map(({ id, pid }) => [id, pid])).toEqual([['1', 3]]);
});

test('an owner that changes, and one that nobody knows for a moment', async () => {
  const store = createSessionStore();
  const [one] = await store.update([encodeRow({ id: 1n, pid: 7 })], 0);
  const owner = one!.owner;
  await store.update([encodeRow({ id: 1n, pid: 0 })], 1000);
  expect(one!.owner, 'it is just changing hands').toBe(owner);
  await store.update([encodeRow({ id: 1n, pid: 8 })], 1000);
  expect(one).toMatchObject({ pid: 8, owner: { pid: 8 } });
  await store.update([encodeRow({ id: 1n, pid: 8, ownerStartNs: 6_000_000_000n })], 1000);
  expect(one!.owner, 'another process of the same number').toMatchObject({ pid: 8, startNs: 6_000_000_000n });
});

test('sessions of one process have one owner; those of nobody one a user', async () => {
  const store = createSessionStore();
  const found = await store.update([encodeRows({ id: 1n, pid: 7 }, { id: 2n, pid: 7 }, { id: 3n, uid: 5 }, { id: 4n, uid: 6 })], 0);
  expect(found[0]!.owner).toBe(found[1]!.owner);
  expect(found[2]!.owner).toMatchObject({ pid: 0, uid: 5 });
  expect([...store.owners()]).toHaveLength(3);
  await store.update([encodeRow({ id: 1n, pid: 7 })], 1000);
  expect([...store.owners()]).toEqual([found[0]!.owner]);
});

test('without states, without bytes, of protocols that nobody lists', async () => {
  const store = createSessionStore();
  const rows = encodeRows(
    { id: 1n, transport: 'udp', state: 7 },
    { id: 2n, family: 17 },
    { id: 3n, state: 10 },
    { id: 4n, transport: 'icmp', family: 10 },
  );
  expect(
    (await store.update([rows], 0)).map(({ id, transport, family, state, sentBytes }) => [id, transport, family, state, sentBytes]),
  ).toEqual([
    ['1', 'udp', 'ipv4', undefined, undefined],
    ['3', 'tcp', 'ipv4', 'listen', undefined],
    ['4', 'icmp', 'ipv6', undefined, undefined],
  ]);
});

test('ends are read again when they change', async () => {
  const store = createSessionStore();
  const [one] = await store.update([encodeRow({ id: 1n, localPort: 0, flags: sessionFlag.localDual, family: 10 })], 0);
  one!.localText = 'known';
  await store.update([encodeRow({ id: 1n, localPort: 0, flags: sessionFlag.localDual, family: 10 })], 1000);
  expect(one).toMatchObject({ localText: 'known', isDual: true });
  await store.update([encodeRow({ id: 1n, localPort: 4711, family: 10 })], 1000);
  expect(one).toMatchObject({ localText: undefined, localPort: 4711, isDual: false });
});

test('network namespaces by the number of their inode', async () => {
  const store = createSessionStore();
  await store.update([encodeRows({ id: 1n, netns: 5, netnsCookie: 55n }, { id: 2n, netns: 6, netnsCookie: 66n })], 0);
  expect(store.cookies()).toEqual(new Map([[5, 55n], [6, 66n]])); // prettier-ignore
  store.clear();
  expect(store.cookies()).toEqual(new Map());
  expect(await store.update([], 0)).toEqual([]);
});

test('more of them than are read at one go', async () => {
  const store = createSessionStore();
  const rows = encodeRows(...Array.from({ length: 20_000 }, (_, index) => ({ id: BigInt(index + 1), sent: 1 })));
  expect(await store.update([rows], 0)).toHaveLength(20_000);
  expect(new Set(await store.update([rows], 1000)).size).toBe(20_000);
});
