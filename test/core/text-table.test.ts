import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LENGTH_MASK, NOT_UTF8, type StringTable } from '../../src/core/batch.ts';
import { createTextTable, textRunAt, textRunOf, textsOfRun } from '../../src/core/text-table.ts';

const bytesAt = ({ bytes, offsets, lengths }: StringTable, id: number): Uint8Array =>
  bytes.slice(offsets[id], offsets[id]! + (lengths[id]! & LENGTH_MASK));

describe('a table of texts', () => {
  it('keeps equal texts once, whatever they come as, and lists as they are', () => {
    const texts = createTextTable();
    expect([texts.intern(''), texts.intern(new Uint8Array(0)), texts.append(textRunOf([]))]).toEqual([0, 0, 0]);
    const id = texts.intern('é');
    expect(texts.intern(Uint8Array.of(0xc3, 0xa9))).toBe(id);
    expect(texts.intern('é')).toBe(id);
    const first = texts.append(textRunOf(['é', '', 'b']));
    expect(texts.intern('b')).not.toBe(first + 2);
    const table = texts.table();
    expect(table.count).toBe(6);
    expect(Buffer.from(bytesAt(table, id)).toString()).toBe('é');
    expect(textsOfRun(textRunAt(table, first, 3)).map((text) => Buffer.from(text).toString())).toEqual(['é', '', 'b']);
    texts.intern('later');
    expect(table.count).toBe(6);
    expect(texts.table().count).toBe(7);
  });

  it('gives back all bytes of all texts, and marks those that are no UTF-8', () => {
    const bytes = fc.uint8Array({ maxLength: 2000 });
    const step = fc.oneof(
      bytes.map((one) => ({ one, list: undefined })),
      fc.array(bytes, { minLength: 1, maxLength: 5 }).map((list) => ({ one: undefined, list })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const texts = createTextTable();
        const ids = steps.map(({ one, list }) => (one === undefined ? texts.append(textRunOf(list!)) : texts.intern(one)));
        const table = texts.table();
        for (const [at, { one, list }] of steps.entries()) {
          const read = list === undefined ? [bytesAt(table, ids[at]!)] : textsOfRun(textRunAt(table, ids[at]!, list.length));
          expect(read.map((text) => [...text])).toEqual((list ?? [one!]).map((text) => [...text]));
        }
        for (let id = 0; id < table.count; id++) {
          const isText = Buffer.from(Buffer.from(bytesAt(table, id)).toString()).equals(bytesAt(table, id));
          expect((table.lengths[id]! & NOT_UTF8) === 0).toBe(isText);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('reads a list whose texts lie anywhere', () => {
    const strings = {
      bytes: Buffer.from('-xcabREDACTED'),
      offsets: Uint32Array.of(0, 2, 5, 3),
      lengths: Uint32Array.of(0, 1, 8, 2),
      count: 4,
    };
    const run = textRunAt(strings, 1, 3);
    expect(Buffer.from(run.bytes).toString()).toBe('cREDACTEDab');
    expect([...run.lengths]).toEqual([1, 8, 2]);
  });
});
