import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createFifo } from '../../src/exporters/shared/fifo.ts';

it('a fifo gives what an array gives, also when it is long', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('push' as const), count: fc.integer({ min: 1, max: 3000 }) }),
    fc.record({ do: fc.constant('shift' as const), count: fc.integer({ min: 1, max: 3000 }) }),
    fc.record({ do: fc.constant('first' as const), count: fc.integer({ min: 1, max: 3 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const fifo = createFifo<number>();
      const model: number[] = [];
      const given: (number | undefined)[] = [];
      const wanted: (number | undefined)[] = [];
      let next = 0;
      for (const action of steps) {
        const numbers = Array.from({ length: action.count }, () => next++);
        if (action.do === 'push') {
          for (const n of numbers) fifo.push(n);
          model.push(...numbers);
        } else if (action.do === 'first') {
          fifo.putFirst(numbers);
          model.unshift(...numbers);
        } else {
          given.push(...numbers.map(() => fifo.shift()));
          wanted.push(...numbers.map(() => model.shift()));
        }
      }
      expect(given).toEqual(wanted);
      expect(fifo.clear()).toEqual(model);
      expect(fifo.shift()).toBeUndefined();
    }),
  );
});
