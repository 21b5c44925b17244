import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createExecutables } from '../../src/kernel/lifecycle/executables.ts';

describe('executables', () => {
  it('count references like a model, however their hashes collide', () => {
    const step = fc.record({ path: fc.nat({ max: 9 }), release: fc.boolean() });
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 0x3fff_ffff), fc.array(step, { maxLength: 80 }), (hashMask, steps) => {
        const executables = createExecutables(1, hashMask);
        let sameId = true;
        const held = new Map<string, { id: number; references: number }>();
        for (const { path, release } of steps) {
          const text = `/bin/${path}`;
          const known = held.get(text);
          if (release) {
            if (known === undefined) continue;
            executables.release(known.id);
            if (--known.references === 0) held.delete(text);
          } else {
            const bytes = Buffer.from(text);
            const id = executables.intern(bytes, 0, bytes.length, 0);
            sameId &&= known === undefined || known.id === id;
            held.set(text, { id, references: (known?.references ?? 0) + 1 });
          }
          expect(sameId).toBe(true);
          expect(executables.count).toBe(held.size);
          for (const [each, { id }] of held) expect(executables.path(id)).toBe(each);
        }
        for (const { id, references } of held.values()) for (let n = 0; n < references; n++) executables.release(id);
        expect([executables.count, executables.bytes]).toEqual([0, 0]);
      }),
    );
  });
});
