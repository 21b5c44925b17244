/** Random rules and records that have a good chance to meet, and frames of the records. */
import fc from 'fast-check';
import type { Batch, EventSchema } from '../../../src/core/batch.ts';
import { NO_ACTOR } from '../../../src/core/batch.ts';
import { createFrameBuilder } from '../../../src/core/frame-builder.ts';
import type { AddressTest, PortTest, ResultTest, Rule, RuleSet, SizeTest, TextTest } from '../../../src/core/rules.ts';
import { callFlag, callId, eventKind, headFlag, netFlag, netTransport, pathFlag, sessionFlag } from '../../../src/kernel/layouts.gen.ts';
import type { KernelLookups } from '../../../src/kernel/service-types.ts';
import { attributeName, eventName } from '../../../src/otlp/names.ts';
import { callSchemas } from '../../../src/receivers/shared/call-schemas.ts';
import { sessionSchemas } from '../../../src/receivers/shared/session-schemas.ts';
import { execSchema, exitSchema } from '../../../src/receivers/shared/process-schemas.ts';
import { parseTextTest } from '../../../src/processors/filter/text-tests.ts';
import type { ModelRecord, ModelWho } from './model.ts';

const schemas = callSchemas('x86_64');
export const kinds: readonly (readonly [number, EventSchema])[] = [
  ...[
    eventKind.open, eventKind.read, eventKind.write, eventKind.unlink, eventKind.connect, eventKind.accept, eventKind.send,
    eventKind.receive, eventKind.close, eventKind.callFailed,
  ].map((kind) => [kind, schemas.get(kind)!] as const),
  ...sessionSchemas,
  [eventKind.exec, execSchema(true)],
  [eventKind.exit, exitSchema],
]; // prettier-ignore

const parts = ['/', '/', 'a', 'b', 'usr', 'lib', '..', '.', 'é', '€', '\\'];
const text = fc.array(fc.constantFrom(...parts), { maxLength: 5 }).map((list) => list.join(''));
const bytes = fc.oneof(
  { weight: 8, arbitrary: text.map((value) => Buffer.from(value).toString('latin1')) },
  { weight: 1, arbitrary: fc.array(fc.constantFrom('/', 'a', '\u00c3', '\u00a9', '\u00e2', '\u0082', '\u00ff'), { maxLength: 5 }).map((list) => list.join('')) },
); // prettier-ignore
const textTest: fc.Arbitrary<TextTest> = fc.oneof(
  fc.array(fc.constantFrom(...parts, '*', '?', '\\*', '*'), { minLength: 1, maxLength: 5 }).map((list) => parseTextTest(list.join(''))),
  text.map((value): TextTest => ({ type: 'exact', text: value })),
  text.map((value): TextTest => ({ type: 'prefix', text: value })),
);
const some = <T>(arbitrary: fc.Arbitrary<T>, maxLength = 3) => fc.array(arbitrary, { minLength: 1, maxLength });
const number = fc.integer({ min: 1, max: 4 });

const portTest: fc.Arbitrary<PortTest> = fc
  .tuple(number, fc.constantFrom(0, 0, 1, 2, 100))
  .map(([min, more]) => ({ text: '', min, max: min + more }));

const address = fc.oneof(
  fc.array(fc.constantFrom(10, 0, 255), { minLength: 4, maxLength: 4 }),
  fc
    .array(fc.constantFrom(10, 0, 255), { minLength: 4, maxLength: 4 })
    .map((v4) => [...Array.from({ length: 10 }, () => 0), 255, 255, ...v4]),
  fc.array(fc.constantFrom(0xfd, 0), { minLength: 16, maxLength: 16 }),
);
const addressTest: fc.Arbitrary<AddressTest> = fc
  .tuple(address, fc.nat(128))
  .map(([list, bits]) => ({ text: '', bytes: Uint8Array.from(list), bits: bits % (list.length * 8 + 1) }));
const resultTest: fc.Arbitrary<ResultTest> = fc.constantFrom(
  { text: 'success', type: 'success', errno: 0 },
  { text: 'failure', type: 'failure', errno: 0 },
  { text: 'ENOENT', type: 'error', errno: 2 },
  { text: 'EACCES', type: 'error', errno: 13 },
);
const sizeTest: fc.Arbitrary<SizeTest> = fc.record({ text: fc.constant(''), min: fc.nat(4), max: fc.nat(4) }, { requiredKeys: ['text'] });
const container = '0123456789abcdef'.repeat(4);
const cgroups = ['/', '/a', `/docker/${container}`, `/a/docker-${container}.scope`];

