import { expect, test } from 'vitest';
import { goneBy } from '../../../src/receivers/shared/series/gone.ts';

const EXPIRY_MS = 1000;

const world = (isFollowed: boolean) => {
  const there = new Map<bigint, number | undefined>([[1n, undefined], [2n, 5]]); // prettier-ignore
  const state = { walks: 0, nowMs: 0, there };
  const isGone = goneBy({
    kernel: {
      cgroups: {
        get size() {
          return there.size;
        },
        info: (id) => (there.has(id) ? { id, path: '/', hierarchy: 0, goneAtMs: there.get(id) } : undefined),
        async start() {
          state.walks++;
          return true;
        },
      },
      gate: { requires: () => isFollowed },
    },
    expiryMs: EXPIRY_MS,
    nowMs: () => state.nowMs,
  });
  return { state, isGone };
};

test('what the kernel tells of cgroups is believed', () => {
  const { state, isGone } = world(true);
  expect([1, 2, 3].map(isGone)).toEqual([false, true, true]);
  state.there.clear();
  expect(isGone(3)).toBe(false);
  expect(state.walks).toBe(0);
});

test('where nobody has it tell, only a walk of late is', async () => {
  const { state, isGone } = world(false);
  expect([1, 2, 3].map(isGone)).toEqual([false, false, false]);
  await Promise.resolve();
  await Promise.resolve();
  expect(state.walks).toBe(1);
  expect([1, 2, 3].map(isGone)).toEqual([false, true, true]);
  state.nowMs = EXPIRY_MS;
  expect(isGone(3)).toBe(false);
  expect(state.walks).toBe(2);
});
