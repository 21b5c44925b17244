import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { doubleValue, rowsOf, type Attribute, type AttributeSource, type AttributeValue, type Batch } from '../../../src/core/batch.ts';
import { createFrameBuilder } from '../../../src/core/frame-builder.ts';
import { attributesOf } from '../../../src/otlp/log-text.ts';
import { createLogWriter, type LogRequest } from '../../../src/otlp/log-writer.ts';
import { attributeName } from '../../../src/otlp/names.ts';
import { encodeAttributes } from '../../../src/otlp/wire.ts';
import { attributesConfig } from '../../../src/processors/attributes/config.ts';
import { attributesProcessor } from '../../../src/processors/attributes/index.ts';
import type { ActionConfig } from '../../../src/processors/shared/actions-config.ts';
import { decodeRequest } from '../../support/otlp.ts';
import { createLookups, runThrough, settingsOf } from '../harness.ts';

type Input = { readonly actions: readonly ActionConfig[]; readonly include?: object; readonly exclude?: object };

const processorOf = (input: object) =>
  attributesProcessor.create(settingsOf(createLookups(), 'attributes') as never, attributesConfig.parse(input) as never);

const exported = (batches: readonly Batch[]): readonly (readonly Attribute[])[] => {
  const requests: LogRequest[] = [];
  const writer = createLogWriter({ resource: [], version: '0', onRequest: (request) => requests.push(request) });
  for (const batch of batches) writer.append(batch);
  writer.flush();
  return requests.flatMap(({ bytes }) => decodeRequest(bytes).records.map(({ attributes }) => attributes));
};

/** A source like those of the kernel services: sets by id; whether it tells its names, and whether ids share. */
const sourceOf = (sets: readonly (readonly Attribute[])[], tellsNames: boolean): AttributeSource => {
  const all: readonly (readonly Attribute[])[] = [[], ...sets];
  const bytes = all.map((set) => encodeAttributes(set));
  return {
    ...(tellsNames && { names: new Set(sets.flat().map(([name]) => name)) }),
    createdUs: (id) => 1_790_000_000_000_000 + id,
    size: (id) => bytes[id]!.length,
    write(id, out, at) {
      out.set(bytes[id]!, at);
      return at + bytes[id]!.length;
    },
    entries: (id) => all[id]!,
  };
};

// Every name has one place where it can stand, as in a record of the product, so that no record has one twice to begin with.
const headNames = [attributeName.processPid, attributeName.threadComm, attributeName.processCreationTime, attributeName.cgroupId];
const fieldNames = ['field.text', 'field.list', 'field.number'];
const actorNames = ['actor.path', 'actor.owner'];
const rowNames = ['row.caller', 'row.more'];
const newNames = ['new.one', 'new.two', 'first'];
const anyName = fc.constantFrom(...headNames, ...fieldNames, ...actorNames, ...rowNames, ...newNames);

const text = fc.oneof(
  fc.constantFrom('', '42', '-7', '0', '-0', '1.5', 'é', '/usr/bin/ls', '9223372036854775808'),
  fc.string({ maxLength: 8 }),
);
const value: fc.Arbitrary<string | number | boolean | string[]> = fc.oneof(
  text,
  fc.integer(),
  fc.constantFrom(1.5, -0.25),
  fc.boolean(),
  fc.array(text, { maxLength: 2 }),
);

const setting = fc.record(
  { key: anyName, action: fc.constantFrom('insert' as const, 'update' as const, 'upsert' as const) },
  { requiredKeys: ['key', 'action'] },
);
const namePattern = fc.constantFrom('^field', 'process', 'o', '^ringtail\\.', 'nothing at all');
const action: fc.Arbitrary<ActionConfig> = fc.oneof(
  fc.tuple(setting, value).map(([entry, to]) => ({ ...entry, value: to })),
  fc.tuple(setting, anyName, fc.option(value, { nil: undefined })).map(([entry, from, byDefault]) => ({
    ...entry,
    from_attribute: from,
    ...(byDefault !== undefined && { default_value: byDefault }),
  })),
  anyName.map((key) => ({ key, action: 'delete' as const })),
  anyName.map((key) => ({ key, action: 'hash' as const })),
  fc.tuple(fc.constantFrom('delete' as const, 'hash' as const), namePattern).map(([act, pattern]) => ({ action: act, pattern })),
  anyName.map((key) => ({ key, action: 'extract' as const, pattern: '^/(?P<first>[a-z]+)/(?:(?P<second>b)|x)?' })),
  fc
    .tuple(anyName, fc.constantFrom('int' as const, 'double' as const, 'string' as const))
    .map(([key, to]) => ({ key, action: 'convert' as const, converted_type: to })),
);

const matching = fc.option(
  fc.record(
    {
      match_type: fc.constant('strict'),
      event_names: fc.constantFrom(['test.event'], ['other.event']),
      attributes: fc.array(fc.record({ key: anyName, value: fc.oneof(text, fc.integer({ min: 0, max: 3 })) }, { requiredKeys: ['key'] }), {
        minLength: 1,
        maxLength: 2,
      }),
    },
    { requiredKeys: ['match_type', 'attributes'] },
  ),
  { nil: undefined },
);

