import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRequestMemory } from '../../src/otlp/request-memory.ts';

const USUAL_BYTES = 1000;

describe('memory of requests', () => {
  it('is given out again, never twice at a time, and there is no more of it than was in use at once', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant('take'), fc.nat(), fc.constant('trim')), { maxLength: 200 }), (steps) => {
        const memory = createRequestMemory(USUAL_BYTES);
        const used: ArrayBuffer[] = [];
        const all = new Set<ArrayBuffer>();
        let [mostUsed, trims] = [0, 0];
        for (const step of steps) {
          if (step === 'take') {
            const taken = memory.take();
            expect(taken.byteLength).toBe(memory.bytes);
            expect(used).not.toContain(taken);
            used.push(taken);
            all.add(taken);
            mostUsed = Math.max(mostUsed, used.length);
          } else if (step === 'trim') memory.trim(10_000 * ++trims);
          else if (used.length > 0) memory.give(used.splice(step % used.length, 1)[0]!);
          if (trims === 0) expect(all.size).toBe(mostUsed);
        }
      }),
    );
  });

  it('keeps what is needed now and then, and lets go of the rest in time', () => {
    const memory = createRequestMemory(USUAL_BYTES);
    const use = (count: number): readonly ArrayBuffer[] => {
      const taken = Array.from({ length: count }, () => memory.take());
      for (const one of taken) memory.give(one);
      return taken;
    };
    /** How many of these are still there. */
    const kept = (some: readonly ArrayBuffer[]): number => {
      const there = use(20);
      return some.filter((one) => there.includes(one)).length;
    };
    const burst = use(10);
    memory.trim(5_000);
    use(6);
    memory.trim(5_999);
    use(4);
    memory.trim(6_000);
    // six of ten were needed in that second
    expect(kept(burst)).toBe(6);
    const later = createRequestMemory(USUAL_BYTES);
    const first = Array.from({ length: 10 }, () => later.take());
    for (const one of first) later.give(one);
    for (const now of [5_000, 6_000]) later.trim(now);
    expect(Array.from({ length: 10 }, () => later.take()).filter((one) => first.includes(one)).length).toBe(2);
  });

  it('takes nothing of another size', () => {
    const memory = createRequestMemory(USUAL_BYTES);
    const other = new ArrayBuffer(memory.bytes - 1);
    memory.give(other);
    expect(memory.take()).not.toBe(other);
  });
});