const whoTests = {
  comm: some(textTest),
  executable: some(textTest),
  user: some(textTest),
  uid: some(number),
  pid: some(number),
  parent: some(textTest),
  parentPid: some(number),
  cgroup: some(fc.oneof(textTest, fc.constantFrom(...cgroups.map((path): TextTest => ({ type: 'exact', text: path }))))),
  container: some(
    fc.constantFrom<TextTest>({ type: 'prefix', text: '0123' }, { type: 'exact', text: container }, { type: 'prefix', text: 'f' }),
    1,
  ),
  kernelThread: fc.boolean(),
  nestedPidNamespace: fc.boolean(),
};
const whatTests = {
  event: some(fc.constantFrom<TextTest>({ type: 'prefix', text: 'ringtail.file.' }, { type: 'prefix', text: 'ringtail.network.' }, { type: 'prefix', text: 'ringtail.session.' }, { type: 'prefix', text: '' }, { type: 'glob', text: '*.open' }, { type: 'exact', text: 'ringtail.file.read' })),
  path: some(textTest, 6),
  address: some(addressTest, 6),
  port: some(portTest),
  localAddress: some(addressTest, 6),
  localPort: some(portTest),
  result: some(resultTest),
  size: some(sizeTest),
}; // prettier-ignore

/** Few fields a rule, or nothing would ever match. */
const fewOf = <T extends Record<string, unknown>>(fields: T): Partial<T> => {
  const names = Object.keys(fields).slice(0, 3);
  return Object.fromEntries(names.map((name) => [name, fields[name]])) as Partial<T>;
};
const tests = fc
  .tuple(
    fc.shuffledSubarray(Object.keys({ ...whoTests, ...whatTests }) as (keyof typeof whoTests | keyof typeof whatTests)[], {
      minLength: 1,
      maxLength: 3,
    }),
    fc.record({ ...whoTests, ...whatTests }),
  )
  .map(([names, all]) => fewOf(Object.fromEntries(names.map((name) => [name, all[name]]))) as Rule['tests']);

export const ruleSet: fc.Arbitrary<RuleSet> = fc
  .record({
    rules: fc.array(
      fc.record({
        stage: fc.constantFrom('process' as const, 'context' as const),
        action: fc.constantFrom('drop' as const, 'drop' as const, 'keep' as const),
        tests,
      }),
      { maxLength: 8 },
    ),
    neverDrop: fc.array(
      fc.constantFrom<TextTest>({ type: 'exact', text: eventName.processExec }, { type: 'prefix', text: 'ringtail.network.c' }),
      {
        maxLength: 1,
      },
    ),
  })
  .map(({ rules, neverDrop }) => ({
    // as the filter orders them: by stage, what is dropped first
    rules: rules
      .toSorted((a, b) => (a.stage === b.stage ? 0 : a.stage === 'process' ? -1 : 1))
      .map((rule, index) => ({ id: `rule ${index}`, ...rule })),
    neverDrop,
    hasMore: false,
  }));

const who: fc.Arbitrary<ModelWho> = fc
  .record({
    comm: bytes.map((value) => value.slice(0, 15)),
    executable: fc.option(bytes.filter((value) => value !== ''), { nil: undefined }),
    user: fc.option(text.filter((value) => value !== ''), { nil: undefined }),
    uid: number,
    pid: number,
    parent: fc.option(bytes.filter((value) => value !== ''), { nil: undefined }),
    parentPid: number,
    cgroup: fc.option(fc.constantFrom(...cgroups), { nil: undefined }),
    kernelThread: fc.boolean(),
    nestedPidNamespace: fc.boolean(),
  })
  .map((one) => ({
    ...one,
    user: one.user === undefined ? undefined : Buffer.from(one.user).toString('latin1'),
    container: one.cgroup?.includes('docker') === true ? container : undefined,
  })); // prettier-ignore

export type Row = {
  readonly kind: number;
  readonly actor: number;
  readonly record: Omit<ModelRecord, 'who' | 'event'> & { readonly shown: 'plain' | 'any' | 'zone' };
};

/** Only sessions show more than plain addresses. */
const shownLocal = ({ local, shown }: Row['record'], isSession: boolean): readonly number[] => {
  if (!isSession || shown === 'plain') return local;
  return shown === 'any' ? [0x2a] : local.length === 16 ? [...local, 0x65, 0x74, 0x68] : local;
};
export const rows: fc.Arbitrary<readonly Row[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...kinds.map(([kind]) => kind)),
    actor: fc.integer({ min: -1, max: 3 }),
    record: fc.record({
      ret: fc.constantFrom(0, 1, 3, 100, -2, -13),
      messages: fc.boolean(),
      unverified: fc.constantFrom(false, false, true),
      path: bytes,
      isCut: fc.constantFrom(false, false, false, true),
      isDetached: fc.constantFrom(false, false, true),
      isPseudo: fc.boolean(),
      isInet: fc.constantFrom(true, true, false),
      peer: fc.oneof(address, fc.constant([]), fc.constantFrom([0, 0, 0, 0], Array<number>(16).fill(0))),
      port: fc.nat(4),
      local: fc.oneof(address, fc.constant([])),
      localPort: fc.nat(4),
      shown: fc.constantFrom('plain', 'plain', 'any', 'zone'),
      manyPeers: fc.constantFrom(false, false, false, true),
      isEcho: fc.constantFrom(false, false, false, true),
    }),
  }),
  { minLength: 1, maxLength: 20 },
);
export const actors = fc.array(who, { minLength: 4, maxLength: 4 });

