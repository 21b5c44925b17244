/** Random frames, kinds and views for property tests. */
import fc from 'fast-check';
import {
  NO_ACTOR,
  type Attribute,
  type AttributeColumn,
  type AttributeField,
  type AttributeSource,
  type Batch,
  type BatchResource,
  type EventSchema,
  type StringTable,
} from '../../src/core/batch.ts';
import { createFrameBuilder } from '../../src/core/frame-builder.ts';
import { headNames } from '../../src/otlp/actor-head.ts';
import { encodeAttributes } from '../../src/otlp/wire.ts';

export const u32 = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0xffff_ffff, 0x8000_0000),
);
const u64 = fc.oneof(fc.bigInt({ min: 0n, max: 500n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
/** Valid, invalid, empty and long strings as bytes. */
export const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }).map((value) => new TextEncoder().encode(value.toWellFormed())),
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom('', '\ufeffmark', 'x'.repeat(300), 'é'.repeat(64)).map((value) => new TextEncoder().encode(value)),
  fc.constantFrom(Uint8Array.of(0xed, 0xa0, 0x80), Uint8Array.of(0xf0, 0x9f, 0x98), new Uint8Array(400).fill(0xff)),
);

/** Paths as they come, and as they should not. */
const path = fc.oneof(
  text,
  fc.array(fc.constantFrom('/', 'a', '.', '..', 'naïve', '\0'), { maxLength: 8 }).map((parts) => new TextEncoder().encode(parts.join(''))),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Uint8Array.of(0, ...bytes, 0x2f, ...bytes)),
);
/** With many zeros, and v4-mapped ones. */
const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc.array(fc.constantFrom(0, 0, 0, 1, 0x10, 0xff), { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)),
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Uint8Array.of(...new Uint8Array(10), 0xff, 0xff, ...bytes)),
  fc.uint8Array({ maxLength: 20 }),
);

const attributeSource = fc
  .record({
    sets: fc.array(
      fc.array(fc.tuple(fc.string({ minLength: 1, maxLength: 12 }), fc.oneof(fc.string({ maxLength: 200 }), fc.integer(), fc.boolean())), {
        maxLength: 3,
      }),
      { minLength: 1, maxLength: 4 },
    ),
    knowsTime: fc.boolean(),
    shares: fc.boolean(),
  })
  .map(({ sets, knowsTime, shares }): AttributeSource & { readonly count: number } => {
    const entries: (readonly Attribute[])[] = [[], ...sets, ...(shares ? sets : [])];
    const bytes = entries.map((set) => encodeAttributes(set.map(([name, value]) => [name.toWellFormed(), value] as const)));
    return {
      count: entries.length,
      size: (id) => bytes[id]!.length,
      write(id, out, at) {
        out.set(bytes[id]!, at);
        return at + bytes[id]!.length;
      },
      entries: (id) => entries[id]!,
      ...(knowsTime ? { createdUs: (id) => 1_790_000_000_123_456 + id * 777_777 } : {}),
      ...(shares ? { sharedBy: (id) => ((id - 1) % sets.length) + 1 } : {}),
    };
  });

