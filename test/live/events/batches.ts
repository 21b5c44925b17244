/** Batches of events as receivers emit them, random and by hand. */
import fc from 'fast-check';
import {
  NO_ACTOR,
  type Attribute,
  type AttributeSource,
  type Batch,
  type BatchResource,
  type EventSchema,
} from '../../../src/core/batch.ts';
import { createFrameBuilder, type ColumnInput } from '../../../src/core/frame-builder.ts';
import { callFlag, eventKind, netFlag, netTransport, pathFlag, sessionFlag } from '../../../src/kernel/layouts.gen.ts';
import { attributeName, eventName } from '../../../src/otlp/names.ts';
import { callSchemas } from '../../../src/receivers/shared/call-schemas.ts';
import { execSchema, exitSchema, failedExecSchema, forkSchema } from '../../../src/receivers/shared/process-schemas.ts';
import { sessionSchemas } from '../../../src/receivers/shared/session-schemas.ts';

const calls = callSchemas('x86_64');

/** A kind whose fields are of other types than those of the kernel. */
const odd: EventSchema = {
  eventName: 'ringtail.session.end',
  fields: [
    { name: attributeName.filePath, type: 'constant', value: '/etc/passwd' },
    { name: attributeName.networkPeerPort, type: 'decimal', column: 'wide' },
  ],
};

export const kinds: readonly EventSchema[] = [
  execSchema(true),
  exitSchema,
  forkSchema(true),
  failedExecSchema,
  ...[eventKind.open, eventKind.read, eventKind.unlink, eventKind.connect, eventKind.send, eventKind.callFailed].map((kind) =>
    calls.get(kind)!,
  ),
  ...sessionSchemas.values(),
  { eventName: eventName.loss, fields: [] },
  odd,
];

/** Attributes by id; id 0 has none. */
export const sourceOf = (sets: readonly (readonly Attribute[])[], names?: readonly string[]): AttributeSource => ({
  size: () => 0,
  write: (_id, _out, at) => at,
  entries: (id) => (id === 0 ? [] : sets[id - 1]!),
  names: names && new Set(names),
});

const paths = ['', '/', '/etc', '/etc/passwd', '/etcetera', '/tmp/a/b', 'passwd', '@/etc/passwd', '/etc/pass\u{1f600}'];
const text = fc.oneof(
  fc.constantFrom(...paths).map((path) => new TextEncoder().encode(path)),
  fc.constantFrom('/etc/passwd', '/tmp').map((path) => Uint8Array.of(0, ...new TextEncoder().encode(path))),
  fc.uint8Array({ maxLength: 6 }),
);
const number = fc.oneof(
  fc.constantFrom(0, 1, 53, 80, 443, 65_535, 0xffff_fffe),
  fc.constantFrom<number>(...Object.values(netFlag), ...Object.values(sessionFlag), ...Object.values(netTransport)),
  fc.constantFrom<number>(...Object.values(pathFlag), ...Object.values(callFlag)),
);

const textTypes: ReadonlySet<string> = new Set(['string', 'socketName', 'address', 'fileName']);
const wideTypes: ReadonlySet<string> = new Set(['u64', 'decimal']);

/** Every column that a field of the kind reads, but lists. */
const columnsOf = (kind: EventSchema): fc.Arbitrary<Readonly<Record<string, ColumnInput>>> => {
  const columns: Record<string, fc.Arbitrary<ColumnInput>> = {};
  for (const field of kind.fields) {
    for (const condition of [field.when ?? []].flat()) columns[condition.column.replace(/(?:Lo|Hi)$/, '')] ??= number;
    if (!('column' in field) || field.type === 'strings') continue;
    const { column } = field;
    if (textTypes.has(field.type)) columns[column] = text;
    else if (wideTypes.has(field.type) || /(?:Lo|Hi)$/.test(column)) columns[column.replace(/(?:Lo|Hi)$/, '')] = number.map(BigInt);
    else columns[column] ??= number;
  }
  return fc.record(columns);
};

const id = 'ab12'.padEnd(64, '0');
export const resources: readonly (BatchResource | undefined)[] = [
  undefined,
  { attributes: [['host.name', 'h']] },
  { attributes: [['host.name', 'h'], ['container.id', id], ['container.name', 'web']] }, // prettier-ignore
  { attributes: [['container.id', 'c'.repeat(64)], ['k8s.container.name', 'api'], ['container.name', 'k8s_api_1']] }, // prettier-ignore
  { attributes: [['container.name', 'host']] },
];

