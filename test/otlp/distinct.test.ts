import fc from 'fast-check';
import { withActorAttributes } from '../../src/core/actor-attributes.ts';
import { describe, expect, it } from 'vitest';
import { rowsOf, type Attribute, type AttributeColumn, type AttributeSource, type Batch } from '../../src/core/batch.ts';
import { attributesOf } from '../../src/otlp/log-text.ts';
import { createLogWriter, type LogRequest } from '../../src/otlp/log-writer.ts';
import { createRowSource } from '../../src/otlp/row-source.ts';
import { textBatch } from '../exporters/support.ts';
import { decodeRequest } from '../support/otlp.ts';

const createConstantSource = (attributes: readonly Attribute[]): AttributeSource => {
  const constant = createRowSource(new Set(attributes.map(([key]) => key)));
  constant.add(attributes);
  return constant;
};

const written = (batch: Batch) => {
  const requests: LogRequest[] = [];
  const writer = createLogWriter({ resource: [], version: '0', onRequest: (request) => requests.push(request) });
  writer.append(batch);
  writer.flush();
  return requests.flatMap(({ bytes }) => decodeRequest(bytes).records.map(({ attributes }) => attributes));
};

const name = fc.constantFrom('process.owner', 'process.executable.path', 'other');
const source = fc
  .tuple(fc.uniqueArray(fc.tuple(name, fc.string({ maxLength: 4 })), { selector: ([key]) => key, minLength: 1 }), fc.boolean())
  .map(([attributes, tells]): AttributeSource => {
    const constant = createConstantSource(attributes.map(([key, value]) => [key, value.toWellFormed()] as const));
    return tells ? constant : { ...constant, names: undefined };
  });
const ids = (count: number) => fc.array(fc.nat(1), { minLength: count, maxLength: count }).map((list) => Uint32Array.from(list));

describe('columns that are added to batches', () => {
  it('never make a name stand twice in a record, and change nothing where none does', () => {
    const rows = 3;
    const columns = (count: number) =>
      fc.array(fc.record({ source, ids: ids(rows) }) as fc.Arbitrary<AttributeColumn>, { maxLength: count });
    fc.assert(
      fc.property(columns(1), columns(3), (ofRows, ofActors) => {
        const plain: Batch = { ...textBatch(rows), rowAttributes: ofRows };
        const actorIds = ofActors.map((column) => ({ ...column, ids: column.ids.subarray(0, plain.frame.actors.count) }));
        const batch = actorIds.reduce(withActorAttributes, plain);
        const expected = Array.from({ length: rowsOf(batch) }, (_, row) => new Map(attributesOf(batch, row)));
        const records = written(batch);
        expect(records.map((record) => record.length)).toEqual(expected.map(({ size }) => size));
        expect(records.map((record) => new Map(record))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('take the direct way when their names are known to differ', () => {
    const batch = { ...textBatch(1), rowAttributes: [{ source: createConstantSource([['a', 1]]), ids: Uint32Array.of(1) }] };
    const add = (key: string) => withActorAttributes(batch, { source: createConstantSource([[key, 2]]), ids: Uint32Array.of(1) });
    expect([add('b').mayRepeat, add('a').mayRepeat]).toEqual([false, true]);
  });

  it('are added once for each source', () => {
    const column = { source: createConstantSource([['a', 1]]), ids: Uint32Array.of(1) };
    const once = withActorAttributes(textBatch(1), column);
    expect(withActorAttributes(once, column)).toBe(once);
  });
});
