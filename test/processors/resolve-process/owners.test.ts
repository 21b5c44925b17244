import { describe, expect, it } from 'vitest';
import { NO_ACTOR, type Batch } from '../../../src/core/batch.ts';
import { createKernelFrameBuilder } from '../../../src/kernel/frame-builder.ts';
import { eventKind, netFlag, netTransport, sessionKnownBy } from '../../../src/kernel/layouts.gen.ts';
import type { KernelLookups } from '../../../src/kernel/service-types.ts';
import { tupleKey, type LookupTuple } from '../../../src/kernel/sockets/lookup-cache.ts';
import type { SocketAnswer } from '../../../src/kernel/sockets/lookup.ts';
import { attributesOf as wholeRow } from '../../../src/otlp/log-text.ts';
import { resolveProcessConfig } from '../../../src/processors/resolve-process/config.ts';
import { resolveProcessProcessor } from '../../../src/processors/resolve-process/index.ts';
import { sessionSchemas } from '../../../src/receivers/shared/session-schemas.ts';
import { batchesOf, createLookups, runThrough, settingsOf } from '../harness.ts';

const AF_INET = 2;
const local = Uint8Array.of(10, 0, 0, 5);
const peer = Uint8Array.of(10, 0, 0, 9);
const tuple: LookupTuple = { protocol: 'tcp', local, localPort: 443, peer, peerPort: 51_234 };

type Asked = { readonly key: string; readonly atNs: bigint };

/** Processors over kernel services whose look-up gives this answer. */
const run = (answer: Partial<SocketAnswer> | undefined, rows: (builder: ReturnType<typeof createKernelFrameBuilder>) => void) => {
  const asked: Asked[] = [];
  const socketLookup: NonNullable<KernelLookups['socketLookup']> = {
    find: async () => [],
    peek(about, atNs) {
      asked.push({ key: tupleKey(about), atNs });
      return answer === undefined
        ? undefined
        : ({ pid: 12, startNs: 5_000_000_000n, knownBy: 'procfs', source: 'cache', ...answer } as SocketAnswer);
    },
    close() {},
  };
  const builder = createKernelFrameBuilder({ wallOffsetNs: 1_760_000_000_000_000_000n });
  rows(builder);
  const frame = builder.build();
  const kernel = { ...createLookups(), socketLookup };
  const processor = resolveProcessProcessor.create(settingsOf(kernel, 'resolve_process') as never, resolveProcessConfig.parse({}) as never);
  const batches = batchesOf(frame).map((batch, index) => ({
    ...batch,
    kind: sessionSchemas.get(frame.batches[index]!.kind) ?? batch.kind,
  }));
  return { asked, batches, out: runThrough(processor, batches) };
};

const columns = {
  transport: netTransport.tcp,
  family: AF_INET,
  netFlags: netFlag.isInet,
  local,
  peer,
  localPort: 443,
  peerPort: 51_234,
  knownBy: sessionKnownBy.not,
};
const told = (batch: Batch, row: number) => wholeRow(batch, row).filter(([name]) => /^process|attribution/.test(name));

describe('a record without an acting process', () => {
  it('names the owner of its connection at its moment, and how that is known', () => {
    const { asked, out } = run({ executable: '/usr/sbin/nginx' }, (builder) =>
      builder.addRow(eventKind.sessionEnd, { bootNs: 77n, actor: NO_ACTOR, columns }),
    );
    expect(asked).toEqual([{ key: tupleKey(tuple), atNs: 77n }]);
    expect(told(out[0]!, 0)).toEqual([
      ['process.pid', 12],
      ['process.creation.time', '2025-10-09T08:53:25.000000Z'],
      ['process.executable.name', 'nginx'],
      ['process.executable.path', '/usr/sbin/nginx'],
      ['ringtail.attribution', 'procfs'],
    ]);
    expect(out[0]!.mayRepeat).not.toBe(true);
  });

  it('leaves out what is not known of the owner', () => {
    const { out } = run({ startNs: undefined, knownBy: 'event' }, (builder) =>
      builder.addRow(eventKind.sessionEnd, { bootNs: 77n, actor: NO_ACTOR, columns }),
    );
    expect(told(out[0]!, 0)).toEqual([
      ['process.pid', 12],
      ['ringtail.attribution', 'ebpf'],
    ]);
  });

  it('stays as it is when nobody is known', () => {
    const { asked, batches, out } = run(undefined, (builder) =>
      builder.addRow(eventKind.sessionEnd, { bootNs: 77n, actor: NO_ACTOR, columns }),
    );
    expect(asked).toHaveLength(1);
    expect(out[0]!.columns).toBe(batches[0]!.columns);
    expect(told(out[0]!, 0)).toEqual([['ringtail.attribution', 'none']]);
  });

  it('does not change its neighbours, nor the batch that came', () => {
    const { asked, batches, out } = run({}, (builder) => {
      const known = builder.addActor({ pid: 99, startNs: 1n });
      builder.addRow(eventKind.sessionEnd, { bootNs: 1n, actor: known, columns: { ...columns, knownBy: sessionKnownBy.byEvent } });
      builder.addRow(eventKind.sessionEnd, { bootNs: 2n, actor: NO_ACTOR, columns });
    });
    expect(asked.map(({ atNs }) => atNs)).toEqual([2n]);
    expect(told(out[0]!, 0).filter(([name]) => name === 'process.pid')).toEqual([['process.pid', 99]]);
    expect(told(out[0]!, 1)[0]).toEqual(['process.pid', 12]);
    expect([...batches[0]!.columns['knownBy']!]).toEqual([sessionKnownBy.byEvent, sessionKnownBy.not]);
  });

  it.each([
    ['without a peer', { peer: new Uint8Array(0), peerPort: 0 }],
    ['without ports', { localPort: 0 }],
    ['of a protocol without ports', { transport: netTransport.icmp }],
  ])('is not asked about %s', (_, over) => {
    const { asked } = run({}, (builder) =>
      builder.addRow(eventKind.sessionEnd, { bootNs: 2n, actor: NO_ACTOR, columns: { ...columns, ...over } }),
    );
    expect(asked).toEqual([]);
  });

  it('is not asked about records of other kinds', () => {
    const { asked } = run({}, (builder) => builder.addRow(eventKind.exec, { bootNs: 2n, actor: NO_ACTOR, columns: { path: '/x' } }));
    expect(asked).toEqual([]);
  });
});