const whoNames = [
  attributeName.processExecutableName,
  attributeName.processExecutablePath,
  attributeName.processOwner,
  attributeName.container,
];
const whoSets: readonly (readonly Attribute[])[] = [
  [
    [attributeName.processExecutableName, 'curl'],
    [attributeName.processExecutablePath, '/usr/bin/curl'],
    [attributeName.processOwner, 'root'],
    [attributeName.container, false],
  ],
  [
    [attributeName.processExecutablePath, '/etc/passwd'],
    [attributeName.container, true],
  ],
  [[attributeName.processOwner, 'www']],
];
/** What processors may add to anything. */
const otherSets: readonly (readonly Attribute[])[] = [
  [[attributeName.filePath, '/etc/passwd']],
  [[attributeName.processOwner, 'www']],
  [
    [attributeName.networkTransport, 'unix'],
    [attributeName.networkPeerAddress, '/tmp/x'],
    [attributeName.networkPeerPort, 80],
  ],
  [
    [attributeName.container, true],
    [attributeName.processPid, 3],
  ],
];

const actor = fc.record({
  pid: fc.constantFrom(1, 2, 3),
  euid: fc.constantFrom(0, 33, 1000),
  comm: fc.constantFrom('curl', 'sh', 'a\u001b[2J'),
});

export const batch: fc.Arbitrary<Batch> = fc
  .constantFrom(...kinds)
  .chain((kind) =>
    fc.record({
      kind: fc.constant(kind),
      actors: fc.array(actor, { minLength: 1, maxLength: 4 }),
      rows: fc.array(fc.record({ actor: fc.nat(), columns: columnsOf(kind) }), { minLength: 1, maxLength: 8 }),
      whoIds: fc.array(fc.nat({ max: whoSets.length }), { minLength: 4, maxLength: 4 }),
      others: fc.option(
        fc.record({
          ofRows: fc.boolean(),
          isNamed: fc.boolean(),
          ids: fc.array(fc.nat({ max: otherSets.length }), { minLength: 8, maxLength: 8 }),
        }),
        { nil: undefined },
      ),
      resource: fc.constantFrom(...resources),
      rowResources: fc.option(fc.array(fc.nat({ max: resources.length - 1 }), { minLength: 8, maxLength: 8 }), { nil: undefined }),
      selected: fc.option(fc.array(fc.nat(), { maxLength: 6 }), { nil: undefined }),
      omitted: fc.constantFrom(undefined, undefined, new Set([attributeName.processPid])),
    }),
  )
  .map(({ kind, actors, rows, whoIds, others, resource, rowResources, selected, omitted }): Batch => {
    const builder = createFrameBuilder({ wallOffsetNs: 1_790_000_000_000_000_000n });
    const indexes = [NO_ACTOR, ...actors.map((input) => builder.addActor(input))];
    rows.forEach((row, index) =>
      builder.addRow(1, { bootNs: BigInt(index), actor: indexes[row.actor % indexes.length]!, columns: row.columns }),
    );
    const frame = builder.build();
    const built = frame.batches[0]!;
    const who = { source: sourceOf(whoSets, whoNames), ids: Uint32Array.from({ length: frame.actors.count }, (_, i) => whoIds[i]!) };
    const otherNames = otherSets.flat().map(([name]) => name);
    const other = others && {
      source: sourceOf(otherSets, others.isNamed ? otherNames : undefined),
      ids: Uint32Array.from({ length: others.ofRows ? built.rows : frame.actors.count }, (_, i) => others.ids[i]!),
    };
    return {
      kind,
      receiver: 'process',
      frame,
      rows: built.rows,
      bootNsLo: built.bootNsLo,
      bootNsHi: built.bootNsHi,
      actor: built.actor,
      columns: built.columns,
      selection: selected && Uint32Array.from(selected, (index) => index % built.rows),
      actorAttributes: [who, ...(other && others?.ofRows === false ? [other] : [])],
      rowAttributes: other && others?.ofRows === true ? [other] : [],
      resource,
      rowResources: rowResources && { ids: Uint32Array.from({ length: built.rows }, (_, i) => rowResources[i]!), list: resources },
      omitted,
    };
  });

export type EventInput = {
  readonly kind?: EventSchema;
  readonly pid?: number;
  readonly atNs?: bigint;
  readonly columns?: Readonly<Record<string, ColumnInput>>;
};

/** Events of one kind, that of the first. */
export const batchOf = (events: readonly EventInput[], receiver = 'process'): Batch => {
  const builder = createFrameBuilder({ wallOffsetNs: 1_790_000_000_000_000_000n });
  events.forEach(({ pid = 7, atNs, columns = {} }, index) =>
    builder.addRow(1, { bootNs: atNs ?? BigInt(index), actor: builder.addActor({ pid, comm: 'x' }), columns }),
  );
  const frame = builder.build();
  const { rows, bootNsLo, bootNsHi, actor: actors, columns } = frame.batches[0]!;
  return {
    kind: events[0]!.kind ?? exitSchema,
    receiver, frame, rows, bootNsLo, bootNsHi, actor: actors, columns, selection: undefined, actorAttributes: [], rowAttributes: [], resource: undefined, omitted: undefined,
  }; // prettier-ignore
};
