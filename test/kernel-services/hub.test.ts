/** Frames go through in order, and not at all while somebody holds them back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { createKernelFrameBuilder } from '../../src/kernel/frame-builder.ts';
import type { KernelFrame } from '../../src/kernel/frames.ts';
import { createHub } from '../../src/kernel/hub.ts';
import { eventKind } from '../../src/kernel/layouts.gen.ts';

const frameOf = (sequence: number): KernelFrame => {
  const builder = createKernelFrameBuilder({ wallOffsetNs: 0n, sequence });
  builder.addRow(eventKind.exit, { bootNs: 0n, actor: builder.addActor({ pid: 1 }), columns: {} });
  return builder.build();
};

/** A hub that says which frames came through, and somebody who may hold it. */
const setUp = () => {
  const admitted: number[] = [];
  const seen: number[] = [];
  const done: number[] = [];
  const hub = createHub({ gate: { admit: (frame) => void admitted.push(frame.sequence) }, logger: silentLogger });
  hub.subscribe({ kinds: [eventKind.exit], onBatch: (_, frame) => seen.push(frame.sequence), onLoss: () => {} });
  let next = 0;
  return { hub, admitted, seen, done, deliver: () => hub.deliver(frameOf(++next), () => done.push(next)) };
};

const valve = () => {
  let waiting: PromiseWithResolvers<void> | undefined;
  return {
    check: () => waiting?.promise,
    shut: () => void (waiting ??= Promise.withResolvers()),
    open() {
      waiting?.resolve();
      waiting = undefined;
    },
  };
};

const settle = async () => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};