/** Services that know of each actor what the model does. */
const lookupsFor = (known: readonly ModelWho[]): KernelLookups => {
  const all = Uint32Array.from(known, (_, index) => index + 1);
  const facts = (latin1: string | undefined) => (latin1 === undefined ? undefined : { bytes: Buffer.from(latin1, 'latin1'), flags: 0 });
  const source = (name: string, of: (id: number) => string | undefined) => ({ entries: (id: number) => [[name, of(id)]] });
  return {
    processes: {
      resolve: () => all,
      resolveParents: () => Uint32Array.from(known, (_, index) => index + 101),
      executable: (slot: number) => (slot > 100 ? facts(known[slot - 101]?.parent) : facts(known[slot - 1]?.executable)),
    },
    users: {
      resolve: () => ({ owners: Uint32Array.from(known, ({ user }, index) => (user === undefined ? 0 : index + 1)) }),
      ownerSource: source(attributeName.processOwner, (id) => Buffer.from(known[id - 1]!.user!, 'latin1').toString()),
    },
    cgroups: {
      resolve: () => ({ paths: Uint32Array.from(known, ({ cgroup }, index) => (cgroup === undefined ? 0 : index + 1)) }),
      source: source(attributeName.processLinuxCgroup, (id) => known[id - 1]!.cgroup),
    },
  } as unknown as KernelLookups;
};

/** The batches of a frame of the rows, and the record of each row of each batch. */
export const batchesOf = (list: readonly Row[], known: readonly ModelWho[]) => {
  const builder = createFrameBuilder({ wallOffsetNs: 0n });
  const ids = known.map((one, index) =>
    builder.addActor({
      pid: one.pid,
      // apart, or the builder would make one of equal actors
      tid: index + 1,
      ppid: one.parentPid,
      euid: one.uid,
      comm: Buffer.from(one.comm, 'latin1'),
      flags: (one.kernelThread ? headFlag.kernelThread : 0) | (one.nestedPidNamespace ? headFlag.nestedPidNs : 0),
    }),
  );
  for (const { kind, actor, record } of list) {
    const isCall = kind >= eventKind.connect && kind <= eventKind.close;
    const isSession = sessionSchemas.has(kind);
    builder.addRow(kind, {
      bootNs: 1n,
      actor: actor < 0 ? NO_ACTOR : ids[actor]!,
      columns: {
        ...(kind === eventKind.exit ? {} : { [isSession ? 'error' : 'ret']: record.ret >>> 0 }),
        ...(isSession
          ? {
              flags: record.manyPeers ? sessionFlag.manyPeers : 0,
              transport: record.isEcho ? netTransport.icmp : netTransport.udp,
            }
          : {}),
        call: record.messages ? (kind === eventKind.receive ? callId.recvmmsg : callId.sendmmsg) : callId.read,
        callFlags: record.unverified ? callFlag.isUnverified : 0,
        ...(isCall || isSession
          ? {
              peer: Uint8Array.from(record.peer),
              peerPort: record.port,
              local: Uint8Array.from(shownLocal(record, isSession)),
              localPort: record.localPort,
              netFlags: record.isInet ? netFlag.isInet : netFlag.isUnix,
            }
          : {
              path: Buffer.from(record.path, 'latin1'),
              pathFlags:
                (record.isCut ? pathFlag.truncated : 0) |
                (record.isDetached ? pathFlag.detached : 0) |
                (record.isPseudo ? pathFlag.pseudo : 0),
            }),
      },
    });
  }
  const frame = builder.build();
  return {
    lookups: lookupsFor(known),
    batches: frame.batches.map((built) => {
      const schema = kinds.find(([kind]) => kind === built.kind)![1];
      const batch: Batch = {
        ...built,
        kind: schema,
        receiver: 'test',
        frame,
        selection: undefined,
        actorAttributes: [],
        rowAttributes: [],
        resource: undefined,
        omitted: undefined,
      };
      const records = list
        .filter(({ kind }) => kind === built.kind)
        .map(({ actor, record }): ModelRecord => ({
          ...record,
          local: shownLocal(record, sessionSchemas.has(built.kind)),
          event: schema.eventName,
          who: actor < 0 ? undefined : known[actor],
        }));
      return { batch, records };
    }),
  };
};