const input: fc.Arbitrary<Input> = fc
  .record({ actions: fc.array(action, { minLength: 1, maxLength: 5 }), include: matching, exclude: matching })
  .map(({ actions, include, exclude }) => ({ actions, ...(include && { include }), ...(exclude && { exclude }) }));

type Row = { readonly actor: number; readonly text: string; readonly list: string[]; readonly number: number; readonly ids: number };
type Parts = {
  readonly rows: readonly Row[];
  readonly selected: readonly number[] | undefined;
  readonly actorSets: readonly (readonly Attribute[])[];
  readonly rowSets: readonly (readonly Attribute[])[];
  readonly tellsNames: boolean;
  readonly comms: readonly string[];
};

const row: fc.Arbitrary<Row> = fc.record({
  actor: fc.nat(3),
  text,
  list: fc.array(text, { maxLength: 3 }),
  number: fc.integer({ min: 0, max: 3 }),
  ids: fc.nat(2),
});
const setsOf = (names: readonly string[]) =>
  fc.array(
    fc
      .tuple(...names.map(() => fc.option(text, { nil: undefined })))
      .map((texts) => texts.flatMap((one, index): Attribute[] => (one === undefined ? [] : [[names[index]!, one]]))),
    { minLength: 2, maxLength: 2 },
  );

const batchOf = ({ rows, selected, actorSets, rowSets, tellsNames, comms }: Parts): Batch => {
  const builder = createFrameBuilder({ wallOffsetNs: 1_790_000_000_000_000_000n });
  const actors = comms.map((comm, index) => builder.addActor({ pid: index, tid: index, comm, cgroupId: BigInt(index) }));
  for (const { actor, text: content, list, number } of rows)
    builder.addRow(1, { bootNs: 1n, actor: actors[actor % 3]!, columns: { text: content, list, number } });
  const frame = builder.build();
  const built = frame.batches[0]!;
  return {
    ...built,
    kind: {
      eventName: 'test.event',
      fields: [
        { name: 'field.text', type: 'string', column: 'text' },
        { name: 'field.list', type: 'strings', column: 'list', count: 'listKept' },
        { name: 'field.number', type: 'u32', column: 'number', when: { column: 'number', mask: 1, is: 'set' } },
      ],
    },
    receiver: 'test',
    frame,
    selection: selected && Uint32Array.from(selected, (index) => index % rows.length),
    actorAttributes: [{ source: sourceOf(actorSets, tellsNames), ids: Uint32Array.of(0, 1, 2) }],
    rowAttributes: [{ source: sourceOf(rowSets, tellsNames), ids: Uint32Array.from(rows, ({ ids }) => ids) }],
    resource: undefined,
    omitted: undefined,
  };
};

const batches: fc.Arbitrary<Batch> = fc
  .record({
    rows: fc.array(row, { minLength: 1, maxLength: 12 }),
    selected: fc.option(fc.uniqueArray(fc.nat(11), { maxLength: 6 }), { nil: undefined }),
    actorSets: setsOf(actorNames),
    rowSets: setsOf(rowNames),
    tellsNames: fc.boolean(),
    comms: fc.array(text, { minLength: 3, maxLength: 3 }),
  })
  .map(batchOf);

/** Rows of which only what is given matters. */
const plainBatch = (rows: readonly Partial<Row>[]): Batch =>
  batchOf({
    rows: rows.map((one) => ({ actor: 0, text: '', list: [], number: 0, ids: 0, ...one })),
    selected: undefined,
    actorSets: [[], []],
    rowSets: [[], []],
    tellsNames: true,
    comms: ['', '', ''],
  });

type Example = [sent: Batch[], configs: Input[]];
const convert = (key: string, to: 'int' | 'double'): ActionConfig => ({ key, action: 'convert', converted_type: to });
/** Found by chance, and seldom. */
const examples: Example[] = [
  [[plainBatch([{}])], [{ actions: [{ key: 'field.text', action: 'upsert', value: -0.25 }, convert('field.text', 'int')] }]],
  [[plainBatch([{ text: '-0' }])], [{ actions: [convert('field.text', 'int')] }]],
  // zero and negative zero are one integer and two doubles
  [[plainBatch([{ text: '0' }, { text: '-0' }])], [{ actions: [convert('field.text', 'double'), { key: 'field.text', action: 'hash' }] }]],
  [
    [plainBatch([{ text: '0' }, { text: '-0' }])],
    [{ actions: [convert('field.text', 'double')] }, { actions: [{ key: 'field.text', action: 'hash' }] }],
  ],
  // a double that is whole matches by its value
  [
    [plainBatch([{ number: 1 }, { number: 3 }])],
    [
      { actions: [convert('field.number', 'double')] },
      {
        actions: [{ key: 'new.one', action: 'insert', value: 'x' }],
        include: { match_type: 'strict', attributes: [{ key: 'field.number', value: 3 }] },
      },
    ],
  ],
];