/** All types of fields over the columns that `rowColumns` fills, and one over a column that no batch has. */
const bodies: readonly fc.Arbitrary<Record<string, unknown>>[] = [
  fc.record({ type: fc.constantFrom('u32', 'i32'), column: fc.constantFrom('a', 'b', 'missing') }),
  fc.record({ type: fc.constant('u64'), column: fc.constantFrom('wide', 'missing') }),
  fc.record({ type: fc.constant('string'), column: fc.constantFrom('text', 'text2') }),
  fc.record({ type: fc.constant('decimal'), column: fc.constantFrom('wide', 'missing') }),
  fc.record({ type: fc.constant('octal'), column: fc.constantFrom('a', 'bits', 'missing') }),
  fc.record({ type: fc.constantFrom('fileName', 'socketName'), column: fc.constantFrom('path', 'text', 'missing') }),
  fc.record({ type: fc.constant('address'), column: fc.constantFrom('address', 'text') }),
  fc.record({ type: fc.constant('strings'), column: fc.constant('list'), count: fc.constantFrom('listKept', 'listKept', 'missing') }),
  fc.record({
    type: fc.constant('bool'),
    column: fc.constantFrom('a', 'bits'),
    mask: fc.constantFrom(1, 6, 0x8000_0000),
    always: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('enum'),
    column: fc.constantFrom('bits', 'a'),
    names: fc.constant(
      new Map([
        [1, 'one'],
        [2, 'two'],
        [-1, 'minus'],
      ]),
    ),
  }),
  fc.record({
    type: fc.constant('flags'),
    column: fc.constantFrom('wideLo', 'bits'),
    names: fc.constant([
      [1, 'A'],
      [2, 'B'],
      [6, 'B_AND_C'],
      [0, 'NOT_A', 1],
      [2, 'B_NOT_C', 6],
      [0x8000_0000, 'TOP'],
      [0x1_0000_0000, 'HIGH'],
      [0, 'NOT_HIGH', 0x1_0000_0000],
    ] as const),
    high: fc.constant('wideHi'),
  }),
  fc.record({
    type: fc.constant('flags'),
    column: fc.constant('bits'),
    names: fc.constant([
      [1, 'A'],
      [4, 'C'],
    ] as const),
  }),
  fc.record({ type: fc.constant('constant'), value: fc.string({ maxLength: 300 }).map((value) => value.toWellFormed()) }),
];
const condition = fc.oneof(
  fc.record({
    column: fc.constantFrom('bits', 'missing'),
    mask: fc.constantFrom(0, 1, 2, 0x8000_0000),
    is: fc.constantFrom('set' as const, 'clear' as const),
  }),
  fc.record({
    column: fc.constantFrom('bits', 'bits', 'missing'),
    value: fc.constantFrom(0, 3, 0xffff_ffff),
    is: fc.constant('not' as const),
  }),
);
const conditions = fc.oneof(condition, fc.array(condition, { maxLength: 3 }));

const schema: fc.Arbitrary<EventSchema> = fc
  .record({
    eventName: fc.string({ minLength: 1, maxLength: 30 }).map((name) => name.toWellFormed()),
    bodies: fc.array(fc.tuple(fc.oneof(...bodies), fc.option(conditions, { nil: undefined })), { maxLength: 8 }),
  })
  .map(({ eventName, bodies: parts }) => ({
    eventName,
    fields: parts.map(
      ([body, when], index) =>
        ({ name: `field.${index}.${'n'.repeat((index * 13) % 80)}`, ...body, ...(when && { when }) }) as unknown as AttributeField,
    ),
  }));

const actor = fc.record({
  pid: u32, tid: u32, ppid: u32, startNs: fc.bigInt({ min: 0n, max: 2n ** 60n }), cgroupId: u64, uid: fc.constantFrom(0, 1000, 0xffff_ffff), euid: fc.constantFrom(0, 1000),
  loginUid: fc.constantFrom(0, 1000, 0xffff_ffff), vpid: u32, flags: fc.integer({ min: 0, max: 3 }), comm: text,
}); // prettier-ignore
const row = fc.record({
  bootNs: fc.bigInt({ min: 0n, max: 2n ** 61n }),
  actor: fc.nat(),
  columns: fc.record({
    a: u32,
    b: u32,
    bits: fc.constantFrom(0, 1, 2, 3, 6, 0x8000_0001, 0xffff_ffff),
    wide: u64,
    text,
    text2: text,
    path,
    address,
    list: fc.array(text, { maxLength: 4 }),
  }),
});

