import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRequestMemory } from '../../src/otlp/request-memory.ts';

const USUAL_BYTES = 1000;

/** Takes, gives back and trims by turns; what was in use at the same time at the most, and all that there ever was. */
const play = (steps: readonly (number | 'take' | 'trim')[]) => {
  const memory = createRequestMemory(USUAL_BYTES);
  const used: ArrayBuffer[] = [];
  const all = new Set<ArrayBuffer>();
  let [mostUsed, trims, twice] = [0, 0, 0];
  for (const step of steps) {
    if (step === 'take') {
      const taken = memory.take();
      if (used.includes(taken)) twice++;
      used.push(taken);
      all.add(taken);
      mostUsed = Math.max(mostUsed, used.length);
    } else if (step === 'trim') memory.trim(10_000 * ++trims);
    else if (used.length > 0) memory.give(used.splice(step % used.length, 1)[0]!);
  }
  return { mostUsed, made: all.size, twice, sizes: new Set([...all].map(({ byteLength }) => byteLength)) };
};

describe('memory of requests', () => {
  it('is given out again, and there is no more of it than was in use at once', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant('take' as const), fc.nat()), { maxLength: 200 }), (steps) => {
        const { mostUsed, made, twice } = play(['take', ...steps]);
        expect({ made, twice }).toEqual({ made: mostUsed, twice: 0 });
      }),
    );
  });

  it('is never given to two, whatever is let go of meanwhile', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom('take' as const, 'trim' as const), fc.nat()), { maxLength: 200 }), (steps) => {
        const { twice, sizes } = play(['take', ...steps]);
        expect({ twice, sizes: sizes.size }).toEqual({ twice: 0, sizes: 1 });
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
