import { describe, expect, it } from 'vitest';
import { readSettledCounts, type SettledCounts } from '../../../src/kernel/sockets/settled-counts.ts';
import { createSessionMaps } from '../../receivers/sockets/maps.ts';

const ESTABLISHED = 1;
const placesOf = (counts: SettledCounts | undefined) =>
  [...(counts?.places.values() ?? [])].map(({ states, ...place }) => ({ ...place, states: Object.fromEntries(states) }));

describe('readSettledCounts', () => {
  it('adds up roles, errors and states of a place, and what found no room', async () => {
    const { now, maps } = createSessionMaps();
    now.ended = [
      { opened: 1, closed: 1, sent: 10, role: 'client' },
      { opened: 2, closed: 3, sent: 20, role: 'server' },
      { failed: 4, error: 111, state: 2 },
      { opened: 5, family: 6 },
    ];
    now.live = [
      { open: 2, sent: 7, state: ESTABLISHED, role: 'server' },
      { open: 1, received: 3, state: ESTABLISHED },
      { open: 6, state: 6, cgroup: 0 },
    ];
    now.rest = { opened: 9, sent: 90 };
    now.restLive = { open: 1, sent: 1 };
    const of = { cgroupId: 7n, netnsCookie: 1n, transport: 1, family: 4 };
    const zero = { opened: 0, failed: 0, closed: 0, sent: 0, received: 0 };
    expect(placesOf(await readSettledCounts(maps))).toEqual([
      { ...of, opened: 3, failed: 4, closed: 4, sent: 37, received: 3, states: { 1: 3 } },
      { ...of, ...zero, family: 6, opened: 5, states: {} },
      { ...zero, cgroupId: 0n, netnsCookie: 0n, transport: 0, family: 0, opened: 9, sent: 91, states: { 0: 1 } },
      { ...of, ...zero, cgroupId: 0n, states: { 6: 6 } },
    ]);
  });

  it('reads a place again that changed meanwhile, and takes it as it is when it never rests', async () => {
    const { now, maps, walks } = createSessionMaps();
    now.live = [{ open: 1, sent: 100, state: ESTABLISHED }, { open: 1, sent: 1, cgroup: 8, state: ESTABLISHED }]; // prettier-ignore
    let walked = 0;
    now.beforeWalk = () => {
      walked++;
      // one that ends between the reading and the walk, and others that never stop to
      if (walked === 1) now.live = [now.live[1]!];
      now.ended = [
        { closed: 1, sent: 100 },
        { closed: walked, cgroup: 8 },
      ];
    };
    const places = placesOf(await readSettledCounts(maps));
    expect(places.filter(({ cgroupId }) => cgroupId > 0n).map(({ cgroupId, closed, sent }) => [cgroupId, closed, sent])).toEqual([[7n, 1, 100], [8n, 3, 1]]); // prettier-ignore
    expect(walks.filter((walk) => walk === 'on_clear_live').length).toBe(4);
  });

  it('serves all at once who asked before it began', async () => {
    const { maps, walks } = createSessionMaps();
    const all = await Promise.all([1, 2, 3].map(() => readSettledCounts(maps)));
    expect(new Set(all).size).toBe(1);
    expect(await readSettledCounts(maps)).not.toBe(all[0]);
    expect(walks.filter((walk) => walk === 'on_clear_live').length).toBe(2);
  });

  it('is undefined without programs, and when others are loaded meanwhile', async () => {
    const { now, maps } = createSessionMaps();
    now.beforeWalk = () => void now.generation++;
    expect(await readSettledCounts(maps)).toBeUndefined();
    now.isLoaded = false;
    expect(await readSettledCounts(maps)).toBeUndefined();
  });
});