const resources: readonly (BatchResource | undefined)[] = [
  undefined,
  { attributes: [] },
  { attributes: [['service.name', 'other']] },
  { attributes: [['service.name', 'other']] },
  {
    attributes: [
      ['service.name', 'third'],
      ['container.id', 'c'.repeat(64)],
      ['flag', true],
    ],
  },
];
const omissions: readonly (ReadonlySet<string> | undefined)[] = [
  undefined,
  new Set(headNames),
  ...Array.from(headNames, (name) => new Set([name])),
  new Set(Array.from(headNames).filter((_, index) => index % 2 === 0)),
];

const contextBytes = 24;
/** None, a trace and span, another span of it, a trace alone. */
const contextTable: StringTable = {
  bytes: Uint8Array.from({ length: 3 * contextBytes }, (_, at) => (at < 2 * contextBytes + 16 ? (at * 37 + 1) & 0xff : 0)),
  offsets: Uint32Array.of(0, 0, contextBytes, 2 * contextBytes),
  lengths: Uint32Array.of(0, contextBytes, contextBytes, contextBytes),
  count: 4,
};

/** Several frames of several batches each; processors' columns change between the batches of one frame in some of them. */
export const batches: fc.Arbitrary<readonly Batch[]> = fc
  .array(
    fc.record({
      wallOffsetNs: fc.bigInt({ min: 0n, max: 2n ** 61n }),
      actors: fc.array(actor, { minLength: 1, maxLength: 4 }),
      rows: fc.array(row, { minLength: 1, maxLength: 8 }),
      sources: fc.array(attributeSource, { maxLength: 2 }),
      views: fc.array(
        fc.record({
          schema,
          receiver: fc.constantFrom('process', 'process/second', 'syscalls'),
          selected: fc.option(fc.array(fc.nat(), { maxLength: 6 }), { nil: undefined }),
          ids: fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
          columns: fc.constantFrom(0, 1, 2),
          resource: fc.constantFrom(undefined, ...resources),
          rowResources: fc.option(
            fc.record({
              list: fc.array(fc.constantFrom(...resources), { maxLength: 6 }),
              ids: fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
            }),
            { nil: undefined },
          ),
          omitted: fc.constantFrom(undefined, undefined, ...omissions),
          contexts: fc.option(fc.array(fc.nat(contextTable.count - 1), { minLength: 8, maxLength: 8 }), { nil: undefined }),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((frames) =>
    frames.flatMap(({ wallOffsetNs, actors, rows, sources, views }, sequence) => {
      const builder = createFrameBuilder({ wallOffsetNs, sequence });
      const indexes = [NO_ACTOR, ...actors.map((input) => builder.addActor(input))];
      for (const input of rows) builder.addRow(1, { ...input, actor: indexes[input.actor % indexes.length]! });
      const frame = builder.build();
      const built = frame.batches[0]!;
      return views.map(({ schema: kind, receiver, selected, ids, columns, resource, rowResources, omitted, contexts }): Batch => {
        const columnsOf = (count: number, from: number): AttributeColumn[] =>
          sources.slice(0, columns).map((source, index) => ({
            source,
            ids: Uint32Array.from({ length: count }, (_, i) => ids[(from + i + index * 7) % ids.length]! % source.count),
          }));
        return {
          kind,
          receiver,
          frame,
          rows: built.rows,
          bootNsLo: built.bootNsLo,
          bootNsHi: built.bootNsHi,
          actor: built.actor,
          columns: built.columns,
          selection: selected && Uint32Array.from(selected, (index) => index % built.rows),
          actorAttributes: columnsOf(frame.actors.count, 0),
          rowAttributes: columnsOf(built.rows, 17),
          resource,
          rowResources: rowResources && {
            ids: Uint32Array.from(built.actor, (_, index) => rowResources.ids[index]! % (rowResources.list.length + 1)),
            list: [undefined, ...rowResources.list],
          },
          omitted,
          contexts: contexts && { strings: contextTable, ids: Uint32Array.from(contexts) },
        };
      });
    }),
  );