/** The actions in plain words, on plain attributes: what the documentation of the Collector says. */
const model = ({ actions, include, exclude }: Input, attributes: readonly Attribute[]): ReadonlyMap<string, AttributeValue> => {
  const record = new Map(attributes);
  const fits = (match: object): boolean => {
    const { event_names: events, attributes: wanted } = match as {
      event_names?: string[];
      attributes: { key: string; value?: AttributeValue }[];
    };
    return (
      (events === undefined || events.includes('test.event')) &&
      wanted.every((one) => record.has(one.key) && (one.value === undefined || plain(record.get(one.key)!) === one.value))
    );
  };
  if ((include !== undefined && !fits(include)) || (exclude !== undefined && fits(exclude))) return record;
  for (const one of actions) {
    const { key = '', pattern = '$.^' } = one;
    const old = record.get(key);
    const regexp = new RegExp(pattern.replaceAll('?P<', '?<'));
    const from = one.value ?? (one.from_attribute === undefined ? undefined : record.get(one.from_attribute)) ?? one.default_value;
    if (one.action === 'insert' && from !== undefined && old === undefined) record.set(key, from);
    if (one.action === 'update' && from !== undefined && old !== undefined) record.set(key, from);
    if (one.action === 'upsert' && from !== undefined) record.set(key, from);
    if (one.action === 'delete') for (const name of Array.from(record.keys())) if (name === key || regexp.test(name)) record.delete(name);
    if (one.action === 'hash')
      for (const [name, content] of Array.from(record)) if (name === key || regexp.test(name)) record.set(name, modelHash(content));
    if (one.action === 'extract' && typeof old === 'string')
      for (const [name, found] of Object.entries(regexp.exec(old)?.groups ?? {})) record.set(name, found ?? '');
    if (one.action === 'convert' && old !== undefined) record.set(key, modelConvert(old, one.converted_type!));
  }
  return record;
};
const isInt = (content: AttributeValue) => typeof content === 'bigint' || Number.isSafeInteger(content);
const modelHash = (content: AttributeValue): string => {
  const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  if (typeof content === 'string') return hash(new TextEncoder().encode(content.toWellFormed()));
  if (typeof content === 'boolean') return hash(Uint8Array.of(Number(content)));
  if (Array.isArray(content)) return '';
  if (isInt(content)) return hash(new Uint8Array(BigInt64Array.of(BigInt(content as number)).buffer));
  return hash(new Uint8Array(Float64Array.of(plain(content) as number).buffer));
};
const modelConvert = (content: AttributeValue, to: string): AttributeValue => {
  if (to === 'string') return Array.isArray(content) ? JSON.stringify(content) : String(content);
  if (Array.isArray(content)) return content;
  if (typeof content === 'string') {
    const fits = to === 'int' ? /^[-+]?\d+$/ : /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
    if (!fits.test(content)) return content;
    if (to === 'int' && BigInt.asIntN(64, BigInt(content.replace('+', ''))) !== BigInt(content.replace('+', ''))) return content;
  }
  // an integer has no negative zero
  return to === 'int' ? Math.trunc(Number(content)) + 0 : doubleValue(Number(content));
};
/** As the oracle gives it: a double is a number. */
const plain = (content: AttributeValue): AttributeValue =>
  typeof content === 'object' && 'double' in content
    ? content.double
    : typeof content === 'string'
      ? content.toWellFormed()
      : Array.isArray(content)
        ? content.map((item: string) => item.toWellFormed())
        : content;

const rowsIn = (batch: Batch): readonly number[] => Array.from({ length: rowsOf(batch) }, (_, i) => batch.selection?.[i] ?? i);
const sorted = (attributes: Iterable<Attribute>) =>
  [...attributes].map(([name, one]) => [name, plain(one)] as const).toSorted(([a], [b]) => (a < b ? -1 : 1));

describe('attributes processor', () => {
  it('exports what its actions make of the plain record, each name once', () => {
    fc.assert(
      fc.property(fc.array(batches, { minLength: 1, maxLength: 3 }), fc.array(input, { minLength: 1, maxLength: 2 }), (sent, configs) => {
        const out = configs.reduce((stream, config) => runThrough(processorOf(config), stream), sent as readonly Batch[]);
        const expected = sent.flatMap((batch) =>
          rowsIn(batch).map((index) =>
            sorted(configs.reduce((record, config) => [...model(config, record)], attributesOf(batch, index) as readonly Attribute[])),
          ),
        );
        expect(exported(out).map(sorted)).toEqual(expected);
        expect(out.flatMap((batch) => rowsIn(batch).map((index) => sorted(attributesOf(batch, index))))).toEqual(expected);
      }),
      { numRuns: 300, examples },
    );
  }, 60_000);
});