describe('a hub that is held', () => {
  it('begins no frame, not even with the gate, and goes on where it was', async () => {
    const { hub, admitted, seen, done, deliver } = setUp();
    const first = valve();
    const second = valve();
    hub.holdWhile(first.check);
    hub.holdWhile(second.check);
    deliver();
    first.shut();
    deliver();
    deliver();
    expect([admitted, seen, hub.pending]).toEqual([[1], [1], 2]);
    // the next one to ask is the other
    second.shut();
    first.open();
    await settle();
    expect(seen).toEqual([1]);
    second.open();
    await settle();
    expect([seen, done.length, hub.pending]).toEqual([[1, 2, 3], 3, 0]);
  });

  it('goes on when who holds it goes away or fails', async () => {
    const { hub, seen, deliver } = setUp();
    const one = valve();
    const end = hub.holdWhile(one.check);
    hub.holdWhile(() => {
      throw new Error('broken');
    });
    one.shut();
    deliver();
    expect(seen).toEqual([]);
    end();
    expect(seen).toEqual([1]);
    one.open();
    await settle();
    expect(seen).toEqual([1]);
    hub.holdWhile(() => (seen.length < 2 ? Promise.reject(new Error('asked in vain')).finally(() => seen.push(0)) : undefined));
    deliver();
    await settle();
    expect(seen).toEqual([1, 0, 2]);
  });

  it('lets everything through at the end, and is not held again', () => {
    const { hub, seen, deliver } = setUp();
    const one = valve();
    hub.holdWhile(one.check);
    one.shut();
    deliver();
    deliver();
    hub.releaseHolds();
    expect(seen).toEqual([1, 2]);
    hub.holdWhile(one.check);
    deliver();
    expect(seen).toEqual([1, 2, 3]);
  });

  it('tells others too when to wait, and when not any more', async () => {
    const { hub } = setUp();
    const one = valve();
    hub.holdWhile(one.check);
    expect(hub.readiness()).toBeUndefined();
    one.shut();
    const ready = hub.readiness()!;
    one.open();
    await ready;
    expect(hub.readiness()).toBeUndefined();
    one.shut();
    const atTheEnd = hub.readiness()!;
    hub.releaseHolds();
    await atTheEnd;
    expect(hub.readiness()).toBeUndefined();
  });

  it('forgets what waits when its memory goes', async () => {
    const { hub, seen, deliver } = setUp();
    const one = valve();
    hub.holdWhile(one.check);
    one.shut();
    deliver();
    deliver();
    expect(hub.abandon()).toBe(2);
    one.open();
    await settle();
    deliver();
    expect(seen).toEqual([3]);
  });

  it('keeps the order and loses nothing, whoever holds it and lets go', async () => {
    const step = fc.oneof(
      fc.constant('deliver' as const),
      fc.constant('settle' as const),
      fc.record({ valve: fc.nat(2), to: fc.constantFrom('shut' as const, 'open' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { hub, seen, deliver } = setUp();
        const valves = [valve(), valve(), valve()];
        for (const { check } of valves) hub.holdWhile(check);
        let delivered = 0;
        for (const action of steps) {
          if (action === 'deliver') {
            deliver();
            delivered++;
          } else if (action === 'settle') await settle();
          else valves[action.valve]![action.to]();
        }
        for (const { open } of valves) open();
        await settle();
        expect(seen).toEqual(Array.from({ length: delivered }, (_, i) => i + 1));
        expect(hub.pending).toBe(0);
      }),
    );
  });
});

describe('who looks on', () => {
  it('is told of frames and losses before the receivers are, whoever wants them', () => {
    const told: unknown[] = [];
    const hub = createHub({
      gate: { admit: () => undefined },
      logger: silentLogger,
      observer: { onDispatch: ({ sequence }) => told.push(['observer', sequence]), onLoss: ({ lostByKind }) => told.push([...lostByKind]) },
    });
    hub.subscribe({
      kinds: [eventKind.exit],
      onBatch: (_, { sequence }) => told.push(['receiver', sequence]),
      onLoss: ({ lost }) => told.push(lost),
    });
    hub.deliver(frameOf(1), () => told.push('done'));
    const lostByKind = new Map([
      [eventKind.exec, 2],
      [eventKind.exit, 3],
    ]);
    hub.tellLoss({ reason: 'ring_full', lostByKind, startMs: 0, endMs: 1 });
    expect(told).toEqual([['observer', 1], ['receiver', 1], 'done', [...lostByKind], 3]);
  });
});

describe('who brings batches on another way', () => {
  it('is told to wait while anybody holds frames back, and never once the end has begun', async () => {
    const { hub } = setUp();
    const [first, second] = [valve(), valve()];
    hub.holdWhile(first.check);
    const end = hub.holdWhile(second.check);
    expect(hub.readiness()).toBeUndefined();
    second.shut();
    const ready = hub.readiness();
    expect(ready).toBeInstanceOf(Promise);
    second.open();
    await ready;
    expect(hub.readiness()).toBeUndefined();
    second.shut();
    end();
    expect(hub.readiness()).toBeUndefined();
    first.shut();
    hub.releaseHolds();
    expect(hub.readiness()).toBeUndefined();
  });
});

describe('a hub that rests', () => {
  it('lets one frame through in a turn of the event loop, in order, also when one waited for the gate', async () => {
    const seen: number[] = [];
    let answer: PromiseWithResolvers<void> | undefined;
    const hub = createHub({
      gate: { admit: ({ sequence }) => (sequence === 3 ? (answer = Promise.withResolvers()).promise : undefined) },
      logger: silentLogger,
      rest: setImmediate,
    });
    hub.subscribe({ kinds: [eventKind.exit], onBatch: (_, { sequence }) => seen.push(sequence), onLoss: () => {} });
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    for (let i = 1; i <= 5; i++) hub.deliver(frameOf(i), () => {});
    expect(seen).toEqual([1]);
    expect(hub.pending).toBe(4);
    for (let i = 0; i < 5; i++) await turn();
    expect(seen).toEqual([1, 2]);
    answer!.resolve();
    while (hub.delivered < 5) {
      const before = hub.delivered;
      await turn();
      expect(hub.delivered - before).toBeLessThanOrEqual(1);
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('begins no frame behind its end', async () => {
    const seen: number[] = [];
    const hub = createHub({ gate: { admit: () => undefined }, logger: silentLogger, rest: setImmediate });
    hub.subscribe({ kinds: [eventKind.exit], onBatch: (_, { sequence }) => seen.push(sequence), onLoss: () => {} });
    for (let i = 1; i <= 3; i++) hub.deliver(frameOf(i), () => {});
    expect(hub.abandon()).toBe(2);
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
    expect([seen, hub.pending]).toEqual([[1], 0]);
  });
});
